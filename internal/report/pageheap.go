package report

import (
	"github.com/heapdump/heapdump/internal/analysis/locate"
	"github.com/heapdump/heapdump/pkg/pageheap"
)

// pageNode is the _DPH_HEAP_BLOCK of what was found; null when there is none.
func pageNode(x locate.Found) Table {
	if x.Node == nil {
		return Table{Key: "page_heap_block", Shape: Record}
	}
	n := x.Node
	used := n.Kind != pageheap.NodeAvailable
	return record("page_heap_block", "Page heap block (_DPH_HEAP_BLOCK)", []pair{
		{Column{"node", "Node", Address}, addr(n.Address)},
		{Column{"kind", "Allocation", Text}, n.Kind.String()},
		{Column{"pages", "Pages", Address}, addr(n.Virtual.Start)},
		{Column{"pages_bytes", "Their bytes, guard page included", Bytes}, n.Virtual.Size()},
		{Column{"accessible_bytes", "Accessible of them", Bytes}, n.Access},
		{Column{"user", "User pointer", Address}, known(used, addr(n.User))},
		{Column{"user_bytes", "User bytes", Bytes}, known(used, n.Requested)},
		{Column{"stack_trace", "Stack trace at", Address}, some(n.StackTrace)},
		{Column{"trust", "Node's fields", Text}, n.Trust.String()},
	})
}

// pageRoot is what the root of a page heap says of itself.
func pageRoot(p *pageheap.Heap) Table {
	r := p.Root
	return record("page_heap", "Page heap (_DPH_HEAP_ROOT)", []pair{
		{Column{"root", "Root", Address}, addr(r.Address)},
		{Column{"form", "Form", Text}, r.Form},
		{Column{"heap_flags", "HeapFlags", Hex}, r.HeapFlags},
		{Column{"extra_flags", "ExtraFlags", Hex}, r.ExtraFlags},
		{Column{"normal_heap", "Normal heap", Address}, some(r.NormalHeap)},
		{Column{"ranges", "Ranges", Count}, len(p.Ranges)},
		{Column{"busy_allocations", "Busy allocations, by the root", Count}, r.Busy},
		{Column{"freed_allocations", "Freed allocations, by the root", Count}, r.Freed},
		{Column{"available_nodes", "Nodes of available room, by the root", Count}, r.Available},
		{Column{"lock_owned", "Lock owned", Yes}, known(r.LockKnown, r.Owned)},
		{Column{"owning_thread", "Owning thread", Hex}, known(r.LockKnown && r.Owned, r.OwningThread)},
	})
}

// pageRanges are the ranges of address space that a page heap manages.
func pageRanges(p *pageheap.Heap) Table {
	t := Table{Key: "page_heap_ranges", Title: "Ranges", Columns: []Column{{"start", "Start", Address}, {"end", "End", Address}, {"bytes", "Bytes", Bytes}}}
	for _, r := range p.Ranges {
		t.Rows = append(t.Rows, []any{addr(r.Start), addr(r.End), r.Size()})
	}
	return t
}
