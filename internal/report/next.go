package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/heapdump/heapdump/internal/analysis/census"
)

// next suggests the commands worth running after a summary, with this dump's
// own addresses.
func next(d Dump, walked []*census.Heap, damaged bool) Table {
	t := values("next", nextTitle, nil)
	t.Media = ForPeople
	add := func(why, format string, args ...any) {
		t.Rows = append(t.Rows, []any{"# " + why}, []any{"heapdump " + fmt.Sprintf(format, args...)})
	}
	file := shell(d.Path)
	var largest *census.Heap
	for _, h := range walked {
		if !h.Target.Foreign && (largest == nil || h.BusyUser > largest.BusyUser) {
			largest = h
		}
	}
	if largest == nil {
		add("what the dump holds instead", "info %s", file)
		t.Notes = append(t.Notes, "To get a dump with heaps: procdump -ma PID, or Task Manager's \"Create memory dump file\".")
		return t
	}
	a := largest.Target.Address
	add("the heap with the most bytes in use, in full", "heap %v %s", a, file)
	add("its largest blocks", "walk --heap %v --state busy --sort -user_size --limit 20 %s", a, file)
	for _, h := range walked {
		if h.VirtualBlocks > 0 {
			add("its large allocations, outside the segments", "walk --heap %v --origin virtual %s", h.Target.Address, file)
			break
		}
	}
	for _, h := range walked {
		if h.Lost > 0 {
			add("what could not be read of it", "walk --heap %v --state lost %s", h.Target.Address, file)
			break
		}
	}
	if damaged {
		add("every problem, for a script", "summary --format csv --table problems %s", file)
	}
	return t
}

// Flag is a flag that was given and has its part in the answer; Only names the
// commands that know it, nil that all do.
type Flag struct {
	Name, Value string // Value is empty for a switch
	Only        []string
}

// Reproduce gives every command that the document suggests the flags that its
// answer needs to be about the same.
func (d *Document) Reproduce(flags []Flag) {
	for i := range d.Tables {
		t := &d.Tables[i]
		if t.Title != nextTitle {
			continue
		}
		for _, r := range t.Rows {
			if s, ok := r[0].(string); ok {
				r[0] = withFlags(s, flags)
			}
		}
	}
	if d.Triage != nil {
		d.Triage.flags = flags
	}
}

// nextTitle is over the commands that a document suggests.
const nextTitle = "Next"

// withFlags puts flags behind the verb of a command; other lines stay.
func withFlags(line string, flags []Flag) string {
	rest, ok := strings.CutPrefix(line, "heapdump ")
	if !ok {
		return line
	}
	verb, rest, _ := strings.Cut(rest, " ")
	out := "heapdump " + verb
	for _, f := range flags {
		if f.Only != nil && !slices.Contains(f.Only, verb) {
			continue
		}
		out += " --" + f.Name
		if strings.HasPrefix(f.Value, "-") {
			out += "=" + f.Value // of --roots; a folder's name would read as a flag
		} else if f.Value != "" {
			out += " " + shell(f.Value)
		}
	}
	return out + " " + rest
}

// shell quotes a file name for a command line when it needs quotes: double
// ones, which every shell takes, unless a POSIX shell would find something to
// run or to replace between them; then single ones. A name that begins like a
// flag gets its folder.
func shell(path string) string {
	if strings.HasPrefix(path, "-") {
		path = "./" + path
	}
	switch {
	case path != "" && !strings.ContainsAny(path, " \t\r\n\"'$&|;<>()*?[]#~`!{}^%"):
		return path
	case strings.ContainsAny(path, "$`!\"\r\n") || strings.HasSuffix(path, `\`):
		return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
	}
	return `"` + path + `"`
}
