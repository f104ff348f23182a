package report

import (
	"fmt"

	"github.com/heapdump/heapdump/internal/analysis/check"
	"github.com/heapdump/heapdump/internal/analysis/stacks"
	"github.com/heapdump/heapdump/pkg/ntheap"
)

// failureOf makes a field of ntdll's record; null when the dump has it not.
func failureOf(key string, kind Kind, cell func(*ntheap.Failure) any) field[check.Detected] {
	return f(key, "", kind, func(d check.Detected) any {
		if d.Failure == nil {
			return nil
		}
		return cell(d.Failure)
	})
}

// detected is what ntdll detected itself, for programs.
func detected(all []check.Detected) Table {
	return fill(Table{Key: "detected", Media: ForPrograms}, []field[check.Detected]{
		f("exception", "", Yes, func(d check.Detected) any { return d.Exception }),
		f("thread", "", Hex, func(d check.Detected) any { return known(d.Exception, d.Thread) }),
		f("record", "", Address, func(d check.Detected) any { return some(d.Record) }),
		f("missing", "", Text, func(d check.Detected) any { return word(d.Why) }),
		failureOf("type", Text, func(x *ntheap.Failure) any { return x.Type.String() }),
		failureOf("type_number", Count, func(x *ntheap.Failure) any { return uint32(x.Type) }),
		failureOf("details", Text, func(x *ntheap.Failure) any { return word(x.Type.Says()) }),
		failureOf("heap", Address, func(x *ntheap.Failure) any { return some(x.Heap) }),
		failureOf("address", Address, func(x *ntheap.Failure) any { return some(x.Address) }),
		failureOf("parameters", List, func(x *ntheap.Failure) any { return list(parameters(x)) }),
		failureOf("previous_block", Address, func(x *ntheap.Failure) any { return some(x.Previous) }),
		failureOf("next_block", Address, func(x *ntheap.Failure) any { return some(x.Next) }),
		f("stack", "", Stack, func(d check.Detected) any { return stackCell(d.Frames) }),
		f("stack_names", "", List, func(d check.Detected) any { return stackNames(d.Frames) }),
	}, all)
}

func parameters(x *ntheap.Failure) []string {
	out := make([]string, len(x.Params))
	for i, p := range x.Params {
		out[i] = fmt.Sprintf("%#x", p)
	}
	return out
}

// shownDetected is ntdll's record for people, in the words of debuggers.
func shownDetected(d *check.Detected) Table {
	by := fmt.Sprintf("a record in ntdll's data at %#x; no exception stopped the process for it", uint64(d.Record))
	if d.Exception {
		by = fmt.Sprintf("the exception STATUS_HEAP_CORRUPTION (0xc0000374) in thread %#x", d.Thread)
	}
	pairs := []pair{{Column{"", "Known by", Text}, by}}
	if x := d.Failure; x == nil {
		pairs = append(pairs, pair{Column{"", "Details", Text}, "not in the dump: " + d.Why})
	} else {
		pairs = append(pairs,
			pair{Column{"", "Record at", Address}, addr(x.At)},
			pair{Column{"", "Heap address", Address}, some(x.Heap)},
			pair{Column{"", "Error address", Address}, some(x.Address)},
			pair{Column{"", "Error type", Text}, x.Type.String()},
			pair{Column{"", "Details", Text}, word(x.Type.Says())})
		for i, p := range x.Params {
			pairs = append(pairs, pair{Column{"", titleIf(p != 0, fmt.Sprintf("Parameter %d", i+1)), Hex}, p})
		}
		pairs = append(pairs, stackLines(d.Frames)...)
	}
	t := record("", "Heap error detected by Windows", pairs)
	t.Media = ForPeople
	return t
}

// stackLines is a stack as lines of a record.
func stackLines(stack []stacks.Frame) []pair {
	var out []pair
	for i, s := range stack {
		at := fmt.Sprintf("%#x", uint64(s.Addr))
		if name := s.Name.String(); name != "" {
			at += "  " + name
		}
		out = append(out, pair{Column{"", fmt.Sprintf("Stack %d", i), Text}, at})
	}
	return out
}

// locksHeld is the heaps whose lock somebody held, for programs.
func locksHeld(all []check.Held) Table {
	return fill(Table{Key: "locks_held", Media: ForPrograms}, []field[check.Held]{
		f("heap", "", Address, func(h check.Held) any { return addr(h.Heap) }),
		f("thread", "", Hex, func(h check.Held) any { return known(h.Thread != 0, h.Thread) }),
		f("listed", "", Yes, func(h check.Held) any { return h.Listed }),
		f("recursion_count", "", Count, func(h check.Held) any { return h.Recursion }),
		f("detecting", "", Yes, func(h check.Held) any { return h.Detecting }),
		f("findings", "", Count, func(h check.Held) any { return h.Findings }),
	}, all)
}

// heldNote says who held a heap's lock and what that means.
func heldNote(h check.Held) string {
	who := "A thread that the lock does not name"
	if h.Thread != 0 {
		who = fmt.Sprintf("Thread %#x", h.Thread)
		if !h.Listed {
			who += ", which the dump does not list,"
		}
	}
	s := fmt.Sprintf("%s held the lock of heap %#x", who, uint64(h.Heap))
	switch {
	case h.Detecting:
		return s + " where a corruption was detected in it: what is wrong there is damage."
	case h.Findings > 0:
		return s + fmt.Sprintf(": %s there may be a change in progress, and no damage.", plural(h.Findings, "finding", "findings"))
	}
	return s + " when the dump was taken."
}
