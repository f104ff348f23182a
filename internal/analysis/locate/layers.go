package locate

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/heapdump/heapdump/internal/analysis/crt"
	"github.com/heapdump/heapdump/internal/analysis/stacks"
	"github.com/heapdump/heapdump/internal/symbols"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/pageheap"
)

// Layer is one of the things that lie round an address, or beside it in its
// block: a region, a segment, a block, a header, data.
type Layer struct {
	Name string       // stable: "region", "heap", "segment", "subsegment", "block", "entry", "user data", …
	At   memory.Range // what it covers; empty of a heap, which covers no single range
	Is   string       // more of it, in words
}

// Holds reports whether an address lies in the layer; in a heap that has no
// single range, the address that it was found for does.
func (l Layer) Holds(a memory.Addr) bool { return l.At.Empty() || l.At.Contains(a) }

// fenceBytes is the size of the fence behind a debug C runtime's data.
const fenceBytes = 4

// peel lists the layers, from the outside in and those within a block by
// address.
func peel(t *target.Target, x *Found) []Layer {
	var out []Layer
	add := func(name string, at memory.Range, format string, args ...any) {
		out = append(out, Layer{name, at, fmt.Sprintf(format, args...)})
	}
	if r := x.Region; x.InRegion {
		add("region", r.Range, "%v", describe(r))
	}
	for _, m := range t.Modules() {
		if !m.Contains(x.Address) {
			continue
		}
		add("image", m.Range, "%s", stacks.Base(m.Name))
		if m.Image != nil {
			if s, ok := m.Image.Section(x.Address); ok {
				add("image section", s.Range, "%s", s.Name)
			}
		}
	}
	for _, th := range t.File.Threads(nil) {
		if th.Stack.Contains(x.Address) {
			add("stack", th.Stack.Range, "of thread %#x", th.ID)
		}
	}
	if h := x.Heap; h != nil {
		out = append(out, Layer{Name: "heap", At: memory.Range{Start: h.Address, End: h.Address}, Is: h.Kind.String()})
		out = append(out, inHeap(x)...)
	}
	if c := x.Section; c != nil {
		add("critical section", c.Address.Span(sectionSize(c.Bits)), "debug information at %v", c.Debug)
	}
	return out
}

// sectionSize is the size of an RTL_CRITICAL_SECTION.
func sectionSize(bits int) uint64 {
	if bits == 32 {
		return 0x18
	}
	return 0x28
}

func describe(r memory.Region) string {
	s := r.State.String()
	if r.State == memory.MemCommit {
		s += ", " + r.Protect.String()
	}
	if r.State != memory.MemFree && r.Type != 0 {
		s += ", " + r.Type.String()
	}
	return s
}

// inHeap lists what of the heap lies round the address.
func inHeap(x *Found) []Layer {
	var out []Layer
	add := func(name string, at memory.Range, format string, args ...any) {
		out = append(out, Layer{name, at, fmt.Sprintf(format, args...)})
	}
	h, b := x.Heap, x.Block
	switch {
	case h.NT != nil && x.Segment != nil:
		for _, s := range h.NT.Segments {
			if s.Start == *x.Segment {
				add("segment", s.Range, "number %d of the heap", s.Index)
			}
		}
	case h.NT != nil && b != nil && b.Origin == heap.Virtual:
		if v, ok := h.NT.VirtualOf(*b); ok {
			add("virtual block", v.Node.Span(v.ReserveSize), "outside the segments; its node comes first")
			add("block", memory.Range{Start: b.Addr, End: v.Node.Add(v.CommitSize)}, "%v, %v", b.State, b.Origin)
			return append(out, inBlock(x)...)
		}
	case h.Page != nil && x.Segment != nil:
		for _, r := range h.Page.Ranges {
			if r.Start == *x.Segment {
				add("range", r, "of the page heap")
			}
		}
	}
	if c := x.Container; c != nil {
		add("subsegment", c.UserBlocks.Span(c.Bytes-x.Heap.NT.Header.Unit), "_HEAP_SUBSEGMENT %v; its UserBlocks, with %d slots of %d bytes", c.SubSegment, c.Blocks, c.BlockSize)
	}
	if n := x.Node; n != nil {
		add("page heap block", n.Virtual, "%v allocation, _DPH_HEAP_BLOCK %v", n.Kind, n.Address)
		if at := n.Virtual.Start.Add(n.Access); n.Kind == pageheap.NodeBusy && n.Access < n.Virtual.Size() && n.User < at {
			add("guard page", memory.Range{Start: at, End: n.Virtual.End}, "inaccessible")
		}
	}
	if b != nil {
		add("block", memory.Range{Start: b.Addr, End: b.End()}, "%s", blockWords(x))
		out = append(out, inBlock(x)...)
	}
	return out
}

// blockWords says what the block is.
func blockWords(x *Found) string {
	b, h := x.Block, x.Heap
	s := fmt.Sprintf("%v, %v", b.State, b.Origin)
	switch {
	case b.State == heap.Lost || b.State == heap.Uncommitted:
		return b.State.String()
	case b.Origin == heap.LFH && b.Bucket != heap.NoBucket:
		return fmt.Sprintf("%s, bucket %d", s, b.Bucket)
	case b.State == heap.Internal && b.Addr == h.Address:
		return s + ": the _HEAP"
	case b.State == heap.Internal && x.Segment != nil && b.Addr == *x.Segment:
		return s + ": a _HEAP_SEGMENT"
	case b.State == heap.Internal && x.Container != nil && b.Addr < x.Container.UserBlocks:
		return s + ": the head of the UserBlocks"
	}
	return s
}

// inBlock lists the parts of a block, by address.
func inBlock(x *Found) []Layer {
	b := x.Block
	if b.State == heap.Uncommitted || b.State == heap.Lost || b.State == heap.Internal {
		return nil
	}
	var out []Layer
	add := func(name string, from, to memory.Addr, is string) {
		if from < to {
			out = append(out, Layer{name, memory.Range{Start: from, End: to}, is})
		}
	}
	end := b.End()
	if b.Origin == heap.Virtual {
		if v, ok := x.Heap.NT.VirtualOf(*b); ok {
			end = v.Node.Add(v.CommitSize)
		}
	}
	if b.State == heap.Free {
		if x.Heap.NT != nil {
			unit := memory.Addr(x.Heap.NT.Header.Unit)
			add("entry", b.Addr, b.Addr+unit, fmt.Sprintf("flags %#x", uint8(b.Flags)))
			add("free bytes", b.Addr+unit, end, "")
		}
		return out
	}
	if x.Heap.Page != nil {
		add("page heap header", b.Addr, b.User(), "_DPH_BLOCK_INFORMATION")
	} else {
		unit := memory.Addr(x.Heap.NT.Header.Unit)
		add("entry", b.Addr, b.Addr+min(unit, memory.Addr(b.Header)), fmt.Sprintf("flags %#x", uint8(b.Flags)))
		add("extended header", b.Addr+unit, b.User(), "of the stack trace")
	}
	// On x64 a block's data may reach into the first 8 bytes of the next
	// entry, which are the block's own (PreviousBlockPrivateData).
	top := end
	if x.Heap.Page == nil && x.Heap.NT.Header.Unit == 16 && b.Origin != heap.Virtual {
		top += 8
	}
	user, bytes := b.User(), b.UserBytes()
	if l := x.Light; l != nil {
		is := "_DPH_BLOCK_INFORMATION, light, in use"
		if l.Freed {
			is = "_DPH_BLOCK_INFORMATION, light, freed and kept"
		}
		add("light page heap header", l.Header, l.User, is)
		user, bytes = l.User, l.Requested
	}
	if c := x.CRT; c != nil {
		add("CRT header", c.Addr, c.User, fmt.Sprintf("_CrtMemBlockHeader, %v", c.Type()))
		user, bytes = c.User, uint64(c.Bytes)
		add("CRT fence", user.Add(bytes), min(user.Add(bytes+fenceBytes), top), "bytes of 0xfd")
	}
	add("user data", user, min(user.Add(bytes), top), "")
	rest := user.Add(bytes)
	if x.CRT != nil {
		rest = rest.Add(fenceBytes)
	}
	add("unused", rest, end, "not asked for")
	slices.SortStableFunc(out, func(a, b Layer) int { return cmp.Compare(a.At.Start, b.At.Start) })
	return out
}

// within looks into the block for what stands in its data: the headers of
// light page heap and of the debug C runtime, the one in the other.
func (x *Found) within(t *target.Target, names *symbols.Table) {
	b := *x.Block
	if b.State != heap.Busy {
		return
	}
	if l, inner, ok := Light(t.Space, x.Heap, b); ok {
		x.Light, b = &l, inner
	}
	if x.Light != nil && x.Light.Freed {
		return
	}
	if c, ok := crt.New(t).Of(x.Heap, &b); ok {
		x.CRT = &c
	}
	user := b.User()
	if x.CRT != nil {
		user = x.CRT.User
	}
	x.Class = symbols.NewTypes(names).Object(user, x.Heap.Bits)
}

// Light returns the header of light page heap that a block begins with, and
// what is left of the block for the program; false when it has none. Outside
// the heaps of page heap both of its stamps must be right. m is the memory that
// the heap is in.
func Light(m heap.Memory, h *target.Heap, b heap.Block) (pageheap.Info, heap.Block, bool) {
	if h.Page != nil {
		return pageheap.Info{}, b, false
	}
	l, ok := pageheap.Light(m, b)
	if !ok || h.NormalOf == 0 && !(l.StartOK && l.EndOK) {
		return pageheap.Info{}, b, false
	}
	b.Header += uint8(l.User - l.Header)
	b.Unused = uint32(min(b.Size-min(b.Size, l.Requested), 1<<32-1))
	return l, b, true
}

// container finds the UserBlocks round the address: of a slot, of their own
// head, and of what is left behind the slots.
func (x *Found) container() {
	b := x.Block
	if x.Heap.NT == nil || b.Origin != heap.LFH && b.State != heap.Internal || int(b.Segment) >= len(x.Heap.NT.Segments) {
		return
	}
	if c, ok := x.Heap.NT.ContainerAt(int(b.Segment), x.Address); ok {
		x.Container = &c
	}
}
