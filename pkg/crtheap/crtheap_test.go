package crtheap_test

import (
	"testing"

	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/pkg/crtheap"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/ntheap"
)

// TestHealthy: every block is recognised with all that its header says, the
// list is whole, and nothing is found.
func TestHealthy(t *testing.T) {
	each(t, func(t *testing.T, f form) {
		s := stage(f, script()...)
		got := s.look(s.space())
		silent(t, got)
		compare(t, s, got)
		w := got.walked
		if w.Found != 9 || w.Ignored != 1 || len(w.Chains) != 1 {
			t.Fatalf("walked: %+v", w)
		}
		want := crtheap.Chain{Newest: memory.Addr(s.list.Blocks[9].Header), Oldest: memory.Addr(s.list.Blocks[0].Header),
			Form: f.want(), Blocks: 9, First: true, Last: true}
		if w.Chains[0] != want || !w.Chains[0].Whole() {
			t.Errorf("chain %+v, want %+v", w.Chains[0], want)
		}
	})
}

// compare holds what was recognised against the script.
func compare(t *testing.T, s *scene, got seen) {
	t.Helper()
	if len(got.headers) != len(s.list.Blocks) {
		t.Errorf("%d blocks recognised of %d", len(got.headers), len(s.list.Blocks))
	}
	for i, b := range s.list.Blocks {
		h, ok := got.headers[memory.Addr(b.Header)]
		line, request, file := b.Line, b.Request, b.File
		if b.Use == synth.CRTIgnore {
			line, request, file = crtheap.IgnoreLine, 0, 0
		}
		switch {
		case !ok:
			t.Errorf("block %d is not recognised", i)
		case uint64(h.User) != s.list.User(i), h.Bytes != b.Size, uint32(h.Use) != b.Use, h.Request != request, h.Line != line, uint64(h.File) != file:
			t.Errorf("block %d: got %+v, want %+v", i, h, b)
		case h.Form != s.want(), !h.Whole(), h.Room != s.list.RoomOf(i):
			t.Errorf("block %d: form %v, whole %v, room %d", i, h.Form, h.Whole(), h.Room)
		case h.HasLine() != (file != 0):
			t.Errorf("block %d: HasLine is %v", i, h.HasLine())
		}
	}
}

// TestInHeap: the same in blocks that a walk of a heap hands out, with the
// debug heap's fills and stack traces around them.
func TestInHeap(t *testing.T) {
	each(t, func(t *testing.T, f form) {
		for _, family := range []synth.Family{synth.XP, synth.Win7, synth.Win10v1809} {
			l := &synth.CRTList{Arch: f.arch, Form: f.form, Blocks: script()}
			img := synth.NewImage(f.arch)
			h := &synth.Heap{Address: 0x600000, Family: family, Arch: f.arch, Segments: []synth.Segment{{Items: l.Items()}}}
			if family == synth.Win7 {
				h.Flags = synth.FlagGrowable | synth.FlagTailChecking | synth.FlagFreeChecking
			}
			b := h.Build(img)
			var users []uint64
			for _, x := range b.Only(synth.StateBusy) {
				users = append(users, x.User)
			}
			l.Write(img, users)
			s := &scene{form: f, Image: img, list: l}
			nt, err := ntheap.Open(s.space(), 0x600000, ntheap.Options{})
			if err != nil {
				t.Fatal(err)
			}
			for x := range nt.Blocks(nil) {
				if x.State == heap.Busy {
					s.blocks = append(s.blocks, x)
				}
				if d, bad := nt.CheckFills(x); bad {
					t.Errorf("%v: %v", family, d.Problem(nt))
				}
			}
			got := s.look(s.space())
			silent(t, got)
			compare(t, s, got)
		}
	})
}

func TestFileName(t *testing.T) {
	each(t, func(t *testing.T, f form) {
		s := stage(f, synth.CRTBlock{Size: 8, Use: 1, Request: 1, File: names}, synth.CRTBlock{Size: 8, Use: 1, Request: 2, File: names + 17},
			synth.CRTBlock{Size: 8, Use: 1, Request: 3, File: names + 32}, synth.CRTBlock{Size: 8, Use: 1, Request: 4},
			synth.CRTBlock{Size: 8, Use: 1, Request: 5, File: 0x7fff0000}, synth.CRTBlock{Size: 8, Use: 1, Request: 6, File: names + 16})
		m := s.space()
		got := s.look(m)
		silent(t, got)
		for i, want := range []string{"c:\\src\\first.cpp", "c:\\src\\\xe9t\xe9.cpp", "", "", "", ""} {
			name, ok := got.headers[memory.Addr(s.list.Blocks[i].Header)].FileName(m)
			if name != want || ok != (want != "") {
				t.Errorf("block %d: %q, %v; want %q", i, name, ok, want)
			}
		}
	})
}

func TestNeverWritten(t *testing.T) {
	each(t, func(t *testing.T, f form) {
		s := stage(f, synth.CRTBlock{Size: 5000, Use: 1, Request: 1}, synth.CRTBlock{Size: 100, Use: 1, Request: 2, Content: make([]byte, 10)},
			synth.CRTBlock{Size: 100, Use: 1, Request: 3, Content: make([]byte, 97)}, synth.CRTBlock{Size: 0, Use: 1, Request: 4}, synth.CRTBlock{Size: 40, Use: 0, Request: 5})
		m := s.space()
		got := s.look(m)
		for i, want := range []uint64{5000, 90, 0, 0, 0} {
			if n := got.headers[memory.Addr(s.list.Blocks[i].Header)].NeverWritten(m); n != want {
				t.Errorf("block %d: %d bytes never written, want %d", i, n, want)
			}
		}
	})
}

// TestForms: on x86 a header whose size equals its type reads the same in
// both forms; its neighbours tell, and without any nothing does.
func TestForms(t *testing.T) {
	for _, f := range forms[:2] {
		s := stage(f, synth.CRTBlock{Size: 1, Use: 1, Request: 1}, synth.CRTBlock{Size: 4, Use: 4, Request: 2}, synth.CRTBlock{Size: 2, Use: 2, Request: 3})
		for a, h := range s.look(s.space()).headers {
			if h.Form != crtheap.Either || h.Bytes > 4 || uint64(h.Use) != h.Bytes {
				t.Errorf("%v: header %v is %v, %d bytes of use %v", f, a, h.Form, h.Bytes, h.Use)
			}
		}
		s = stage(f, synth.CRTBlock{Size: 1, Use: 1, Request: 1}, synth.CRTBlock{Size: 4, Use: 4, Request: 2}, synth.CRTBlock{Size: 77, Use: 1, Request: 3})
		for a, h := range s.look(s.space()).headers {
			if h.Form != f.want() {
				t.Errorf("%v: header %v is %v", f, a, h.Form)
			}
		}
	}
}

func TestNames(t *testing.T) {
	if s := crtheap.Form(9).String() + crtheap.Type(9).String() + crtheap.UCRT.String() + crtheap.Client.String(); s != "form 9type 9ucrtclient" {
		t.Error(s)
	}
	if u := crtheap.Use(0x70004); u.Type() != crtheap.Client || u.Subtype() != 7 || !u.Valid() || crtheap.Use(0x70001).Valid() || crtheap.Use(5).Valid() {
		t.Error("uses")
	}
	if b, _ := crtheap.Ignore.MarshalText(); string(b) != "ignore" {
		t.Error(string(b))
	}
	if got := crtheap.Text([]byte("a\x00\xffZ")) + crtheap.Hex([]byte{1, 0xab}); got != "a..Z01 ab" {
		t.Error(got)
	}
	if len(crtheap.Codes()) != 7 {
		t.Error("codes")
	}
}
