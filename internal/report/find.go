package report

import (
	"fmt"

	"github.com/heapdump/heapdump/internal/analysis/crt"
	"github.com/heapdump/heapdump/internal/analysis/stacks"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/pageheap"
)

// Found is what there is at an address.
type Found struct {
	Address        memory.Addr
	Where          string       // "block", "heap region", "stack", "image", "memory", "nothing"
	Says           string       // in a sentence
	Heap           *target.Heap // nil when in none
	Segment        *memory.Addr // base of the segment, nil when in none
	Block          *heap.Block  // nil when in none
	Previous, Next *heap.Block  // in address order, nil at an end
	Region         memory.Region
	InRegion       bool
	CRT            *crt.Block     // the debug C runtime's in the block, nil when it has none
	Stack          []stacks.Frame // the block's, innermost first
	Node           *pageheap.Node // page heap's, on whose pages the address lies; nil when on none
	Module         string         // path, empty when in none
	ModuleOffset   uint64
	Thread         uint32 // whose stack it is
	InStack        bool
	Saved          bool
	Why            memory.Reason // why it is not saved
	Problems       []diag.Problem
}

// Find is the result of heapdump find.
func Find(t *target.Target, x Found) *Document {
	d := Describe(t)
	doc := &Document{Title: d.title()}
	doc.add(header(d)[0], found(x))
	doc.add(crtBlock(x.CRT, x.Address), pageNode(x), frames(x), neighbours(x), regionTable(x.Region, x.InRegion))
	doc.add(problems(x.Problems, 0)...)
	return doc
}

func found(x Found) Table {
	pairs := []pair{
		{Column{"address", "Address", Address}, addr(x.Address)},
		{Column{"where", "", Text}, x.Where},
		{Column{"says", "Is", Text}, x.Says},
		{Column{"saved", "In the dump", Yes}, x.Saved},
		{Column{"missing", "", Text}, known(!x.Saved, x.Why.String())},
	}
	pairs = append(pairs, foundHeap(x)...)
	pairs = append(pairs, foundBlock(x)...)
	pairs = append(pairs,
		pair{Column{"stack", "", List}, stackCell(x.Stack)},
		pair{Column{"module", titleIf(x.Module != "", "Module"), Text}, word(x.Module)},
		pair{Column{"module_offset", titleIf(x.Module != "", "Offset in the module"), Hex}, known(x.Module != "", x.ModuleOffset)},
		pair{Column{"thread", titleIf(x.InStack, "Stack of thread"), Hex}, known(x.InStack, x.Thread)})
	t := record("find", "", pairs)
	t.Main = true
	return t
}

// titleIf leaves a line out of text where it has nothing to say.
func titleIf(ok bool, title string) string {
	if ok {
		return title
	}
	return ""
}

func foundHeap(x Found) []pair {
	var h, kind, foreign, segment any
	if x.Heap != nil {
		h, kind, foreign = addr(x.Heap.Address), x.Heap.Kind.String(), x.Heap.Foreign
	}
	if x.Segment != nil {
		segment = addr(*x.Segment)
	}
	in := x.Heap != nil
	return []pair{
		{Column{"heap", titleIf(in, "Heap"), Address}, h},
		{Column{"heap_kind", titleIf(in, "Kind of heap"), Text}, kind},
		{Column{"foreign", "", Yes}, foreign},
		{Column{"segment", titleIf(in, "Segment"), Address}, segment},
	}
}

func foundBlock(x Found) []pair {
	var entry, size, state, origin, flags, trust, offset, user, userBytes, unused, userOffset any
	busy, headed := false, false // headed: an entry stands before it
	if b := x.Block; b != nil {
		entry, size, state, origin = addr(b.Addr), b.Size, b.State.String(), b.Origin.String()
		offset = int64(x.Address - b.Addr)
		if headed = b.State != heap.Uncommitted && b.State != heap.Lost; headed {
			flags, trust = uint8(b.Flags), b.Trust.String()
		}
		if busy = b.State == heap.Busy; busy {
			user, userBytes, unused, userOffset = addr(b.User()), b.UserBytes(), b.Unused, int64(x.Address-b.User())
		}
	}
	in := x.Block != nil
	return []pair{
		{Column{"entry", titleIf(in, "Entry"), Address}, entry},
		{Column{"state", titleIf(in, "State"), Text}, state},
		{Column{"origin", titleIf(in, "Origin"), Text}, origin},
		{Column{"block_bytes", titleIf(in, "Block bytes"), Bytes}, size},
		{Column{"offset", titleIf(in, "Offset in the block"), Bytes}, offset},
		{Column{"user", titleIf(busy, "User pointer"), Address}, user},
		{Column{"user_bytes", titleIf(busy, "User bytes"), Bytes}, userBytes},
		{Column{"user_offset", titleIf(busy, "Offset from the user pointer"), Bytes}, userOffset},
		{Column{"unused_bytes", titleIf(busy, "Unused bytes"), Bytes}, unused},
		{Column{"flags", titleIf(headed, "Flags"), Hex}, flags},
		{Column{"trust", titleIf(headed, "Header"), Text}, trust},
	}
}

// stackCell is a stack as a list of addresses; null without one.
func stackCell(stack []stacks.Frame) any {
	if len(stack) == 0 {
		return nil
	}
	out := make([]string, len(stack))
	for i, x := range stack {
		out[i] = fmt.Sprintf("%#x", uint64(x.Addr))
	}
	return out
}

// frames is the stack with the modules that its addresses lie in.
func frames(x Found) Table {
	return fill(Table{Key: "stack_frames", Title: "Stack, innermost first"}, []field[stacks.Frame]{
		f("address", "Address", Address, func(x stacks.Frame) any { return addr(x.Addr) }),
		f("module", "", Text, func(x stacks.Frame) any { return word(x.Module) }),
		f("module_offset", "", Hex, func(x stacks.Frame) any { return known(x.Module != "", x.Offset) }),
		f("", "In", Text, func(x stacks.Frame) any { return known(x.Module != "", fmt.Sprintf("%s+0x%x", x.Module, x.Offset)) }),
	}, x.Stack)
}

// neighbour is a block beside the one that was found.
type neighbour struct {
	which string
	*heap.Block
}

func neighbours(x Found) Table {
	var all []neighbour
	if x.Previous != nil {
		all = append(all, neighbour{"previous", x.Previous})
	}
	if x.Next != nil {
		all = append(all, neighbour{"next", x.Next})
	}
	return fill(Table{Key: "neighbours", Title: "Neighbours"}, []field[neighbour]{
		f("which", "Which", Text, func(n neighbour) any { return n.which }),
		f("entry", "Entry", Address, func(n neighbour) any { return addr(n.Addr) }),
		f("user", "User pointer", Address, func(n neighbour) any { return known(n.State == heap.Busy, addr(n.User())) }),
		f("block_bytes", "Block bytes", Bytes, func(n neighbour) any { return n.Size }),
		f("user_bytes", "User bytes", Bytes, func(n neighbour) any { return known(n.State == heap.Busy, n.UserBytes()) }),
		f("state", "State", Text, func(n neighbour) any { return n.State.String() }),
		f("origin", "Origin", Text, func(n neighbour) any { return n.Origin.String() }),
	}, all)
}
