package pagemap

import (
	"fmt"
	"strings"

	"github.com/heapdump/heapdump/internal/analysis/attrib"
	"github.com/heapdump/heapdump/internal/analysis/content"
	"github.com/heapdump/heapdump/internal/analysis/vmmap"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/memory"
)

// space makes the tree of the address space.
func (r *Result) space(t *target.Target, w *walk, places map[place]*tally, owners *attrib.Result, nodes int) {
	root := &branch{step: step{name: "address space in use", class: Unknown}}
	m := vmmap.Take(t)
	r.Partial = m.Partial
	regions := r.regions(root, m, w)
	inside := map[*target.Heap]*branch{}
	for _, h := range w.heaps {
		inside[h] = &branch{}
	}
	r.blocks(inside, places, owners)
	for _, h := range w.heaps {
		b := inside[h]
		w.outside(b, h, regions[h])
		u := usageOf(h)
		root.add(b.figures, u)
		top := root.kids[u.name]
		s := heapStep(h)
		b.step = s
		if top.kids == nil {
			top.kids = map[string]*branch{}
		}
		top.kids[s.name] = b
	}
	r.Walked = w.heaps
	r.Space = root.bounded(nodes)
}

func usageOf(h *target.Heap) step {
	u := vmmap.Heap
	if h.Page != nil {
		u = vmmap.PageHeap
	}
	return step{own[u].name, "usage", own[u].class, ""}
}

// heapStep names a heap.
func heapStep(h *target.Heap) step {
	s := step{HeapName(h), "heap", Heap, ""}
	if h.Page != nil {
		s.class = PageHeap
	}
	return s
}

// HeapName names a heap in a few words.
func HeapName(h *target.Heap) string {
	s := fmt.Sprintf("heap %v", h.Address)
	switch {
	case h.Page != nil:
		s += " (page heap)"
	case h.Default:
		s += " (process heap)"
	case h.NormalOf != 0:
		s += " (beside a page heap)"
	}
	return s
}

// regions adds the address space outside of the heaps that were walked, and
// returns what there is of these.
func (r *Result) regions(root *branch, m *vmmap.Map, w *walk) map[*target.Heap]figures {
	at := map[memory.Addr]*target.Heap{}
	for _, h := range w.heaps {
		at[h.Address] = h
	}
	out := map[*target.Heap]figures{}
	for i := range m.Pieces {
		p := &m.Pieces[i]
		f := figures{reserved: p.Size()}
		switch p.State {
		case memory.MemFree:
			r.FreeSpace += p.Size()
			continue
		case memory.MemCommit:
			f.bytes = f.reserved
		}
		if p.Owner != nil && p.Owner.Heap != 0 && at[p.Owner.Heap] != nil {
			h := at[p.Owner.Heap]
			out[h] = figures{out[h].bytes + f.bytes, out[h].reserved + f.reserved, 0}
			continue
		}
		u := own[p.Usage]
		name, evidence := pieceName(p)
		root.add(f, step{u.name, "usage", u.class, ""}, step{name, "region", u.class, evidence})
	}
	return out
}

// pieceName says what a piece outside of heaps is.
func pieceName(p *vmmap.Piece) (name, evidence string) {
	o := p.Owner
	if o == nil {
		name = strings.TrimSpace(strings.ToLower(strings.TrimPrefix(p.Type.String(), "MEM_")) + " memory")
		if s := p.Protect.String(); p.State == memory.MemCommit && s != "" {
			name += ", " + s
		}
		return name, "nothing in the dump says what it is for"
	}
	switch {
	case o.Heap != 0:
		name = fmt.Sprintf("heap %v (%s)", o.Heap, o.Kind)
	case o.Name != "":
		name = o.Name[strings.LastIndexAny(o.Name, `\/`)+1:]
	case o.HasThread && p.Usage == vmmap.Stack:
		name = fmt.Sprintf("stack of thread %#x", o.Thread)
	default:
		name = o.Kind
	}
	if o.Evidence != "" {
		evidence = "known from " + o.Evidence
	}
	return name, evidence
}

// blocks adds what the heaps' walks met.
func (r *Result) blocks(inside map[*target.Heap]*branch, places map[place]*tally, owners *attrib.Result) {
	for i := range owners.Groups {
		g := &owners.Groups[i]
		part := g.Keys[1].Part
		path := partPath(g.In, part)
		class := path[len(path)-1].class
		inside[g.In].add(figures{g.Bytes, g.Bytes, g.Blocks}, append(path, ownerPath(g, class)...)...)
	}
	for k, x := range places {
		path := partPath(k.heap, k.part)
		leaf := func(name string, class Class, n uint64) {
			if n > 0 {
				inside[k.heap].add(figures{bytes: n, reserved: n}, append(path[:len(path):len(path)], step{name, "class", class, ""})...)
			}
		}
		leaf("headers and padding of blocks", Meta, x.overhead)
		leaf("free", Free, x.sums[Free])
		leaf("free slots", FreeLFH, x.sums[FreeLFH])
		leaf("the heap's own structures", Meta, x.sums[Meta])
		leaf("damaged, or not in the dump", Lost, x.sums[Lost])
		if n := x.sums[Uncommitted]; n > 0 {
			inside[k.heap].add(figures{reserved: n}, append(path[:len(path):len(path)], step{"reserved, without memory", "class", Uncommitted, ""})...)
		}
	}
}

// partPath is the way from a heap to a part of it.
func partPath(h *target.Heap, p attrib.HeapPart) []step {
	s := step{p.Text(h), "part", Busy, ""}
	switch p.Kind {
	case attrib.BucketPart:
		s.class = LFH
		return []step{{"low-fragmentation heap", "part", LFH, ""}, s}
	case attrib.LargePart:
		s.class = Large
	}
	return []step{s}
}

// ownerPath is the way from a part of a heap to blocks: by what they are,
// where that is known, and by their size.
func ownerPath(g *attrib.Group, class Class) []step {
	size := step{"blocks of " + g.Keys[2].Text, "size", class, ""}
	if len(g.Keys) > 4 {
		if k := &g.Keys[4]; k.Known && k.Confidence > content.None {
			return []step{{k.Text, "owner", class, k.Evidence}, size}
		}
	}
	return []step{size}
}

// outside adds to a heap what is no block of its walk: the front end's region,
// memory of large blocks that is reserved only, and what else the regions have.
func (w *walk) outside(b *branch, h *target.Heap, have figures) {
	if h.NT != nil {
		if f := h.NT.Header.FrontEnd; f.Known && !f.Reserved.Empty() {
			n := min(f.Committed, f.Reserved.Size())
			b.add(figures{bytes: n, reserved: f.Reserved.Size()}, step{"front end", "part", Meta, ""})
		}
	}
	if n := w.byAt[h].spare; n > 0 {
		b.add(figures{reserved: n}, step{"large blocks", "part", Large, ""}, step{"reserved, without memory", "class", Uncommitted, ""})
	}
	bytes, reserved := have.bytes-min(have.bytes, b.bytes), have.reserved-min(have.reserved, b.reserved)
	if bytes > 0 || reserved > 0 {
		b.add(figures{bytes: bytes, reserved: max(bytes, reserved)}, step{"memory of the heap outside its blocks", "class", Unknown, ""})
	}
}
