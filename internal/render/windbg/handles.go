package windbg

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// Handles is what !handle 0 f prints.
type Handles struct {
	Bits    int
	Handles []Handle
}

// Handle is one of them.
type Handle struct {
	Value                     uint64
	Type, Name                string // empty when not known
	Attributes, Access        uint32
	Standard, Specific        []string // the rights in words
	HandleCount, PointerCount uint32
	Info                      []string // lines on the object; nil when there are none
}

// typeOrder is the order of the count at the end, as far as published; other
// types follow in the order in which they turn up.
var typeOrder = []string{"None", "Event", "Section", "File", "Port", "Directory", "Mutant", "WindowStation", "Semaphore", "Key",
	"Token", "Process", "Thread", "Desktop", "IoCompletion", "Timer", "TpWorkerFactory", "ALPC Port", "WaitCompletionPacket"}

// WriteHandles writes the form of !handle 0 f: a paragraph for each handle and
// the count by type.
func WriteHandles(w io.Writer, h Handles) error {
	p := &printer{w: w}
	counts := map[string]int{}
	order := slices.Clone(typeOrder)
	for _, x := range h.Handles {
		x.write(p, h.Bits)
		t := x.Type
		if t == "" {
			t = "None"
		}
		if counts[t]++; counts[t] == 1 && !slices.Contains(order, t) {
			order = append(order, t)
		}
	}
	p.line(fmt.Sprintf("%d Handles", len(h.Handles)))
	p.line(fmt.Sprintf("%-15s\tCount", "Type"))
	for _, t := range order {
		if counts[t] > 0 {
			p.line(fmt.Sprintf("%-15s\t%d", t, counts[t]))
		}
	}
	return p.err
}

func (x Handle) write(p *printer, bits int) {
	if bits == 64 {
		p.line(fmt.Sprintf("Handle %016x", x.Value))
	} else {
		p.line(fmt.Sprintf("Handle %x", x.Value))
	}
	p.line("  Type         \t" + x.Type)
	p.line("  Attributes   \t" + sharp(x.Attributes))
	p.line("  GrantedAccess\t" + sharp(x.Access) + ":")
	for _, words := range [][]string{x.Standard, x.Specific} {
		s := strings.Join(words, ",")
		if s == "" {
			s = "None"
		}
		p.line("         " + s)
	}
	p.line(fmt.Sprintf("  HandleCount  \t%d", x.HandleCount))
	p.line(fmt.Sprintf("  PointerCount \t%d", x.PointerCount))
	name := x.Name
	if name == "" {
		name = "<none>"
	}
	p.line("  Name         \t" + name)
	if len(x.Info) == 0 {
		p.line("  No object specific information available")
		return
	}
	p.line("  Object Specific Information")
	for _, s := range x.Info {
		p.line("    " + s)
	}
}

// sharp is %#x as C has it: nothing before a zero.
func sharp(n uint32) string {
	if n == 0 {
		return "0"
	}
	return fmt.Sprintf("%#x", n)
}
