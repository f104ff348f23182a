package ntheap

import (
	"encoding/binary"

	"github.com/heapdump/heapdump/pkg/memory"
)

// Links sums up the list links in the free blocks that a walk passed, so that
// lists of hundreds of thousands of blocks, scattered over the heap, need not
// be followed when they are sound. A closed list has the same edges read
// forwards (from each block to its Flink) and backwards (from each Blink to
// its block); the sums are over mixed edges and differ when the sets do. What
// they cannot tell is a sound list from one with a sound ring beside it.
type Links struct {
	forward, backward uint64
	nodes             int
	odd               bool // a link could not be read, or a block is linked to itself
}

// Merge adds what was found in other segments of the same heap.
func (l *Links) Merge(o Links) {
	l.forward += o.forward
	l.backward += o.backward
	l.nodes += o.nodes
	l.odd = l.odd || o.odd
}

// edge mixes an edge between two list entries into one number.
func edge(from, to memory.Addr) uint64 { return mix(from) ^ mix(memory.Addr(mix(to))+1) }

// add counts the links of one node.
func (l *Links) add(node, flink, blink memory.Addr) {
	l.forward += edge(node, flink)
	l.backward += edge(blink, node)
	l.nodes++
	l.odd = l.odd || flink == node || blink == node
}

// link counts the links of the free block at a, whose bytes the walk has at
// hand.
func (k *walker) link(a memory.Addr) {
	node := a + memory.Addr(k.c.unit)
	off := uint64(node - k.start)
	ptr := k.c.unit / 2
	var b []byte
	if off <= uint64(len(k.run)) && uint64(len(k.run))-off >= 2*ptr {
		b = k.run[off:]
	} else if view, err := k.h.mem.View(node, 2*ptr); err == nil {
		b = view
	} else {
		k.sums.odd = true
		return
	}
	if ptr == 4 {
		k.sums.add(node, memory.Addr(binary.LittleEndian.Uint32(b)), memory.Addr(binary.LittleEndian.Uint32(b[4:])))
		return
	}
	k.sums.add(node, memory.Addr(binary.LittleEndian.Uint64(b)), memory.Addr(binary.LittleEndian.Uint64(b[8:])))
}

// listsClose reports whether the links of the free blocks make closed lists
// with the heap's heads, without following them. XP's lists are followed all
// the same, since each holds blocks of one size.
func (h *Heap) listsClose(l Links, freeBlocks int) bool {
	if l.odd || l.nodes != freeBlocks || h.set.Old() {
		return false
	}
	for _, f := range h.FreeLists() {
		if f.Empty() != (freeBlocks == 0) {
			return false
		}
		l.forward += edge(f.Head, f.Flink)
		l.backward += edge(f.Blink, f.Head)
	}
	return l.forward == l.backward
}
