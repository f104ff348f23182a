package ntheap

import (
	"sync"

	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
)

// ahead is how far memory is read before the walk decodes it. Entries lie some
// hundred bytes apart, so that each would be a cache miss, and in a fresh
// mapping often a page fault: reading in order costs a fraction of that.
const ahead = 256 << 10

// reader is memory that can be read in order more cheaply than by views.
type reader interface {
	ReadAhead(a memory.Addr, buf []byte) int
}

// rooms is what a walk needs room for.
type rooms struct {
	bytes [ahead]byte
	batch [batchBlocks]heap.Block
}

var room = sync.Pool{New: func() any { return new(rooms) }}

// atHand is the bytes that a walker has read.
type atHand struct {
	run     []byte // saved bytes around the cursor
	start   memory.Addr
	reader  reader      // nil when the memory cannot read ahead
	buf     []byte      // room for what is read ahead
	touched memory.Addr // up to where the run's bytes are in the cache
	ballast byte        // keeps the touching loads alive
}

// advance brings the next stretch of the run into the cache: by reading it
// from the file where the memory can do that, else by touching each line.
func (k *walker) advance(a memory.Addr) {
	if k.reader != nil && k.fill(a) {
		return
	}
	k.touched = a + 32<<10
	off := uint64(a - k.start)
	if off >= uint64(len(k.run)) {
		return
	}
	b := k.run[off:]
	b = b[:min(uint64(len(b)), 32<<10, uint64(k.limit-a))]
	sum := byte(0)
	for i := 0; i < len(b); i += 64 {
		sum += b[i]
	}
	k.ballast += sum
}

// fill reads ahead from a on. What is at hand of it already is kept.
func (k *walker) fill(a memory.Addr) bool {
	kept := uint64(0)
	if off := uint64(a - k.start); off < uint64(len(k.run)) && uint64(len(k.run))-off < ahead {
		kept = uint64(copy(k.buf, k.run[off:]))
	}
	n := uint64(0)
	if room := min(ahead, uint64(k.limit-a)); room > kept {
		n = uint64(k.reader.ReadAhead(a+memory.Addr(kept), k.buf[kept:room]))
	}
	if n == 0 && kept == 0 || kept+n < k.c.unit {
		k.run, k.start = nil, a // the room that it may be in has been written to
		return false
	}
	k.run, k.start = k.buf[:kept+n], a
	k.touched = a + memory.Addr(kept+n)
	return true
}

// read decodes the entry at a, if a whole one is there before end.
func (k *walker) read(a, end memory.Addr) (word, bool) {
	if off := uint64(a - k.start); off < uint64(len(k.run)) && uint64(len(k.run))-off >= k.c.unit {
		return k.c.decode(k.run[off:]), a < end
	}
	return k.readSlow(a, end)
}

// readOn is read for the entry at a that the walk comes to next: what lies
// behind the bytes at hand is read ahead rather than through the mapping. The
// entry that the walk is at stays at hand, so that whoever gets its block
// finds its bytes there; and so that a container's slots are.
func (k *walker) readOn(at, a, end memory.Addr) (word, bool) {
	if off := uint64(a - k.start); off < uint64(len(k.run)) && uint64(len(k.run))-off >= k.c.unit {
		return k.c.decode(k.run[off:]), a < end
	}
	if k.reader != nil && a < end {
		k.flush()
		if a-at > ahead-memory.PageSize {
			at = a // what is larger is not looked into, or through the mapping
		}
		k.fill(at)
	}
	return k.read(a, end)
}

func (k *walker) readSlow(a, end memory.Addr) (word, bool) {
	if a >= end {
		return 0, false
	}
	if tail := k.h.mem.Tail(a); uint64(len(tail)) >= k.c.unit {
		k.run, k.start = tail, a
		return k.c.decode(tail), true
	}
	b, err := k.h.mem.View(a, k.c.unit)
	if err != nil {
		return 0, false
	}
	return k.c.decode(b), true
}
