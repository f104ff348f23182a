package ntheap_test

import (
	"bytes"
	"testing"

	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/ntheap"
)

// TestNearIsMemory: what the walk has at hand are the bytes of the dump, for
// every block, whether the memory can be read ahead or not; and the walk is
// the one without.
func TestNearIsMemory(t *testing.T) {
	p := newLFHPatient(synth.Win10v1809, synth.X64, false)
	m := space(t, p.built.Dump)
	h, err := ntheap.Open(m, damagedAt, ntheap.Options{})
	if err != nil {
		t.Fatal(err)
	}
	near := ntheap.NewNear(m)
	n := 0
	for i := range h.Segments {
		var want []any
		for b := range h.SegmentBlocks(i, nil) {
			want = append(want, b)
		}
		k := 0
		for b := range h.NearBlocks(i, nil, near, func(p diag.Problem) { t.Error(p) }) {
			if k >= len(want) || want[k] != any(b) {
				t.Fatalf("block %d of segment %d: %+v", k, i, b)
			}
			k++
			for _, size := range []uint64{1, 8, min(b.Size, 0x30), b.Size} {
				got, err1 := near.View(b.Addr, size)
				exp, err2 := m.View(b.Addr, size)
				if (err1 == nil) != (err2 == nil) || !bytes.Equal(got, exp) {
					t.Fatalf("%d bytes at %v: %x, %v; want %x, %v", size, b.Addr, got, err1, exp, err2)
				}
				if err1 == nil {
					n++
				}
			}
		}
		if k != len(want) {
			t.Errorf("%d blocks of %d", k, len(want))
		}
	}
	if n < 500 {
		t.Errorf("only %d views compared", n)
	}
}
