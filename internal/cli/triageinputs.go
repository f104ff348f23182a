package cli

import (
	"bufio"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// dumpSuffixes are the names that a file in a folder has when it is a dump.
var dumpSuffixes = []string{".dmp", ".mdmp", ".hdmp", ".dump"}

// packed are what may stand behind them.
var packed = []string{"", ".zst", ".gz", ".zip"}

// isDumpName reports whether a file of a folder is taken for a dump.
func isDumpName(name string) bool {
	name = strings.ToLower(name)
	for _, p := range packed {
		stem, ok := strings.CutSuffix(name, p)
		if ok && slices.ContainsFunc(dumpSuffixes, func(s string) bool { return strings.HasSuffix(stem, s) }) {
			return true
		}
	}
	return false
}

// inputs gathers the files of a triage: each once, where it was first named.
type inputs struct {
	app   *app
	files []string
	paths map[string]bool
	known map[identity][]string // files of one identity are compared by the system
}

// identity is what two names of one file have in common. Another file can have
// the same, but rarely has.
type identity struct{ size, changed int64 }

// add files a path, unless it, or the same file under another name (a link), is
// there already. A name that is no file stays: its dump then has the error.
func (in *inputs) add(path string) {
	key := filepath.Clean(path)
	if in.paths[key] {
		return
	}
	in.paths[key] = true
	if st, err := os.Stat(path); err == nil && st.Mode().IsRegular() {
		id := identity{st.Size(), st.ModTime().UnixNano()}
		for _, other := range in.known[id] {
			if o, err := os.Stat(other); err == nil && os.SameFile(st, o) {
				in.app.note("%s is the same file as %s and counts once", path, other)
				return
			}
		}
		in.known[id] = append(in.known[id], path)
	}
	in.files = append(in.files, path)
}

// triageInputs makes a list of files from arguments: files, folders with all
// below them, patterns, and - for a list on stdin, one a line. Each file
// stands once, where it was first named; what a folder or pattern stands for
// is in order of its path. A folder or a list without a dump is no error, since
// a build that leaves none behind is a good one; a pattern that matches nothing
// is, when nothing else was named either.
func (a *app) triageInputs(args []string) ([]string, error) {
	in := &inputs{app: a, paths: map[string]bool{}, known: map[identity][]string{}}
	stdin, unmatched := false, ""
	for _, arg := range args {
		if arg != "-" {
			if err := in.expand(arg, &unmatched); err != nil {
				return nil, err
			}
			continue
		}
		if stdin {
			return nil, usagef("- stands twice; there is one list on stdin")
		}
		stdin = true
		if err := in.list(a.env.Stdin, &unmatched); err != nil {
			return nil, err
		}
	}
	if len(in.files) == 0 && unmatched != "" {
		return nil, inputError(fmt.Errorf("no file matches %s; a folder may be empty, a pattern may not", unmatched))
	}
	return in.files, nil
}

// list reads a list of names, one a line; blank lines are none.
func (in *inputs) list(r io.Reader, unmatched *string) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	named := false
	for lines.Scan() {
		l := strings.TrimRight(lines.Text(), "\r")
		if strings.TrimSpace(l) == "" {
			continue
		}
		named = true
		if err := in.expand(l, unmatched); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return inputError(fmt.Errorf("the list on stdin: %w", err))
	}
	if !named {
		in.app.note("the list on stdin names no file")
	}
	return nil
}

// expand adds the files that one argument stands for. A pattern that no file
// matches is told, and kept in unmatched.
func (in *inputs) expand(arg string, unmatched *string) error {
	st, err := os.Stat(arg)
	switch {
	case err == nil && st.IsDir():
		return in.folder(arg)
	case err == nil || !strings.ContainsAny(arg, "*?["):
		in.add(arg)
		return nil
	}
	found, err := filepath.Glob(arg)
	if err != nil {
		return usagef("%q is no pattern: %w", arg, err)
	}
	n := 0
	for _, f := range found {
		if st, err := os.Stat(f); err == nil && st.IsDir() {
			continue
		}
		n++
		in.add(f)
	}
	if n == 0 {
		*unmatched = arg
		in.app.note("no file matches %s", arg)
	}
	return nil
}

// folder adds the dumps below a folder, which may be named by a link. Links to
// folders in it are not followed, so that there is no loop; pipes, sockets and
// devices in it are no dumps whatever they are called.
func (in *inputs) folder(root string) error {
	found := false
	start := root
	if st, err := os.Lstat(root); err == nil && !st.IsDir() && !os.IsPathSeparator(root[len(root)-1]) {
		start = root + string(filepath.Separator) // the walk looks behind a link only then
	}
	err := filepath.WalkDir(start, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			in.app.note("%s cannot be looked into: %v", path, err)
			if d != nil && d.IsDir() {
				return fs.SkipDir
			}
		case d.IsDir() || !isDumpName(d.Name()):
		default:
			if what := notADump(path, d); what != "" {
				in.app.note("%s is left out: %s", path, what)
				return nil
			}
			found = true
			in.add(path)
		}
		return nil
	})
	if err != nil {
		return inputError(fmt.Errorf("%s: %w", root, err))
	}
	if !found {
		in.app.note("no dump in %s: files called %s, also packed as .zst, .gz or .zip", root, strings.Join(dumpSuffixes, ", "))
	}
	return nil
}

// notADump says what in a folder is called like a dump and is no file; empty
// for a file, and for a link that leads nowhere, which has an error of its own.
func notADump(path string, d fs.DirEntry) string {
	mode := d.Type()
	if mode&fs.ModeSymlink != 0 {
		st, err := os.Stat(path)
		if err != nil {
			return ""
		}
		if mode = st.Mode(); mode.IsDir() {
			return "a link to a folder, which is not followed"
		}
	}
	switch {
	case mode&fs.ModeNamedPipe != 0:
		return "a pipe"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	case mode&(fs.ModeDevice|fs.ModeIrregular) != 0:
		return "a device"
	}
	return ""
}
