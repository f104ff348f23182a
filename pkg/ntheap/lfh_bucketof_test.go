package ntheap_test

import (
	"bytes"
	"testing"

	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/pkg/heap"
)

// TestBucketOf: a slot's bucket is its subsegment's word while the size of the
// slots agrees, else the bucket of that size, and unknown when nothing tells.
func TestBucketOf(t *testing.T) {
	buckets := func(p *lfhPatient) uint8 {
		w := openKeyed(t, p, false)
		seen := map[uint8]int{}
		for _, b := range w.blocks {
			if b.Origin == heap.LFH && uint64(b.Addr) >= p.c.Slot(0) && uint64(b.Addr) < p.c.Slot(40) {
				seen[b.Bucket]++
			}
			if b.Origin != heap.LFH && b.Bucket != 0 {
				t.Errorf("bucket %d outside of the LFH: %+v", b.Bucket, b)
			}
		}
		for b, n := range seen {
			if n == 40 {
				return b
			}
		}
		t.Errorf("buckets of the slots: %v", seen)
		return 0
	}
	for _, a := range []synth.Arch{synth.X86, synth.X64} {
		p := newLFHPatient(synth.Win10v1809, a, false)
		p.Image.PutU8(p.c.FieldAddr("BlockCount")+2, 9) // SizeIndex
		if b := buckets(p); b != 7 {
			t.Errorf("%v: SizeIndex damaged: bucket %d", a, b)
		}
		p = newLFHPatient(synth.Win10v1809, a, false)
		p.put(p.c.UserBlocks, wild)
		p.put(p.c.FieldAddr("UserBlocks"), wild)
		if b := buckets(p); b != 7 {
			t.Errorf("%v: subsegment lost: bucket %d", a, b)
		}
		p.Image.Write(p.lfh.Address, bytes.Repeat([]byte{0x41}, 0x4c0)) // and the table of buckets
		if b := buckets(p); b != heap.NoBucket {
			t.Errorf("%v: nothing tells: bucket %d", a, b)
		}
	}
}
