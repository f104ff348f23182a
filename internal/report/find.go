package report

import (
	"fmt"

	"github.com/heapdump/heapdump/internal/analysis/locate"
	"github.com/heapdump/heapdump/internal/analysis/roles"
	"github.com/heapdump/heapdump/internal/analysis/stacks"
	"github.com/heapdump/heapdump/internal/symbols"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/heap"
)

// Find is the result of heapdump find.
func Find(t *target.Target, x locate.Found, rs *roles.Result) *Document {
	d := Describe(t)
	doc := &Document{Title: d.title()}
	doc.add(header(d)[0], found(x, rs))
	doc.add(layers(x, rs), crtBlock(x.CRT, x.Address), pageNode(x), lightBlock(x), stackTrace(x), frames("stack_frames", "Stack, innermost first", x.Stack), neighbours(x), regionTable(x.Region, x.InRegion))
	doc.add(section(x), frames("section_creator", "Stack that created the critical section, innermost first", x.Creator))
	doc.problems(x.Problems, 0)
	doc.Warn("stacks", x.Notes)
	return doc
}

func found(x locate.Found, rs *roles.Result) Table {
	pairs := []pair{
		{Column{"address", "Address", Address}, addr(x.Address)},
		{Column{"where", "", Text}, x.Where},
		{Column{"says", "Is", Text}, x.Says},
		{Column{"saved", "In the dump", Yes}, x.Saved},
		{Column{"missing", "", Text}, known(!x.Saved, x.Why.String())},
	}
	pairs = append(pairs, foundHeap(x, rs)...)
	pairs = append(pairs, foundBlock(x)...)
	pairs = append(pairs,
		pair{Column{"type", titleIf(x.Class != nil, "Type"), Text}, typeCell(x.Class, func(c *symbols.Class) string { return c.Name })},
		pair{Column{"type_how", titleIf(x.Class != nil, "Typed by"), Text}, typeCell(x.Class, func(c *symbols.Class) string { return c.Evidence.String() })},
		pair{Column{"type_bases", titleIf(x.Class != nil && len(x.Class.Bases) > 0, "Base classes"), List}, baseNames(x.Class)},
		pair{Column{"type_module", "", Text}, typeCell(x.Class, func(c *symbols.Class) string { return c.Module })},
		pair{Column{"stack", "", Stack}, stackCell(x.Stack)},
		pair{Column{"stack_names", "", List}, stackNames(x.Stack)},
		pair{Column{"module", titleIf(x.Module != "", "Module"), Text}, word(x.Module)},
		pair{Column{"module_offset", titleIf(x.Module != "", "Offset in the module"), Hex}, known(x.Module != "", x.ModuleOffset)},
		pair{Column{"symbol", titleIf(x.Name.Symbol != "", "Symbol"), Text}, symbol(x.Name)},
		pair{Column{"symbol_how", titleIf(x.Name.Symbol != "", "Named by"), Text}, symbolHow(x.Name)},
		pair{Column{"symbol_source", "", Text}, symbolSource(x.Name)},
		pair{Column{"", titleIf(x.Name.Line != 0, "Source"), Text}, sourcePlace(x.Name)},
		pair{Column{"file", "", Text}, sourceFile(x.Name)},
		pair{Column{"line", "", Count}, sourceLine(x.Name)},
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

func foundHeap(x locate.Found, rs *roles.Result) []pair {
	var h, kind, foreign, segment, role, said any
	if x.Heap != nil {
		role, said = word(rs.Of(x.Heap).Kind.String()), roleWords(x.Heap, rs)
		h, kind, foreign = addr(x.Heap.Address), x.Heap.Kind.String(), x.Heap.Foreign
	}
	if x.Segment != nil {
		segment = addr(*x.Segment)
	}
	in := x.Heap != nil
	return []pair{
		{Column{"heap", titleIf(in, "Heap"), Address}, h},
		{Column{"heap_kind", titleIf(in, "Kind of heap"), Text}, kind},
		{Column{"heap_role", "", Text}, role},
		{Column{"", titleIf(said != nil, "Role of the heap"), Text}, said},
		{Column{"foreign", "", Yes}, foreign},
		{Column{"segment", titleIf(in, "Segment"), Address}, segment},
	}
}

func foundBlock(x locate.Found) []pair {
	var entry, size, state, origin, bucket, flags, trust, offset, user, userBytes, unused, userOffset any
	busy, headed, slot := false, false, false // headed: an entry stands before it
	if b := x.Block; b != nil {
		entry, size, state, origin = addr(b.Addr), b.Size, b.State.String(), b.Origin.String()
		offset = int64(x.Address - b.Addr)
		if slot = b.Origin == heap.LFH; slot && b.Bucket != heap.NoBucket {
			bucket = int(b.Bucket)
		}
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
		{Column{"bucket", titleIf(slot, "Bucket"), Count}, bucket},
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

// typeCell is something of a class, null without one.
func typeCell(c *symbols.Class, of func(*symbols.Class) string) any {
	if c == nil {
		return nil
	}
	return of(c)
}

// baseNames are a class's base classes; null without type information.
func baseNames(c *symbols.Class) any {
	if c == nil || c.Evidence != symbols.RTTI {
		return nil
	}
	out := make([]string, len(c.Bases))
	for i, b := range c.Bases {
		out[i] = b.Name
	}
	return out
}

// symbol is a name with the symbol that it is near, null without one.
func symbol(n symbols.Name) any { return known(n.Symbol != "", n.String()) }

// symbolHow is how that name was found.
func symbolHow(n symbols.Name) any { return known(n.Symbol != "", n.Found()) }

// symbolSource is what it was read from.
func symbolSource(n symbols.Name) any { return known(n.Symbol != "", n.Source.String()) }

// sourceFile and sourceLine are the place in the source text, null where it is
// not known.
func sourceFile(n symbols.Name) any { return known(n.Line != 0, n.File) }

func sourceLine(n symbols.Name) any { return known(n.Line != 0, n.Line) }

// sourcePlace is both in words, as debuggers write it.
func sourcePlace(n symbols.Name) any {
	return known(n.Line != 0, fmt.Sprintf("%s @ %d", n.File, n.Line))
}

// stackCell is a stack as a list of addresses; null without one.
func stackCell(stack []stacks.Frame) any {
	if len(stack) == 0 {
		return nil
	}
	out := make([]uint64, len(stack))
	for i, x := range stack {
		out[i] = uint64(x.Addr)
	}
	return out
}

// stackNames are the names of a stack's addresses, for the key stack_names; an
// address in no module stands for itself.
func stackNames(stack []stacks.Frame) any {
	if len(stack) == 0 {
		return nil
	}
	out := make([]string, len(stack))
	for i, x := range stack {
		out[i] = x.String()
	}
	return out
}

// frames is a stack with the modules that its addresses lie in.
func frames(key, title string, stack []stacks.Frame) Table {
	return fill(Table{Key: key, Title: title}, []field[stacks.Frame]{
		f("address", "Address", Address, func(x stacks.Frame) any { return addr(x.Addr) }),
		f("module", "", Text, func(x stacks.Frame) any { return word(x.Module) }),
		f("module_offset", "", Hex, func(x stacks.Frame) any { return known(x.Module != "", x.Offset) }),
		f("symbol", "", Text, func(x stacks.Frame) any { return symbol(x.Name) }),
		f("symbol_how", "", Text, func(x stacks.Frame) any { return symbolHow(x.Name) }),
		f("symbol_source", "", Text, func(x stacks.Frame) any { return symbolSource(x.Name) }),
		f("file", "", Text, func(x stacks.Frame) any { return sourceFile(x.Name) }),
		f("line", "", Count, func(x stacks.Frame) any { return sourceLine(x.Name) }),
		f("", "In", Text, func(x stacks.Frame) any { return word(x.Name.Text()) }),
	}, stack)
}

// neighbour is a block beside the one that was found.
type neighbour struct {
	which string
	*heap.Block
}

func neighbours(x locate.Found) Table {
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
