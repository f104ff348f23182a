package ntheap_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/ntheap"
)

// pieces is memory that reads ahead no more than so many bytes at a time.
type pieces struct {
	*memory.Space
	most int
}

func (p pieces) ReadAhead(a memory.Addr, buf []byte) int {
	tail := p.Tail(a)
	return copy(buf[:min(len(buf), p.most)], tail)
}

// sayings is what a walk says, in order: blocks and problems.
func sayings(t *testing.T, m heap.Memory) (all []string) {
	t.Helper()
	h, err := ntheap.Open(m, damagedAt, ntheap.Options{})
	if err != nil {
		t.Fatal(err)
	}
	near := ntheap.NewNear(m)
	for b := range h.BlocksNear(near, func(p diag.Problem) { all = append(all, fmt.Sprintf("%+v", p)) }) {
		all = append(all, fmt.Sprintf("%+v", b))
		got, err1 := near.View(b.Addr, b.Size)
		want, err2 := m.View(b.Addr, b.Size)
		if (err1 == nil) != (err2 == nil) || !bytes.Equal(got, want) {
			t.Errorf("the bytes of %+v are not those of the dump: %v, %v", b, err1, err2)
		}
	}
	return all
}

// TestReadAheadInPieces: a walk is the same whatever is read ahead at a time,
// through plain and odd entries, slots, damage and missing pages.
func TestReadAheadInPieces(t *testing.T) {
	for _, f := range synth.Families() {
		for _, a := range []synth.Arch{synth.X86, synth.X64} {
			p := newPatient(f, a, false)
			b := p.busy[len(p.busy)/3]
			p.built.Image.PutU64(b.Entry+uint64(a.Unit())-8, 0x4141414141414141)
			p.built.Image.Drop(p.busy[len(p.busy)-1].Entry)
			whole := space(t, p.built.Redump())
			want := sayings(t, whole)
			for _, most := range []int{1, 8, 16, 24, 40, 100, 500, 4096, 9000, 1 << 20} {
				if got := sayings(t, pieces{whole, most}); !slices.Equal(got, want) {
					t.Errorf("%v %v: %d bytes at a time: %d sayings, want %d", f, a, most, len(got), len(want))
				}
			}
			if len(want) < 20 {
				t.Errorf("%v %v: only %d sayings", f, a, len(want))
			}
		}
		if f == synth.XP {
			continue
		}
		l := newLFHPatient(f, synth.X64, false)
		whole := space(t, l.built.Dump)
		want := sayings(t, whole)
		for _, most := range []int{16, 100, 1000, 9000, 1 << 20} {
			if got := sayings(t, pieces{whole, most}); !slices.Equal(got, want) {
				t.Errorf("%v with slots: %d bytes at a time", f, most)
			}
		}
	}
}

// TestProblemsInTurn: a problem is told right before the block that it made
// lost, and who wants no more blocks hears of none behind.
func TestProblemsInTurn(t *testing.T) {
	p := newPatient(synth.Win10v1809, synth.X64, false)
	for _, i := range []int{2, 5, 9} {
		b := p.busy[i]
		for at := b.Entry; at < b.Entry+b.Size; at += 8 {
			p.built.Image.PutU64(at, 0x4141414141414141)
		}
	}
	h, err := ntheap.Open(space(t, p.built.Redump()), damagedAt, ntheap.Options{})
	if err != nil {
		t.Fatal(err)
	}
	lost := 0
	var told []diag.Problem
	sink := func(p diag.Problem) { told = append(told, p) }
	for b := range h.Blocks(sink) {
		if b.State != heap.Lost {
			continue
		}
		lost++
		if last := told[len(told)-1]; last.At.Off != uint64(b.Addr) || last.Lost != b.Size {
			t.Errorf("%+v follows %+v", b, last)
		}
	}
	all := len(told)
	if lost < 2 || all < lost {
		t.Fatalf("%d lost blocks, %d problems", lost, all)
	}
	told = nil
	for b := range h.Blocks(sink) {
		if b.State == heap.Lost {
			break
		}
	}
	if len(told) == 0 || len(told) >= all || told[len(told)-1].Lost == 0 {
		t.Errorf("%d problems of %d up to the first lost block", len(told), all)
	}
}
