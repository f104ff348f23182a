package refs

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/heapdump/heapdump/internal/analysis/crt"
	"github.com/heapdump/heapdump/internal/analysis/stacks"
	"github.com/heapdump/heapdump/internal/progress"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
)

// Count is a number of blocks and their user bytes.
type Count struct {
	Blocks int
	Bytes  uint64
}

func (c *Count) add(bytes uint64) {
	c.Blocks++
	c.Bytes += bytes
}

// Group is unreachable blocks of one owner.
type Group struct {
	Owner    string // file(line), module+offset, a type, or the size
	Evidence string // crt-site, stack, size, or what a type rests on
	Count
	Heads   int         // of Blocks: those that nothing points to
	Example memory.Addr // user pointer of the first, of a head when there is one
	Stack   []stacks.Frame
}

// Leaks is what is unreachable, by owner.
type Leaks struct {
	Busy        Count // in the heaps that were asked for
	Unreachable Count
	Sets        [Sets]Count
	Groups      []Group // by bytes, the most first
}

// Namer says what a block is and, in a word, what that rests on; both are
// empty when nothing is known.
type Namer func(ID) (text, evidence string)

// Leaks counts the blocks of heaps by set, and groups those that no root leads
// to: by the debug C runtime's file and line, else by the stack of the
// allocation, else by type, when types is not nil, else by size. types makes a
// Namer for each goroutine. The result does not depend on how many there are.
// The error is the context's.
func (r *Reach) Leaks(ctx context.Context, heaps []*target.Heap, types func() Namer) (*Leaks, error) {
	traces, err := r.findStacks(ctx, heaps)
	if err != nil {
		return nil, err
	}
	var all []*grouper
	err = eachPage(ctx, r.Index, nil, func() func(int) {
		g := &grouper{Reach: r, heaps: heaps, traces: traces, files: crt.New(r.target), stacks: stacks.New(r.target),
			bySite: map[site]*Group{}, byStack: map[string]*Group{}, byType: map[[2]string]*Group{}, bySize: map[uint64]*Group{}, small: make([]*Group, smallSizes)}
		if types != nil {
			g.types = types()
		}
		all = append(all, g)
		return g.page
	})
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return &Leaks{}, nil
	}
	for _, g := range all[1:] {
		all[0].merge(g)
	}
	l := all[0].out
	l.Groups = all[0].sorted()
	return &l, ctx.Err()
}

// In calls do for every block of the heaps, by address.
func (x *Index) In(heaps []*target.Heap, do func(ID)) {
	for i := range x.chunks {
		c := &x.chunks[i]
		if !slices.Contains(heaps, c.heap) {
			continue
		}
		for id := c.base; id < c.base+c.n; id++ {
			do(id)
		}
	}
}

// site is a source line that a debug C runtime noted.
type site struct {
	file string
	line uint32
}

// grouper makes groups of the unreachable blocks that one goroutine meets.
type grouper struct {
	*Reach
	heaps   []*target.Heap
	out     Leaks
	files   *crt.Reader
	stacks  *stacks.Stacks
	traces  map[ID][]memory.Addr
	bySite  map[site]*Group
	byStack map[string]*Group // by the frames' addresses
	types   Namer
	byType  map[[2]string]*Group // by type and evidence
	bySize  map[uint64]*Group
	small   []*Group // those of bySize below smallSizes, by size
}

// smallSizes bounds the sizes of blocks whose groups are found without a map.
const smallSizes = 4096

// findStacks looks the stacks of unreachable blocks up, which needs the
// blocks' headers: those heaps are walked again. The slices are shared.
func (r *Reach) findStacks(ctx context.Context, heaps []*target.Heap) (map[ID][]memory.Addr, error) {
	out, traces := map[ID][]memory.Addr{}, stacks.New(r.target)
	for _, h := range heaps {
		x := h.Walkable()
		if x == nil || !traces.Captures(h) {
			continue
		}
		for b := range progress.Watch(ctx, nil, x.Blocks(nil)) {
			if b.State != heap.Busy {
				continue
			}
			id, ok := r.At(b.User())
			if !ok || r.all.get(id) {
				continue
			}
			if s := traces.Of(h, &b); len(s) > 0 {
				out[id] = s
			}
		}
	}
	return out, ctx.Err()
}

// page counts the blocks of a page.
func (g *grouper) page(k int) {
	var c *chunk
	asked := false
	for i := range g.Index.pages[k].n {
		id := ID(k<<pageShift) + i
		if c == nil || id >= c.base+c.n {
			c = g.chunkOf(id)
			asked = slices.Contains(g.heaps, c.heap)
		}
		if !asked {
			continue
		}
		size, set := g.Size(id), g.Set(id)
		g.out.Busy.add(size)
		g.out.Sets[set].add(size)
		if set.Unreachable() {
			g.out.Unreachable.add(size)
			g.put(id, size, set)
		}
	}
}

// merge adds what another goroutine met.
func (g *grouper) merge(b *grouper) {
	g.out.Busy.join(b.out.Busy)
	g.out.Unreachable.join(b.out.Unreachable)
	for i := range g.out.Sets {
		g.out.Sets[i].join(b.out.Sets[i])
	}
	mergeGroups(g.bySite, b.bySite)
	mergeGroups(g.byStack, b.byStack)
	mergeGroups(g.byType, b.byType)
	mergeGroups(g.bySize, b.bySize)
}

func (c *Count) join(b Count) {
	c.Blocks += b.Blocks
	c.Bytes += b.Bytes
}

func mergeGroups[K comparable](to, from map[K]*Group) {
	for k, b := range from {
		a := to[k]
		if a == nil {
			to[k] = b
			continue
		}
		if heads := b.Heads > 0; heads && a.Heads == 0 || heads == (a.Heads > 0) && b.Example < a.Example {
			a.Example = b.Example
		}
		a.Heads += b.Heads
		a.join(b.Count)
	}
}

// put adds a block to the group of its owner.
func (g *grouper) put(id ID, size uint64, set Set) {
	x := g.group(id, size)
	if x.Blocks == 0 || set == Leaked && x.Heads == 0 {
		x.Example = g.User(id)
	}
	x.add(size)
	if set == Leaked {
		x.Heads++
	}
}

func (g *grouper) group(id ID, size uint64) *Group {
	if g.debug != nil && g.debug.has.get(id) {
		b := g.block(id)
		if c, ok := g.files.Of(g.Heap(id), &b); ok && c.HasLine() {
			name := c.Name
			if name == "" { // the dump lacks it, but tells files apart
				name = "file named at " + g.place(c.File)
			}
			return entry(g.bySite, site{name, c.Line}, func() Group {
				return Group{Owner: fmt.Sprintf("%s(%d)", name, c.Line), Evidence: "crt-site"}
			})
		}
	}
	if s := g.stack(id); len(s) > 0 {
		return entry(g.byStack, frameKey(s), func() Group {
			frames := g.stacks.Frames(s)
			return Group{Owner: user(frames), Evidence: "stack", Stack: frames}
		})
	}
	if g.types != nil {
		if text, evidence := g.types(id); text != "" {
			return entry(g.byType, [2]string{text, evidence}, func() Group { return Group{Owner: text, Evidence: evidence} })
		}
	}
	if size < smallSizes && g.small[size] != nil {
		return g.small[size]
	}
	x := entry(g.bySize, size, func() Group { return Group{Owner: fmt.Sprintf("%d bytes", size), Evidence: "size"} })
	if size < smallSizes {
		g.small[size] = x
	}
	return x
}

// stack returns the stack of a block's allocation; nil when there is none.
func (g *grouper) stack(id ID) []memory.Addr {
	if len(g.traces) == 0 {
		return nil
	}
	return g.traces[id]
}

// frameKey is the same for the same frames, whichever structure of the process
// they were read from.
func frameKey(s []memory.Addr) string {
	b := make([]byte, 0, 8*len(s))
	for _, a := range s {
		b = binary.LittleEndian.AppendUint64(b, uint64(a))
	}
	return string(b)
}

// place names an address: by its module where it is in one, which is the same
// in another run.
func (g *grouper) place(a memory.Addr) string {
	if m := g.stacks.Names.Module(a); m != nil {
		return fmt.Sprintf("%s+%#x", m.File, a.Sub(m.Start))
	}
	return fmt.Sprintf("%v", a)
}

// entry returns the group of a key, and makes it where there is none.
func entry[K comparable](m map[K]*Group, k K, fresh func() Group) *Group {
	if x := m[k]; x != nil {
		return x
	}
	x := fresh()
	m[k] = &x
	return &x
}

// user is the first frame outside the allocators, else the first.
func user(frames []stacks.Frame) string {
	best, ok := stacks.Owner(frames)
	if !ok {
		best = frames[0]
	}
	if best.Module == "" {
		return fmt.Sprintf("%v", best.Addr)
	}
	if n := best.Name; n.Symbol != "" {
		return n.String()
	}
	return fmt.Sprintf("%s+%#x", best.Module, best.Offset)
}

func (g *grouper) sorted() []Group {
	var out []Group
	for _, x := range g.bySite {
		out = append(out, *x)
	}
	for _, x := range g.byStack {
		out = append(out, *x)
	}
	for _, x := range g.byType {
		out = append(out, *x)
	}
	for _, x := range g.bySize {
		out = append(out, *x)
	}
	slices.SortFunc(out, func(a, b Group) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(b.Blocks, a.Blocks), cmp.Compare(a.Owner, b.Owner), cmp.Compare(a.Example, b.Example))
	})
	return out
}
