package crtheap_test

import (
	"testing"

	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/pkg/crtheap"
	"github.com/heapdump/heapdump/pkg/memory"
)

// TestLoop: a list that leads back to its beginning ends.
func TestLoop(t *testing.T) {
	each(t, func(t *testing.T, f form) {
		s := stage(f, victims()...)
		last := len(s.list.Blocks) - 1
		s.PutPtr(s.list.FieldAddr(0, "next"), s.list.Blocks[last].Header)
		s.PutPtr(s.list.FieldAddr(last, "prev"), s.list.Blocks[0].Header)
		w := s.look(s.space()).walked
		if len(w.Chains) != 1 || !w.Chains[0].Loop || w.Chains[0].Blocks != 7 || w.Chains[0].Whole() {
			t.Errorf("%+v", w)
		}
	})
}

// TestTwoRuntimes: each runtime has a list of its own.
func TestTwoRuntimes(t *testing.T) {
	each(t, func(t *testing.T, f form) {
		s := stage(f, victims()...)
		second := &synth.CRTList{Arch: f.arch, Form: f.form, Blocks: victims()[:3]}
		if f.arch == synth.X86 {
			second.Form = synth.CRTClassic + synth.CRTUniversal - f.form
		}
		var users []uint64
		for i := range second.Blocks {
			users = append(users, s.block(second.RoomOf(i)))
		}
		second.Write(s.Image, users)
		got := s.look(s.space())
		silent(t, got)
		c := got.walked.Chains
		if len(c) != 2 || c[0].Blocks != 7 || c[1].Blocks != 3 || !c[0].Whole() || !c[1].Whole() || c[0].Form != s.want() {
			t.Fatalf("%+v", c)
		}
		if f.arch == synth.X86 && c[1].Form == c[0].Form {
			t.Errorf("both are %v", c[0].Form)
		}
	})
}

// TestPartOfTheList: blocks in heaps that were not walked are counted, and
// are no damage; without their memory the list is in pieces, and neither is.
func TestPartOfTheList(t *testing.T) {
	each(t, func(t *testing.T, f form) {
		s := stage(f, victims()...)
		s.blocks = append(s.blocks[:2:2], s.blocks[4:]...)
		got := s.look(s.space())
		silent(t, got)
		if c := got.walked.Chains; len(c) != 1 || c[0].Blocks != 5 || c[0].Others != 2 || !c[0].Whole() {
			t.Errorf("%+v", c)
		}

		script := victims()
		script[victim].Size = 0x5000
		s = stage(f, script...)
		// Header and data of the block are on pages of their own, but for its
		// first bytes.
		s.Drop(s.User(victim) + 0x2000)
		got = s.look(s.space())
		silent(t, got)
		if len(got.headers) != 7 {
			t.Errorf("%d headers", len(got.headers))
		}
	})
}

func (s *scene) User(i int) uint64 { return s.list.User(i) }

// TestMissingNeighbour: a link into memory that the dump lacks is no damage.
func TestMissingNeighbour(t *testing.T) {
	each(t, func(t *testing.T, f form) {
		script := victims()
		script[2].Size, script[4].Size = 0x3000, 0x3000 // the victim is on a page without other headers
		script[4].Use = synth.CRTNormal
		script[victim].Size = 0x1000
		s := stage(f, script...)
		gone := s.list.Blocks[victim].Header
		for i := range s.list.Blocks {
			if i != victim && s.list.Blocks[i].Header&^0xfff == gone&^0xfff {
				t.Skip("the scene has two headers on the page")
			}
		}
		got := s.look(s.space(gone))
		silent(t, got)
		if c := got.walked.Chains; len(got.headers) != 6 || len(c) != 2 || c[0].Blocks+c[1].Blocks != 6 {
			t.Errorf("%d headers, chains %+v", len(got.headers), c)
		}
	})
}

// TestMissingTail: a tail that the dump lacks is not judged.
func TestMissingTail(t *testing.T) {
	each(t, func(t *testing.T, f form) {
		script := victims()
		script[6].Size = 0x2000
		s := stage(f, script...)
		got := s.look(s.space(s.list.FieldAddr(6, "tail")))
		silent(t, got)
		h := got.headers[memory.Addr(s.list.Blocks[6].Header)]
		if h.Bytes != 0x2000 || h.Missing != crtheap.Tail || !h.Whole() {
			t.Errorf("%+v", h)
		}
	})
}

// TestMerge: lists gathered in parts are one.
func TestMerge(t *testing.T) {
	s := stage(forms[0], script()...)
	m := s.space()
	var parts [3]crtheap.List
	for i, b := range s.blocks {
		if h, ok := crtheap.Recognise(m, 32, b); ok {
			parts[i%3].Add(h)
			parts[(i+1)%3].Add(h) // twice: counted once
		}
	}
	var all crtheap.List
	for _, p := range parts {
		all.Merge(p)
	}
	for range 2 {
		if w := all.Walk(m); w.Found != 9 || len(w.Chains) != 1 || !w.Chains[0].Whole() || w.Chains[0].Blocks != 9 {
			t.Errorf("%+v", w)
		}
	}
	var none crtheap.List
	if w := none.Walk(m); w.Found != 0 || len(w.Chains) != 0 {
		t.Errorf("%+v", w)
	}
}

// TestManyDamages: what is told of a list full of damage is bounded.
func TestManyDamages(t *testing.T) {
	var script []synth.CRTBlock
	for i := range 3000 {
		script = append(script, synth.CRTBlock{Size: 8, Use: 1, Request: uint32(i + 1)})
	}
	s := stage(forms[2], script...)
	for i := range script {
		s.PutPtr(s.list.FieldAddr(i, "next"), 0x123450)
	}
	w := s.look(s.space()).walked
	if len(w.Findings) == 0 || len(w.Findings) > 1000 || w.Dropped == 0 || len(w.Chains) > 1000 {
		t.Errorf("%d findings, %d dropped, %d chains", len(w.Findings), w.Dropped, len(w.Chains))
	}
}
