package structure

import (
	"fmt"

	"github.com/heapdump/heapdump/internal/symbols"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/ntheap"
)

// words says a number as debuggers do, with what is known of it.
func (x *reader) words(f *Field, v uint64, of, in string) string {
	switch {
	case of[0] == '*' && v == 0:
		return "(null)"
	case of[0] == '*':
		s := fmt.Sprintf("%#0*x", x.Set.Bits/4, v)
		if len(of) > 1 {
			return s + " " + of[1:]
		}
		return says(s, x.name(memory.Addr(v)))
	case of[0] == 'i' && !f.Bits():
		return fmt.Sprint(signed(v, f.Size))
	}
	s := "0"
	if v != 0 {
		s = fmt.Sprintf("%#x", v)
	}
	switch {
	case headed(in) && f.Name == "Flags" && x.key != nil:
		return says(s, entryFlags(heap.Flags(v)))
	case in == "_SLIST_HEADER" && f.Name == "NextEntry" && f.First == 4 && v != 0:
		return says(s, fmt.Sprintf("the entry at %#x", v<<4)) // its low 4 bits are zero, and not kept
	case in == "_HEAP" && v != 0 && (f.Name == "Flags" || f.Name == "ForceFlags"):
		return says(s, fmt.Sprint(ntheap.Flags(v)))
	case headed(in) && f.Name == "Size" && x.key != nil && x.key.large:
		return says(s, "bytes not used")
	case headed(in) && f.Name == "Size" && x.key != nil:
		return says(s, fmt.Sprintf("%#x bytes", v*x.key.unit))
	}
	return s
}

// name names an address: by an export only where that is sure, since between
// exported variables there are others.
func (x *reader) name(a memory.Addr) string {
	n := x.names.Find(a)
	if n.How == symbols.Nearest {
		n = symbols.Name{Module: n.Module, Offset: a.Sub(x.names.Module(a).Start), How: symbols.InModule}
	}
	return n.String()
}

// says puts what a value means behind it.
func says(value, means string) string {
	if means == "" {
		return value
	}
	return value + " (" + means + ")"
}

// signed is a number of so many bytes with its sign.
func signed(v, size uint64) int64 {
	shift := 64 - 8*size
	return int64(v<<shift) >> shift
}

// summary says a nested structure in a line; empty where only its fields can.
func (x *reader) summary(of string, b []byte, at memory.Addr, path string) string {
	ptr := x.Set.Bits / 8
	address := func(i int) string { return fmt.Sprintf("%#x", word(b[i:i+ptr])) }
	switch {
	case of == "_LIST_ENTRY":
		return fmt.Sprintf("[ %s - %s ]", address(0), address(ptr))
	case of == "_SINGLE_LIST_ENTRY":
		return fmt.Sprintf("[ %s ]", address(0))
	case of == "_CLIENT_ID":
		return fmt.Sprintf("process %s, thread %s", address(0), address(ptr))
	case of == "_UNICODE_STRING":
		return x.unicode(b, ptr)
	case of == "_STRING":
		return fmt.Sprintf("%d bytes at %s", word(b[:2]), address(ptr))
	case of == "_HEAP_ENTRY" && path == "Encoding":
		return fmt.Sprintf("the key of the entries: %#x", word(b[len(b)-8:]))
	case isEntry(of):
		return x.entrySummary(at)
	}
	return ""
}

// unicode reads a UNICODE_STRING's text.
func (x *reader) unicode(b []byte, ptr int) string {
	n, at := word(b[:2]), memory.Addr(word(b[ptr:2*ptr]))
	if at == 0 {
		return "(null)"
	}
	raw, err := x.space.View(at, n&^1)
	if err != nil {
		return fmt.Sprintf("%d bytes at %v, which are missing: %s", n, at, reason(err))
	}
	return quoted(text(raw))
}

// entrySummary says what an entry's header means.
func (x *reader) entrySummary(at memory.Addr) string {
	k := x.entry(at)
	if k == nil {
		return ""
	}
	e := k.entry
	if k.large {
		return fmt.Sprintf("virtual block, %#x bytes not used, flags %s", e.Size, says(fmt.Sprintf("%#x", uint8(e.Flags)), entryFlags(e.Flags)))
	}
	return fmt.Sprintf("size %#x, flags %s, previous %#x, unused %#x", uint64(e.Size)*k.unit, says(fmt.Sprintf("%#x", uint8(e.Flags)), entryFlags(e.Flags)),
		uint64(e.PreviousSize)*k.unit, e.UnusedBytes)
}

// flagWords names the flags of an entry (public symbols and documentation of
// debuggers; 0x20 to 0x80 are the program's own).
var flagWords = [...]struct {
	bit  heap.Flags
	word string
}{{heap.FlagBusy, "busy"}, {heap.FlagExtra, "extra"}, {heap.FlagFill, "fill"}, {heap.FlagInternal, "internal"}, {heap.FlagLast, "last"}}

// entryFlags spells an entry's flags out.
func entryFlags(f heap.Flags) string {
	out := ""
	for _, w := range flagWords {
		if f&w.bit != 0 {
			out += "|" + w.word
		}
	}
	if out == "" {
		return "free"
	}
	if f&heap.FlagBusy == 0 {
		out = "|free" + out
	}
	return out[1:]
}
