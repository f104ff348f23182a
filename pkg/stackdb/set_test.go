package stackdb_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/stackdb"
)

// TestSet holds a Set against a map.
func TestSet(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var s stackdb.Set
	type entry struct {
		id     stackdb.ID
		frames []memory.Addr
		n      uint64
	}
	model := map[string]*entry{}
	for range 20000 {
		var frames []memory.Addr
		key := ""
		for range r.IntN(4) {
			f := memory.Addr(r.IntN(12))
			frames, key = append(frames, f), key+string(rune('a'+f))
		}
		id := s.Add(frames)
		if len(frames) == 0 {
			if id != 0 {
				t.Fatal("a stack of no frames")
			}
			continue
		}
		e := model[key]
		if e == nil {
			e = &entry{id: id, frames: frames}
			model[key] = e
		}
		if e.n++; e.id != id {
			t.Fatalf("%v is %d and %d", frames, e.id, id)
		}
	}
	if s.Len() != len(model) {
		t.Fatalf("%d stacks, want %d", s.Len(), len(model))
	}
	for _, e := range model {
		if !slices.Equal(s.Frames(e.id), e.frames) || s.Count(e.id) != e.n {
			t.Errorf("%d: %v × %d, want %v × %d", e.id, s.Frames(e.id), s.Count(e.id), e.frames, e.n)
		}
	}
	if s.Frames(0) != nil || s.Count(0) != 0 || s.Frames(1<<30) != nil || s.Count(1<<30) != 0 {
		t.Error("stacks that are none")
	}
}

// TestSetFails counts pointers and indexes that lead to no stack.
func TestSetFails(t *testing.T) {
	img := synth.NewImage(synth.X64)
	(&synth.TraceDB{Address: dbAt, Family: synth.Win7, Arch: synth.X64, Stacks: stacks(3)}).Build(img)
	s := space(t, img)
	r := stackdb.Reader{Memory: s, Bits: 64, Code: code}
	d, err := stackdb.Locate(s, r, stackdb.Query{})
	if err != nil {
		t.Fatal(err)
	}
	var set stackdb.Set
	for range 3 {
		if set.At(r, 0x50000000) != 0 || set.At(r, 0) != 0 || set.Index(d, 9) != 0 || set.Index(d, 0) != 0 || set.Index(d, 2) == 0 {
			t.Fatal("wrong stacks")
		}
	}
	f := set.Facts()
	if f.Failed != 2 || f.Missing != 6 || len(f.Why) != 2 || f.Uses != 3 || f.Stacks != 1 || f.Frames != 2 {
		t.Errorf("%+v", f)
	}
}

// What is kept of many failures does not depend on the order of the blocks:
// missing bytes first, then by address.
func TestSetKeeps(t *testing.T) {
	img := synth.NewImage(synth.X64)
	(&synth.TraceDB{Address: dbAt, Family: synth.Win7, Arch: synth.X64, Stacks: stacks(3)}).Build(img)
	r := stackdb.Reader{Memory: space(t, img), Bits: 64, Code: code}
	var up, down stackdb.Set
	for i := range 40 {
		up.At(r, 0x50000000+memory.Addr(i)*8)
		down.At(r, 0x50000000+memory.Addr(39-i)*8)
	}
	a, b := up.Facts(), down.Facts()
	if len(a.Why) != 16 || a.Why[0].At != 0x50000000 || a.Why[15].At != 0x50000078 || a.Failed != 40 {
		t.Errorf("%+v", a)
	}
	for i := range a.Why {
		if a.Why[i].Compare(b.Why[i]) != 0 {
			t.Errorf("failure %d: %v and %v", i, a.Why[i], b.Why[i])
		}
	}
}
