package symbols

import (
	"fmt"
	"strings"
)

// ParsePath reads a debugger's symbol path (_NT_SYMBOL_PATH): the folders of
// it in their order, and why other parts of it are left out. A part is a
// folder, or "srv*", "symsrv*DLL*" or "cache*" with folders and servers after
// asterisks. Servers are never asked, nor are folders on other machines.
func ParsePath(path string) (folders, notes []string) {
	for part := range strings.SplitSeq(path, ";") {
		words := strings.Split(strings.TrimSpace(part), "*")
		if len(words) > 1 {
			switch strings.ToLower(words[0]) {
			case "srv", "cache":
				words = words[1:]
			case "symsrv":
				words = words[min(2, len(words)):]
			}
		}
		for _, w := range words {
			switch {
			case w == "":
			case Network(w):
				notes = append(notes, fmt.Sprintf("%s of the symbol path is left out: nothing is read over the network", w))
			default:
				folders = append(folders, w)
			}
		}
	}
	return folders, notes
}

// Network reports whether a path leads to another machine: a URL, or a
// Windows path of a share.
func Network(path string) bool {
	return strings.Contains(path, "://") || strings.HasPrefix(path, `\\`) || strings.HasPrefix(path, "//")
}
