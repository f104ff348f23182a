// Package pagemap makes what a page draws of a dump: the address space as a
// tree down to the owners of blocks, the bytes in use as a tree of stacks, and
// what the pages of each heap hold. All of it is of bounded size whatever the
// dump, and its sums close: what has no room is in a remainder.
package pagemap

import (
	"context"

	"github.com/heapdump/heapdump/internal/analysis/attrib"
	"github.com/heapdump/heapdump/internal/analysis/crt"
	"github.com/heapdump/heapdump/internal/analysis/sweep"
	"github.com/heapdump/heapdump/internal/analysis/vmmap"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
)

// Class is what a part of the address space holds.
type Class uint8

// The classes. The first seven are those of a heap's bytes, in the order of
// Sums; the last ones are of the address space around heaps.
const (
	Busy        Class = iota // blocks in use, their headers included
	LFH                      // the same of the low-fragmentation heap
	Free                     // free blocks
	FreeLFH                  // free slots of the low-fragmentation heap
	Meta                     // the heap's own structures
	Uncommitted              // reserved address space without memory
	Lost                     // damaged, or not in the dump
	Large                    // large blocks, outside the segments
	Image
	Heap
	PageHeap
	Stack
	Mapped
	System
	Unknown
)

// HeapClasses is the number of classes that a heap's bytes have.
const HeapClasses = int(Lost) + 1

// Sums are bytes by class.
type Sums [HeapClasses]uint64

// Node is a part of a tree. Its figures are the sums of its children's when it
// has any.
type Node struct {
	Name     string // in words
	Kind     string // usage, heap, part, owner, class, frame, remainder, or empty
	Class    Class
	Bytes    uint64 // committed bytes; in a tree of stacks the bytes asked for
	Reserved uint64 // address space, Bytes included
	Blocks   int    // in use
	Evidence string // what the name rests on, where that needs to be said
	Rest     int    // how many smaller parts the node stands for; 0 for none
	Children []Node // the largest first, a remainder last
}

// Map is what the pages of a heap hold.
type Map struct {
	Heap  *target.Heap
	Cell  uint64 // bytes of a cell
	Parts []Part // in the order of the heap's list
	Sums  Sums   // of the whole heap, without its front end's own region
	Left  int    // large blocks that have no part, since there are too many
}

// Part is a stretch of a heap's address space.
type Part struct {
	memory.Range
	Large bool // a large block; else a segment or a range of a page heap
	Cells []Sums
}

// Result is what a page draws.
type Result struct {
	Space     Node
	Stacks    Node
	Maps      []Map          // the largest heap first
	Unmapped  int            // smaller heaps that have no map
	FreeSpace uint64         // bytes of free address space, which Space does not have
	Partial   bool           // the dump does not list its regions: Space is what was saved
	Stacked   uint64         // bytes in use whose stack was recorded
	Busy      uint64         // bytes in use
	Untyped   bool           // blocks were not asked for their types: --max-memory
	Notes     []string       // what could not be had, in sentences
	Walked    []*target.Heap // the heaps that are in it block by block
}

// Options bound a Result.
type Options struct {
	Cells     int    // of all maps together
	Nodes     int    // of each tree
	MaxMemory uint64 // bytes that tables may take; 0 is no limit
	Tick      func(done, total uint64)
}

// perBlock is what an index of blocks takes for one in use, in bytes.
const perBlock = 16

// Take makes a Result. It walks the heaps twice, each time in parallel: once
// for the pages, once for the owners. The result does not depend on the order
// of the walks. The error is the context's.
func Take(ctx context.Context, t *target.Target, o Options) (*Result, error) {
	heaps := t.Own()
	w := newWalk(heaps, o.Cells)
	states, err := sweep.Blocks(ctx, heaps, o.Tick, func() *counts { return &counts{w, map[place]*tally{}} }, (*counts).block)
	if err != nil {
		return nil, err
	}
	places := merge(states)
	busy := 0
	for _, x := range places {
		busy += x.blocks
	}
	by := []attrib.By{attrib.Heap, attrib.Part, attrib.Class, attrib.Stack, attrib.Type}
	r := &Result{Untyped: o.MaxMemory > 0 && uint64(busy)*perBlock > o.MaxMemory}
	if r.Untyped {
		by = by[:4]
	}
	owners, err := attrib.Take(ctx, t, heaps, attrib.Options{By: by, CRT: crt.New(t).Likely(ctx, heaps), Tick: o.Tick})
	if err != nil {
		return nil, err
	}
	if len(owners.Notes) > 0 { // how many each walker met depends on who met which
		r.Notes = []string{"Some blocks name stacks that cannot be read or believed; `heapdump owners --by stack` says why."}
	}
	r.Maps, r.Unmapped = w.maps(places)
	r.space(t, w, places, owners, o.Nodes)
	r.stacks(owners, o.Nodes)
	return r, ctx.Err()
}

// place is a part of a heap.
type place struct {
	heap *target.Heap
	part attrib.HeapPart
}

// tally is what a part of a heap holds.
type tally struct {
	sums     Sums
	overhead uint64 // of the blocks in use: headers, and bytes that were not asked for
	blocks   int    // in use
}

// counts is what one walker met.
type counts struct {
	*walk
	places map[place]*tally
}

func (c *counts) block(h *target.Heap, b *heap.Block) {
	k := place{h, attrib.PartOf(h, b)}
	x := c.places[k]
	if x == nil {
		x = new(tally)
		c.places[k] = x
	}
	class := classOf(b)
	x.sums[class] += b.Size
	if b.State == heap.Busy {
		x.blocks++
		x.overhead += b.Size - b.UserBytes()
	}
	c.cells(h, b, class)
}

// classOf is the class of a block.
func classOf(b *heap.Block) Class {
	lfh := b.Origin == heap.LFH
	switch {
	case b.State == heap.Busy && lfh:
		return LFH
	case b.State == heap.Busy:
		return Busy
	case b.State == heap.Free && lfh:
		return FreeLFH
	case b.State == heap.Free:
		return Free
	case b.State == heap.Uncommitted:
		return Uncommitted
	case b.State == heap.Lost:
		return Lost
	}
	return Meta
}

func merge(states []*counts) map[place]*tally {
	out := map[place]*tally{}
	for _, s := range states {
		for k, x := range s.places {
			to := out[k]
			if to == nil {
				out[k] = x
				continue
			}
			to.blocks += x.blocks
			to.overhead += x.overhead
			for i, n := range x.sums {
				to.sums[i] += n
			}
		}
	}
	return out
}

// own are the usages of the address space: words, class.
var own = map[vmmap.Usage]struct {
	name  string
	class Class
}{
	vmmap.Image: {"modules", Image}, vmmap.PEB: {"Windows' own data", System}, vmmap.TEB: {"Windows' own data", System}, vmmap.Other: {"Windows' own data", System},
	vmmap.Stack: {"stacks of threads", Stack}, vmmap.Heap: {"heaps", Heap}, vmmap.PageHeap: {"page heaps", PageHeap}, vmmap.MappedFile: {"mapped files", Mapped},
	vmmap.Unknown: {"unknown use", Unknown},
}
