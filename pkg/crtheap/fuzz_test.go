package crtheap_test

import (
	"encoding/binary"
	"testing"

	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/pkg/crtheap"
	"github.com/heapdump/heapdump/pkg/memory"
)

// FuzzRecognise pokes words into a list of debug blocks and the memory around
// it. Whatever stands there, nothing fails, what is recognised lies in its
// block, and the chains hold every header once.
func FuzzRecognise(f *testing.F) {
	f.Add(uint8(0), []byte{})
	f.Add(uint8(1), []byte{0x1c, 0, 0x41, 0x41, 0x41, 0x41})
	f.Add(uint8(2), []byte{0x20, 0, 0xff, 0xff, 0xff, 0xff, 0x08, 1, 0, 0, 0x50, 0})
	f.Add(uint8(5), []byte{0, 1, 0x10, 0, 0x50, 0, 4, 1, 0x10, 0, 0x50, 0})
	f.Fuzz(func(t *testing.T, kind uint8, edits []byte) {
		s := stage(forms[kind%3], victims()...)
		for len(edits) >= 6 {
			at := base + uint64(binary.LittleEndian.Uint16(edits))%uint64(s.at-base)
			s.Write(at, edits[2:6])
			edits = edits[6:]
		}
		if kind&4 != 0 {
			// All blocks in one, so that sizes reach across headers.
			s.blocks[0].Size = s.at - base
		}
		m := s.space()
		got := s.look(m)
		for a, h := range got.headers {
			if h.User < a || h.User.Add(h.Bytes) > a.Add(h.Room) || h.Room > s.at-base {
				t.Fatalf("%+v leaves its block", h)
			}
			h.FileName(m)
			if n := h.NeverWritten(m); n > h.Bytes {
				t.Fatalf("%d bytes never written of %d", n, h.Bytes)
			}
		}
		for _, x := range got.findings {
			if x.Problem(0).Code == "" || len(x.Got) > 64 {
				t.Fatalf("%+v", x)
			}
		}
		blocks := 0
		for _, c := range got.walked.Chains {
			blocks += c.Blocks
		}
		if blocks != got.walked.Found || got.walked.Found+got.walked.Ignored != len(got.headers) {
			t.Fatalf("%d on chains, %+v, %d headers", blocks, got.walked, len(got.headers))
		}
	})
}

func BenchmarkRecogniseOrdinary(b *testing.B) {
	s := stage(forms[2])
	for range 1000 {
		s.block(100)
	}
	m := s.space()
	b.ReportAllocs()
	for i := range b.N {
		if _, ok := crtheap.Recognise(m, 64, s.blocks[i%1000]); ok {
			b.Fatal("recognised")
		}
	}
}

func BenchmarkRecogniseDebug(b *testing.B) {
	var script []synth.CRTBlock
	for i := range 1000 {
		script = append(script, synth.CRTBlock{Size: 64, Use: 1, Request: uint32(i + 1)})
	}
	s := stage(forms[2], script...)
	m := s.space()
	var last memory.Addr
	b.ReportAllocs()
	for i := range b.N {
		h, ok := crtheap.Recognise(m, 64, s.blocks[i%1000])
		if !ok || len(h.Check(m)) != 0 {
			b.Fatal("not recognised")
		}
		last = h.Addr
	}
	_ = last
}
