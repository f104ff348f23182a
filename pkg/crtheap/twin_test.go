package crtheap_test

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/pkg/crtheap"
	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
)

// twin is a block of a program that never saw a debug runtime, but looks like it.
type twin struct {
	name string
	make func(s *scene, user uint64) []byte
}

const twinRoom = 200

// mimic makes user data with the parts of a debug block that are asked for;
// the rest is zero.
func mimic(s *scene, parts ...string) []byte {
	l := synth.CRTList{Arch: s.arch, Form: s.form.form, Blocks: make([]synth.CRTBlock, 1)}
	over := l.HeaderSize() + 4
	l.Blocks[0].Size = twinRoom - over
	b := make([]byte, twinRoom)
	for _, p := range parts {
		at := b[l.FieldAddr(0, p):]
		switch p {
		case "gap", "tail":
			copy(at, "\xfd\xfd\xfd\xfd")
		case "size":
			binary.LittleEndian.PutUint32(at, uint32(twinRoom-over))
		case "use", "request":
			binary.LittleEndian.PutUint32(at, 1)
		}
	}
	return b
}

var twins = []twin{
	{"fences in zeros", func(s *scene, _ uint64) []byte { return mimic(s, "gap", "tail") }},
	{"fences, type and number in zeros", func(s *scene, _ uint64) []byte { return mimic(s, "gap", "tail", "use", "request") }},
	{"the size by chance", func(s *scene, _ uint64) []byte { return mimic(s, "size") }},
	{"the size and the type by chance", func(s *scene, _ uint64) []byte { return mimic(s, "size", "use", "request") }},
	{"the gap and the size by chance, no number", func(s *scene, _ uint64) []byte { return mimic(s, "gap", "size", "use") }},
	{"the size and the tail by chance, no number", func(s *scene, _ uint64) []byte { return mimic(s, "size", "tail", "use") }},
	{"fences all over", func(*scene, uint64) []byte { return bytes.Repeat([]byte{0xfd}, twinRoom) }},
	{"a text and the fill of a string function behind it", func(*scene, uint64) []byte {
		return append([]byte("a name\x00"), bytes.Repeat([]byte{0xfd}, twinRoom-7)...)
	}},
	{"a wide text and that fill", func(*scene, uint64) []byte {
		return append([]byte("a\x00\x00\x00"), bytes.Repeat([]byte{0xfd}, twinRoom-4)...)
	}},
	{"a node that is linked with itself, with a gap", func(s *scene, user uint64) []byte {
		b := mimic(s, "gap", "use", "request")
		s.PutPtr(user, user)
		s.PutPtr(user+s.arch.PtrSize(), user)
		copy(b, s.Read(user, int(2*s.arch.PtrSize())))
		return b
	}},
	{"links to a debug block that does not lead back", func(s *scene, user uint64) []byte {
		b := mimic(s, "gap", "tail", "size", "use", "request")
		copy(b, s.Read(s.list.Blocks[2].Header, int(2*s.arch.PtrSize())))
		return b
	}},
	{"a structure with its own size first", func(s *scene, _ uint64) []byte {
		b := make([]byte, twinRoom)
		binary.LittleEndian.PutUint32(b, twinRoom)
		binary.LittleEndian.PutUint32(b[0x10:], twinRoom-0x24)
		binary.LittleEndian.PutUint32(b[0x14:], 2)
		return b
	}},
}

// TestTwins: what only looks like a debug block is none.
func TestTwins(t *testing.T) {
	each(t, func(t *testing.T, f form) {
		for _, w := range twins {
			s := stage(f, victims()...)
			user := s.block(twinRoom)
			s.Write(user, w.make(s, user))
			got := s.look(s.space())
			silent(t, got)
			if h, ok := got.headers[memory.Addr(user)]; ok || len(got.headers) != 7 {
				t.Errorf("%s: recognised as %+v", w.name, h)
			}
		}
	})
}

// ruleTwins are blocks of the debug runtime that are nearest to a damage and
// have none: what is done to the victim, or to the freed block behind it.
var ruleTwins = []struct {
	name string
	code diag.Code // of the rule that must not speak
	do   func(s *scene)
}{
	{"the first byte of the data", crtheap.CodeUnderrun, func(s *scene) { s.PutU8(s.list.User(victim), 'A') }},
	{"the last byte of the data", crtheap.CodeOverrun, func(s *scene) { s.PutU8(s.field("tail")-1, 'A') }},
	{"what stands behind the tail", crtheap.CodeOverrun, func(s *scene) { s.PutU8(s.field("tail")+4, 'A') }},
	{"a busy block full of what a freed one is", crtheap.CodeWriteAfterFree, func(s *scene) {
		s.Fill(s.list.User(victim), s.list.Blocks[victim].Size-1, []byte{0xdd})
	}},
	{"a subtype of its own", crtheap.CodeType, func(s *scene) { s.PutU32(s.field("use"), synth.CRTClient|0x4141<<16) }},
	{"the number of another request", crtheap.CodeLink, func(s *scene) { s.PutU32(s.field("request"), 101) }},
}

// TestRuleTwins: what is nearest to a damage, and is none.
func TestRuleTwins(t *testing.T) {
	each(t, func(t *testing.T, f form) {
		for _, w := range ruleTwins {
			s := stage(f, victims()...)
			w.do(s)
			got := s.look(s.space())
			for _, x := range got.findings {
				t.Errorf("%s/%s: %v", w.code, w.name, x.Problem(0))
			}
			if len(got.headers) != len(s.list.Blocks) {
				t.Errorf("%s/%s: %d headers", w.code, w.name, len(got.headers))
			}
		}
	})
}

func TestEveryCodeHasATwin(t *testing.T) {
	codes := crtheap.Codes()
	delete(codes, crtheap.CodeSize)   // TestRoom: more room than the size asks for
	delete(codes, crtheap.CodeHeader) // TestTwins: what only looks like a header
	for _, w := range ruleTwins {
		delete(codes, w.code)
	}
	for c, words := range codes {
		t.Errorf("no twin for %s: %s", c, words)
	}
}

// TestCopy: a byte copy of a debug block, or of an NT block that has one, is
// not another debug block.
func TestCopy(t *testing.T) {
	each(t, func(t *testing.T, f form) {
		for i := range victims() {
			s := stage(f, victims()...)
			n := s.list.RoomOf(i)
			user := s.block(n)
			s.Write(user, s.Read(s.list.Blocks[i].Header, int(n)))
			got := s.look(s.space())
			silent(t, got)
			if h, ok := got.headers[memory.Addr(user)]; ok {
				t.Errorf("a copy of block %d: recognised as %+v", i, h)
			}
		}
	})
}

// TestWithin: a debug block whose data hold fences, fills, and whole debug
// blocks is one block.
func TestWithin(t *testing.T) {
	each(t, func(t *testing.T, f form) {
		s := stage(f, victims()...)
		inner := s.Read(s.list.Blocks[1].Header, int(s.list.RoomOf(1)))
		outer := append(victims(), synth.CRTBlock{Size: 400, Use: 1, Request: 900, Content: inner},
			synth.CRTBlock{Size: 400, Use: 1, Request: 901, Content: bytes.Repeat([]byte{0xfd}, 400)},
			synth.CRTBlock{Size: 400, Use: 1, Request: 902, Content: bytes.Repeat([]byte{0xdd}, 400)})
		s = stage(f, outer...)
		got := s.look(s.space())
		silent(t, got)
		compare(t, s, got)
	})
}

// TestRoom: a block may have more room than the runtime asked for, as after
// shrinking in place; it is no damage.
func TestRoom(t *testing.T) {
	each(t, func(t *testing.T, f form) {
		script := victims()
		script[2].Room, script[5].Room = 300, 160
		s := stage(f, script...)
		got := s.look(s.space())
		silent(t, got)
		compare(t, s, got)

		s = stage(f, synth.CRTBlock{Size: 10, Use: 1, Request: 1, Room: 100})
		if got := s.look(s.space()); len(got.headers) != 0 {
			t.Error("recognised without a neighbour")
		}
	})
}

// TestRepaired: where the heap's own header was repaired the room is only
// about right.
func TestRepaired(t *testing.T) {
	each(t, func(t *testing.T, f form) {
		s := stage(f, victims()...)
		b := &s.blocks[victim]
		b.Trust, b.Unused = heap.Repaired, 8
		s.PutU8(s.field("tail"), 'A')
		got := s.look(s.space())
		if len(got.headers) != 7 || len(got.findings) != 1 || uint64(got.findings[0].At) != s.field("tail") {
			t.Errorf("%d headers, %v", len(got.headers), got.findings)
		}
	})
}

// TestChance: random blocks, rich in what debug blocks are made of.
func TestChance(t *testing.T) {
	words := []uint32{0xfdfdfdfd, 0, 1, 2, 4, 0xcdcdcdcd, 0xdddddddd, crtheap.IgnoreLine, base, base + 16}
	r := rand.New(rand.NewPCG(3, 4))
	each(t, func(t *testing.T, f form) {
		s := stage(f)
		for range 20000 {
			n := 40 + r.Uint64N(100)
			user := s.block(n)
			over := uint32(0x24)
			if f.arch != synth.X86 {
				over = 0x34
			}
			for at := uint64(0); at+4 <= n; at += 4 {
				v := words[r.IntN(len(words))]
				if r.IntN(4) == 0 {
					v = uint32(n) - over
				}
				s.PutU32(user+at, v)
			}
			s.PutU32(user+n-4, words[r.IntN(2)])
		}
		got := s.look(s.space())
		// Of the words used, one in some thousand blocks makes every fact of a
		// list of one true; what is damaged must not be made up of them.
		for a, h := range got.headers {
			if !h.Whole() && h.Request == 0 {
				t.Errorf("%v: recognised as damaged: %+v", a, h)
			}
		}
	})
}
