package check

import (
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/crtheap"
	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/pageheap"
)

// layers checks what surrounds the data of the blocks of one piece of a heap,
// and keeps what it finds: pieces are walked side by side.
type layers struct {
	h        *target.Heap
	findings []Finding
	dropped  int // damage beyond the findings kept
	unjudged int // and what could not be checked
	list     crtheap.List
}

// layersLimit is how many findings of one piece are kept, as of problems.
const layersLimit = 1000

// block checks one block.
func (p *layers) block(b *heap.Block, m heap.Memory) {
	if p.h.NT != nil && b.Flags&heap.FlagFill != 0 {
		if f, bad := p.h.NT.CheckFills(*b); bad {
			p.found(fill(p.h, f))
		}
	}
	if b.State != heap.Busy || b.Trust == heap.Repaired {
		return
	}
	if p.h.NormalOf != 0 {
		if i, ok := pageheap.Light(m, *b); ok {
			i.Check(func(x diag.Problem) { p.found(Finding{Problem: x}) })
		}
	}
	x, ok := crtheap.Recognise(m, p.h.Bits, *b)
	if !ok {
		return
	}
	for _, f := range x.Check(m) {
		p.found(fence(p.h.Address, &x, f))
	}
	p.list.Add(x)
}

func (p *layers) found(f Finding) {
	switch {
	case len(p.findings) < layersLimit:
		p.findings = append(p.findings, f)
	case f.Class == diag.Corrupt:
		p.dropped++
	default:
		p.unjudged++
	}
}

// merge files what was found in a piece. Pieces are merged in the order of
// their blocks, so that the result does not depend on who was first.
func (c *checker) merge(p *layers) {
	for _, f := range p.findings {
		c.found(f)
	}
	c.out.Dropped += p.dropped
	c.out.Unjudged += p.unjudged
	l := c.lists[p.h.Bits]
	if l == nil {
		l = &crtheap.List{}
		c.lists[p.h.Bits] = l
	}
	l.Merge(p.list)
}
