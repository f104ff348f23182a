package report

import (
	"strings"

	"github.com/heapdump/heapdump/internal/debugger"
)

// Equivalents is the result of heapdump windbg --list: what the debugger's
// commands are here.
func Equivalents(all []debugger.Equivalent) *Document {
	t := fill(Table{Key: "equivalents", Main: true}, []field[debugger.Equivalent]{
		f("debugger", "In WinDbg", Text, func(e debugger.Equivalent) any { return e.Spelling }),
		f("heapdump", "heapdump, of the example", Text, func(e debugger.Equivalent) any { return word(strings.Join(e.Command, "; ")) }),
		f("example", "", Text, func(e debugger.Equivalent) any { return e.Example }),
		f("note", "Note, or what to use instead", Text, func(e debugger.Equivalent) any { return word(e.Note) }),
	}, all)
	return &Document{Tables: []Table{t}}
}
