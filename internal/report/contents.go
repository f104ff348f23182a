package report

import (
	"fmt"

	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/minidump"
)

// contents is what the dump's lists hold, each read once, with what is wrong
// with them.
type contents struct {
	modules  []minidump.Module
	unloaded []minidump.UnloadedModule
	handles  []minidump.Handle
	threads  []minidump.Thread
	stopped  *minidump.Exception
	list     diag.List
	faults   map[minidump.StreamType]int // problems of each stream
	has      func(minidump.StreamType) bool
}

func read(t *target.Target) *contents {
	f := t.File
	c := &contents{faults: map[minidump.StreamType]int{}}
	c.has = func(s minidump.StreamType) bool { _, ok := f.Raw(s); return ok }
	from := func(s minidump.StreamType) diag.Sink {
		return func(p diag.Problem) { c.faults[s]++; c.list.Add(p) }
	}
	c.modules = f.Modules(from(minidump.ModuleListStream))
	c.unloaded = f.UnloadedModules(from(minidump.UnloadedModuleListStream))
	c.handles = f.Handles(from(minidump.HandleDataStream))
	c.threads = f.Threads(func(diag.Problem) { c.faults[minidump.ThreadListStream]++ }) // the target has reported them
	if x, err := f.Exception(from(minidump.ExceptionStream)); err == nil {
		c.stopped = &x
	}
	return c
}

// answer says whether a list can answer its question: it is there, and what
// could be read of it, n entries, is not nothing because it is damaged.
func (c *contents) answer(question string, s minidump.StreamType, n int, without string) answer {
	name := s.String()
	switch faults := c.faults[s]; {
	case !c.has(s):
		return answer{question, false, without}
	case n == 0 && faults > 0:
		return answer{question, false, fmt.Sprintf("%s is damaged: nothing of it can be read", name)}
	case faults > 0:
		return answer{question, true, fmt.Sprintf("%s, with %s", name, plural(faults, "problem", "problems"))}
	}
	return answer{question, true, name}
}
