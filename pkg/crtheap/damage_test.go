package crtheap_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/pkg/crtheap"
	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
)

// told is a finding in short.
type told struct {
	rule  diag.Code
	at    uint64
	bytes uint64
	open  bool
}

// damage is one thing done to block 3 of seven, and what has to be said of it.
type damage struct {
	name string
	do   func(s *scene) []told
	lost bool // the block is not recognised any more
}

const victim = 3

func victims() []synth.CRTBlock {
	var out []synth.CRTBlock
	for i := range 7 {
		out = append(out, synth.CRTBlock{Size: 40 + 10*uint64(i), Use: synth.CRTNormal, Request: uint32(100 + i), File: names, Line: 5})
	}
	out[victim+1].Use = synth.CRTFree
	return out
}

func (s *scene) field(name string) uint64 { return s.list.FieldAddr(victim, name) }

// fence is a finding about one of the victim's fences.
func fence(rule diag.Code, at, n uint64, open bool) []told { return []told{{rule, at, n, open}} }

var damages = []damage{
	{name: "overrun by 1", do: func(s *scene) []told {
		s.PutU8(s.field("tail"), 'A')
		return fence(crtheap.CodeOverrun, s.field("tail"), 1, false)
	}},
	{name: "overrun by 4", do: func(s *scene) []told {
		s.Write(s.field("tail"), []byte("ABCD"))
		return fence(crtheap.CodeOverrun, s.field("tail"), 4, true)
	}},
	{name: "a hole in the tail", do: func(s *scene) []told {
		s.PutU8(s.field("tail")+2, 0)
		return fence(crtheap.CodeOverrun, s.field("tail")+2, 1, false)
	}},
	{name: "underrun by 1", do: func(s *scene) []told {
		s.PutU8(s.field("gap")+3, 'A')
		return fence(crtheap.CodeUnderrun, s.field("gap")+3, 1, false)
	}},
	{name: "underrun by 8", do: func(s *scene) []told {
		s.Write(s.field("request"), []byte("ABCDEFGH"))
		return fence(crtheap.CodeUnderrun, s.field("gap"), 4, true)
	}},
	{name: "both fences", do: func(s *scene) []told {
		s.PutU8(s.field("gap")+3, 'A')
		s.PutU8(s.field("tail"), 'A')
		return []told{{crtheap.CodeUnderrun, s.field("gap") + 3, 1, false}, {crtheap.CodeOverrun, s.field("tail"), 1, false}}
	}},
	{name: "write after free", do: func(s *scene) []told {
		s.Write(s.list.User(victim+1)+7, []byte("late"))
		return fence(crtheap.CodeWriteAfterFree, s.list.User(victim+1)+7, 4, false)
	}},
	{name: "overrun of a freed block", do: func(s *scene) []told {
		s.PutU8(s.list.FieldAddr(victim+1, "tail"), 0)
		return fence(crtheap.CodeOverrun, s.list.FieldAddr(victim+1, "tail"), 1, false)
	}},
	{name: "type", do: func(s *scene) []told {
		s.PutU32(s.field("use"), 0x41414141)
		return []told{{crtheap.CodeType, s.field("use"), 4, false}}
	}},
	{name: "size too large", do: func(s *scene) []told {
		s.PutU32(s.field("size"), 0x41414141)
		return []told{{crtheap.CodeSize, s.field("size"), s.arch.PtrSize(), false}}
	}},
	{name: "size too small", do: func(s *scene) []told {
		s.PutU32(s.field("size"), 9)
		return []told{{crtheap.CodeSize, s.field("size"), s.arch.PtrSize(), false}}
	}},
	{name: "next", do: func(s *scene) []told {
		s.PutPtr(s.field("next"), 0x41414140)
		return []told{{crtheap.CodeLink, s.field("next"), s.arch.PtrSize(), false}}
	}},
	{name: "prev is null", do: func(s *scene) []told {
		s.PutPtr(s.field("prev"), 0)
		return []told{{crtheap.CodeLink, s.field("prev"), s.arch.PtrSize(), false}}
	}},
	{name: "next leads past a block", do: func(s *scene) []told {
		s.PutPtr(s.field("next"), s.list.Blocks[0].Header)
		return []told{{crtheap.CodeLink, s.field("next"), s.arch.PtrSize(), false}}
	}},
	{name: "both links, by an overrun of the block before", do: func(s *scene) []told {
		s.Fill(s.field("next"), 2*s.arch.PtrSize(), []byte{'A'})
		return []told{{crtheap.CodeLink, s.field("next"), s.arch.PtrSize(), false}, {crtheap.CodeLink, s.field("prev"), s.arch.PtrSize(), false}}
	}},
	{name: "the whole header", lost: true, do: func(s *scene) []told {
		s.Fill(s.field("next"), s.list.HeaderSize(), []byte{'A'})
		return []told{{crtheap.CodeHeader, s.field("next"), s.list.HeaderSize(), true}}
	}},
	{name: "freed behind the runtime's back", lost: true, do: func(s *scene) []told {
		s.Fill(s.field("next"), s.list.RoomOf(victim), []byte{0xee, 0xfe})
		s.blocks[victim].State = heap.Free
		return []told{{crtheap.CodeHeader, s.field("next"), s.list.HeaderSize(), true}}
	}},
}

// TestOneDamage: each damage is told of, once and by its rule, and of the
// other blocks nothing is said.
func TestOneDamage(t *testing.T) {
	each(t, func(t *testing.T, f form) {
		for _, d := range damages {
			t.Run(d.name, func(t *testing.T) {
				s := stage(f, victims()...)
				want := d.do(s)
				got := s.look(s.space())
				var have []told
				for _, x := range got.findings {
					have = append(have, told{x.Rule, uint64(x.At), x.Bytes, x.Open})
					if x.Problem(7).Heap != 7 || len(x.Context) == 0 {
						t.Errorf("%v without heap or context", x.Problem(7))
					}
				}
				if fmt.Sprint(have) != fmt.Sprint(want) {
					t.Errorf("findings %v, want %v", have, want)
				}
				for i, b := range s.list.Blocks {
					h, ok := got.headers[memory.Addr(b.Header)]
					if lost := d.lost && i == victim; ok == lost {
						t.Errorf("block %d: recognised is %v", i, ok)
					} else if ok && h.Bytes != b.Size {
						t.Errorf("block %d has %d bytes, want %d", i, h.Bytes, b.Size)
					}
				}
				all := 0
				for _, c := range got.walked.Chains {
					all += c.Blocks
				}
				if all != len(got.headers) {
					t.Errorf("%d blocks on chains of %d", all, len(got.headers))
				}
			})
		}
	})
}

func TestEveryCodeHasADamage(t *testing.T) {
	codes := crtheap.Codes()
	for _, d := range damages {
		for _, x := range d.do(stage(forms[0], victims()...)) {
			delete(codes, x.rule)
		}
	}
	for c, words := range codes {
		t.Errorf("no damage for %s: %s", c, words)
	}
}

// TestFindingWords: what a finding shows of an overrun.
func TestFindingWords(t *testing.T) {
	s := stage(forms[2], victims()...)
	s.Write(s.field("tail")-10, []byte("a long nameXY"))
	got := s.look(s.space())
	if len(got.findings) != 1 {
		t.Fatal(got.findings)
	}
	f := got.findings[0]
	if !bytes.HasPrefix(f.Context, []byte("\xcd\xcd\xcd\xcd\xcd\xcda long nameXY\xfd")) || f.ContextAt != f.At-16 {
		t.Errorf("context %q", f.Context)
	}
	want := fmt.Sprintf("crt-overrun at %#x: _CrtMemBlockHeader: want fd fd fd, got 65 58 59 \"eXY\" (3 bytes differ)", s.field("tail"))
	if got := f.Problem(0).String(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	s = stage(forms[0], victims()...)
	s.PutPtr(s.field("next"), 0x1234)
	f = s.look(s.space()).findings[0]
	if got, want := f.Problem(0).String(), fmt.Sprintf("crt-link at %#x: _CrtMemBlockHeader.pBlockHeaderNext: want %#x, got 0x1234", s.field("next"), s.list.Blocks[victim-1].Header); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestAlone: without a neighbour, damage to a fence needs the size, no links
// and a request number; an ignored block has its constants.
func TestAlone(t *testing.T) {
	each(t, func(t *testing.T, f form) {
		for _, c := range []struct {
			name  string
			block synth.CRTBlock
			do    func(s *scene)
			rule  diag.Code // "" means: not recognised
		}{
			{"overrun", synth.CRTBlock{Size: 30, Use: 1, Request: 9}, func(s *scene) { s.PutU8(s.list.FieldAddr(0, "tail"), 0) }, crtheap.CodeOverrun},
			{"underrun", synth.CRTBlock{Size: 30, Use: 1, Request: 9}, func(s *scene) { s.PutU8(s.list.FieldAddr(0, "gap")+3, 0) }, crtheap.CodeUnderrun},
			{"type", synth.CRTBlock{Size: 30, Use: 1, Request: 9}, func(s *scene) { s.PutU32(s.list.FieldAddr(0, "use"), 77) }, crtheap.CodeType},
			{"size", synth.CRTBlock{Size: 30, Use: 1, Request: 9}, func(s *scene) { s.PutU32(s.list.FieldAddr(0, "size"), 77) }, ""},
			{"no request", synth.CRTBlock{Size: 30, Use: 1}, func(s *scene) { s.PutU8(s.list.FieldAddr(0, "tail"), 0) }, ""},
			{"two damages", synth.CRTBlock{Size: 30, Use: 1, Request: 9}, func(s *scene) {
				s.PutU8(s.list.FieldAddr(0, "tail"), 0)
				s.PutU8(s.list.FieldAddr(0, "gap"), 0)
			}, ""},
			{"ignored, overrun", synth.CRTBlock{Size: 30, Use: 3}, func(s *scene) { s.PutU8(s.list.FieldAddr(0, "tail"), 0) }, crtheap.CodeOverrun},
			{"ignored, size", synth.CRTBlock{Size: 30, Use: 3}, func(s *scene) { s.PutU32(s.list.FieldAddr(0, "size"), 77) }, crtheap.CodeSize},
		} {
			s := stage(f, c.block)
			c.do(s)
			got := s.look(s.space())
			switch {
			case c.rule == "" && len(got.headers) != 0:
				t.Errorf("%s: recognised", c.name)
			case c.rule != "" && (len(got.findings) != 1 || got.findings[0].Rule != c.rule):
				t.Errorf("%s: %v, want %s", c.name, got.findings, c.rule)
			}
		}
	})
}
