package report

import (
	"fmt"
	"strings"

	"github.com/heapdump/heapdump/internal/analysis/census"
	"github.com/heapdump/heapdump/internal/analysis/roles"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/internal/thousands"
	"github.com/heapdump/heapdump/pkg/diag"
)

// SummaryHead is what Summary begins with, known before a heap is walked.
func SummaryHead(t *target.Target) *Document {
	return summaryHead(Describe(t), census.MemoryOf(t.Space))
}

func summaryHead(d Dump, m census.Memory) *Document {
	doc := &Document{Title: d.title()}
	doc.add(header(d)...)
	doc.add(memoryTables(m)...)
	return doc
}

// Summary is the result of heapdump summary.
func Summary(t *target.Target, cs *census.Census, rs *roles.Result) *Document {
	d := Describe(t)
	doc := summaryHead(d, cs.Memory)
	heaps := pointers(cs.Heaps)
	doc.add(fill(Table{Key: "heaps", Media: ForPrograms, Main: true}, heapFields(rs), heaps))
	doc.add(debuggerTable(heaps, rs), notWalked(heaps))
	walked := keep(heaps, func(h *census.Heap) bool { return h.Walked })
	doc.add(accounting(walked), virtuals(walked), fragmentation(walked))
	all, dropped := allProblems(t, heaps)
	doc.problems(all, dropped)
	doc.add(coverage(t, heaps))
	doc.add(next(d, walked, len(all) > 0))
	return doc
}

// Heaps is the result of heapdump heaps.
func Heaps(t *target.Target, cs *census.Census, rs *roles.Result) *Document {
	d := Describe(t)
	doc := &Document{Title: d.title()}
	heaps := pointers(cs.Heaps)
	people := fill(Table{Title: "Heaps", Media: ForPeople, Empty: "none: see what is missing below"}, []field[*census.Heap]{
		f("", "#", Count, func(h *census.Heap) any { return h.Target.Position }),
		f("", "Heap", Address, func(h *census.Heap) any { return addr(h.Target.Address) }),
		f("", "Bits", Count, func(h *census.Heap) any { return known(h.Target.Bits != 0, h.Target.Bits) }),
		f("", "Kind", Text, func(h *census.Heap) any { return h.Target.Kind.String() }),
		f("", "Found by", List, func(h *census.Heap) any { return h.Target.Found.List() }),
		nt("", "Segments", Count, func(h *census.Heap) any { return h.Segments }),
		c("", "Committed\nbytes", Bytes, func(h *census.Heap) any { return h.Committed }),
		c("", "Busy\nblocks", Count, func(h *census.Heap) any { return h.BusyBlocks }),
		c("", "Busy\nbytes", Bytes, func(h *census.Heap) any { return h.BusyUser }),
		f("", "Flags", Text, flagWords),
		roleField(rs),
		f("", "Notes", Text, func(h *census.Heap) any { return remarks(h) }),
	}, heaps)
	program := header(d)[0]
	doc.add(program, fill(Table{Key: "heaps", Media: ForPrograms, Main: true}, heapFields(rs), heaps), people)
	all, dropped := allProblems(t, heaps)
	doc.add(roleTable(heaps, rs), problems(all, dropped)[0], coverage(t, heaps))
	if len(all) > 0 {
		doc.Notes = append(doc.Notes, fmt.Sprintf("%s found; `heapdump summary %s` shows them.", plural(len(all)+dropped, "problem was", "problems were"), shell(d.Path)))
	}
	return doc
}

func remarks(h *census.Heap) string {
	var words []string
	if h.Target.Foreign {
		words = append(words, "another process's, never counted")
	}
	if !h.Target.Listed && !h.Target.Foreign {
		words = append(words, "in no PEB's list that the dump holds")
	}
	if h.Target.Why != "" {
		words = append(words, "not walked: "+h.Target.Why)
	}
	return strings.Join(words, "; ")
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return thousands.Grouped(uint64(n)) + " " + many
}

func pointers(in []census.Heap) []*census.Heap {
	out := make([]*census.Heap, len(in))
	for i := range in {
		out[i] = &in[i]
	}
	return out
}

func keep(in []*census.Heap, want func(*census.Heap) bool) []*census.Heap {
	var out []*census.Heap
	for _, h := range in {
		if want(h) {
			out = append(out, h)
		}
	}
	return out
}

func allProblems(t *target.Target, heaps []*census.Heap) (all []diag.Problem, dropped int) {
	all, dropped = append(all, t.Problems...), t.Dropped
	for _, h := range heaps {
		all = append(all, h.Problems...)
		dropped += h.Dropped
	}
	return all, dropped
}

// notWalked lists the heaps without counts, and why.
func notWalked(heaps []*census.Heap) Table {
	return fill(Table{Title: "Heaps that were not walked", Media: ForPeople}, []field[*census.Heap]{
		f("", "#", Count, func(h *census.Heap) any { return h.Target.Position }),
		f("", "Heap", Address, func(h *census.Heap) any { return addr(h.Target.Address) }),
		f("", "Kind", Text, func(h *census.Heap) any { return h.Target.Kind.String() }),
		f("", "Why", Text, func(h *census.Heap) any { return word(h.Target.Why) }),
	}, keep(heaps, func(h *census.Heap) bool { return !h.Walked }))
}

// memoryTables are the breakdowns of the address space.
func memoryTables(m census.Memory) []Table {
	share := []field[census.Share]{
		f("name", "", Text, func(s census.Share) any { return s.Name }),
		f("regions", "Regions", Count, func(s census.Share) any { return s.Regions }),
		f("bytes", "Bytes", Bytes, func(s census.Share) any { return s.Bytes }),
	}
	out := []Table{{Key: "memory", Shape: Record, Title: "Memory",
		Columns: []Column{{"regions_known", "Regions known", Yes}, {"saved_bytes", "Saved in bytes", Bytes}}, Rows: [][]any{{m.Known, m.Saved}}}}
	for _, t := range []struct {
		key, title, column string
		rows               []census.Share
	}{
		{"memory_states", "Memory by state", "State", m.States},
		{"memory_types", "Memory by type", "Type", m.Types},
		{"memory_protections", "Memory by protection", "Protection", m.Protections},
	} {
		share[0].Title = t.column
		out = append(out, fill(Table{Key: t.key, Title: t.title}, share, t.rows))
	}
	return out
}

// accounting is the closed account of every heap that was walked.
func accounting(heaps []*census.Heap) Table {
	fields := []field[*census.Heap]{
		f("", "Heap", Address, func(h *census.Heap) any { return addr(h.Target.Address) }),
		c("", "Reserved", Bytes, func(h *census.Heap) any { return h.Reserved }),
		c("", "Uncommitted", Bytes, func(h *census.Heap) any { return h.Uncommitted }),
		c("", "Committed", Bytes, func(h *census.Heap) any { return h.Committed }),
		c("", "Busy user", Bytes, func(h *census.Heap) any { return h.BusyUser }),
		c("", "Overhead", Bytes, func(h *census.Heap) any { return h.Overhead }),
		c("", "Free", Bytes, func(h *census.Heap) any { return h.Free }),
		c("", "Internal", Bytes, func(h *census.Heap) any { return h.Internal }),
		c("", "Lost", Bytes, func(h *census.Heap) any { return h.Lost }),
		c("", "Residue", Bytes, func(h *census.Heap) any { return h.Unaccounted }),
	}
	t := fill(Table{Title: "Accounting in bytes, virtual blocks included", Media: ForPeople, Tight: true}, fields, heaps)
	t.Notes = []string{"Reserved = uncommitted + committed; committed = busy user + overhead + free + internal + lost + residue, which is 0 when all is accounted for."}
	if len(heaps) > 1 {
		t.Total = []any{"all"}
		for _, x := range fields[1:9] {
			t.Total = append(t.Total, total(heaps, x))
		}
		t.Total = append(t.Total, residue(heaps))
	}
	if len(heaps) == 0 {
		t.Notes = nil
	}
	return t
}

func residue(heaps []*census.Heap) any {
	sum := int64(0)
	for _, h := range heaps {
		if !h.Target.Foreign {
			sum += h.Unaccounted
		}
	}
	return sum
}

// virtuals are the heaps that have blocks outside their segments.
func virtuals(heaps []*census.Heap) Table {
	return fill(Table{Title: "Virtual blocks: memory outside the segments, in bytes", Media: ForPeople}, []field[*census.Heap]{
		f("", "Heap", Address, func(h *census.Heap) any { return addr(h.Target.Address) }),
		c("", "Blocks", Count, func(h *census.Heap) any { return h.VirtualBlocks }),
		c("", "Reserved", Bytes, func(h *census.Heap) any { return h.VirtualReserved }),
		c("", "Committed", Bytes, func(h *census.Heap) any { return h.VirtualCommitted }),
		c("", "Busy user", Bytes, func(h *census.Heap) any { return h.VirtualUser }),
	}, keep(heaps, func(h *census.Heap) bool { return h.VirtualBlocks > 0 }))
}

// fragmentation has both figures of every heap.
func fragmentation(heaps []*census.Heap) Table {
	t := fill(Table{Title: "Fragmentation", Media: ForPeople}, []field[*census.Heap]{
		f("", "Heap", Address, func(h *census.Heap) any { return addr(h.Target.Address) }),
		c("", "External", Percent, func(h *census.Heap) any { return known(h.External.Known, h.External.Value) }),
		c("", "Free\nblocks", Count, func(h *census.Heap) any { return h.FreeBlocks }),
		c("", "Largest free\nbytes", Bytes, func(h *census.Heap) any { return h.LargestFree }),
		c("", "Virtual\naddress", Percent, func(h *census.Heap) any { return known(h.VirtualAddress.Known, h.VirtualAddress.Value) }),
		nt("", "Uncommitted\nranges", Count, func(h *census.Heap) any { return h.UncommittedRanges }),
	}, heaps)
	if len(heaps) > 0 {
		t.Notes = []string{"External: free bytes of the committed ones. Virtual address: uncommitted bytes of the reserved ones, in segments."}
	}
	return t
}
