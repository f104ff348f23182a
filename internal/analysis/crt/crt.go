// Package crt finds the debug C runtime's headers in the blocks of a dump's
// heaps, and the names of the source files that they lead to.
package crt

import (
	"context"
	"strings"

	"github.com/heapdump/heapdump/internal/analysis/stacks"
	"github.com/heapdump/heapdump/internal/progress"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/crtheap"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
)

// Reader recognises debug blocks. It is not for several goroutines at once.
type Reader struct {
	t     *target.Target
	files map[memory.Addr]string // names by address; empty when there is none
}

// New makes a Reader. It reads no heap.
func New(t *target.Target) *Reader { return &Reader{t: t, files: map[memory.Addr]string{}} }

// Block is a debug block.
type Block struct {
	crtheap.Header
	Name string // of the source file; empty when it is not known
}

// maxFiles is how many names a Reader keeps at most.
const maxFiles = 1 << 14

// Of returns the debug block in a busy block of any heap.
func (r *Reader) Of(h *target.Heap, b *heap.Block) (Block, bool) { return r.OfIn(r.t.Space, h, b) }

// OfIn is Of, and reads the block's bytes from m: the dump's memory, as a walk
// has it at hand.
func (r *Reader) OfIn(m heap.Memory, h *target.Heap, b *heap.Block) (Block, bool) {
	if b.State != heap.Busy {
		return Block{}, false
	}
	x, ok := crtheap.Recognise(m, h.Bits, *b)
	if !ok {
		return Block{}, false
	}
	name, seen := r.files[x.File]
	if !seen {
		name, _ = x.FileName(r.t.Space)
		if len(r.files) < maxFiles {
			r.files[x.File] = name
		}
	}
	return Block{x, name}, true
}

// sample is how many busy blocks of each heap Likely looks at.
const sample = 1 << 14

// Likely reports whether the process uses a debug C runtime: a module of one
// is loaded, or a debug block is among the first busy blocks of one of the
// heaps.
func (r *Reader) Likely(ctx context.Context, heaps []*target.Heap) bool {
	for _, m := range r.t.File.Modules(nil) {
		if runtime(strings.ToLower(stacks.Base(m.Name))) {
			return true
		}
	}
	for _, h := range heaps {
		x := h.Walkable()
		if x == nil {
			continue
		}
		n := 0
		for b := range progress.Watch(ctx, nil, x.Blocks(nil)) {
			if b.State != heap.Busy {
				continue
			}
			if _, ok := crtheap.Recognise(r.t.Space, h.Bits, b); ok {
				return true
			}
			if n++; n == sample {
				break
			}
		}
	}
	return false
}

// runtime reports whether a module is a debug C runtime, by its file name.
func runtime(name string) bool {
	return name == "ucrtbased.dll" || strings.HasPrefix(name, "msvcr") && strings.HasSuffix(name, "d.dll")
}
