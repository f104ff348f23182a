package pageheap_test

import (
	"testing"

	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/ntheap"
	"github.com/heapdump/heapdump/pkg/pageheap"
)

// lightHeap is an NT heap whose blocks have light page-heap headers: a busy
// one, a freed one, one of no bytes, and two that have none.
func lightHeap(t *testing.T, f synth.Family, a synth.Arch, do func(img *synth.Image, users []uint64)) (*memory.Space, []heap.Block, []uint64) {
	t.Helper()
	img := synth.NewImage(a)
	head := 8 * a.PtrSize()
	busy := func(size uint64, freed bool) synth.Item {
		return synth.Busy(head + size + 16).WithMade(synth.LightBlock(a, 0x5a1000, size, 16, 0x77770, freed))
	}
	h := &synth.Heap{Address: 0x1d0000, Family: f, Arch: a, Segments: []synth.Segment{{Items: []synth.Item{
		busy(100, false), synth.Busy(300), busy(55, true), busy(0, false), synth.Busy(8),
		synth.Busy(head + 64).WithContent([]byte{0xaa, 0xaa, 0xcd, 0xab}), synth.Free(0x400),
	}}}}
	b := h.Build(img)
	var users []uint64
	for _, x := range b.Blocks {
		if x.State == synth.StateBusy {
			users = append(users, x.User)
		}
	}
	if do != nil {
		do(img, users)
	}
	s := space(t, img)
	nt, err := ntheap.Open(s, 0x1d0000, ntheap.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var blocks []heap.Block
	for bl := range nt.Blocks(func(p diag.Problem) { t.Error(p) }) {
		if bl.State == heap.Busy {
			blocks = append(blocks, bl)
		}
	}
	return s, blocks, users
}

func TestLight(t *testing.T) {
	for _, f := range synth.Families() {
		for _, a := range []synth.Arch{synth.X86, synth.X64} {
			s, blocks, users := lightHeap(t, f, a, nil)
			want := map[int]struct {
				size  uint64
				freed bool
			}{0: {100, false}, 2: {55, true}, 3: {0, false}}
			for i, b := range blocks {
				in, ok := pageheap.Light(s, b)
				w, is := want[i]
				if ok != is {
					t.Errorf("%v %v: block %d: %+v, %v", f, a, i, in, ok)
					continue
				}
				if !is {
					continue
				}
				if in.Requested != w.size || in.Freed != w.freed || uint64(in.User) != users[i]+8*a.PtrSize() || in.StackTrace != 0x77770 ||
					in.Heap != 0x5a1000 || uint64(in.Bits) != 8*a.PtrSize() || in.Overrun != -1 || in.Written != -1 {
					t.Errorf("%v %v: block %d: %+v", f, a, i, in)
				}
				in.Check(func(p diag.Problem) { t.Errorf("%v %v: block %d: %v", f, a, i, p) })
			}
		}
	}
}

// lightDamages are writes to a light heap, and innocent twins of them.
var lightDamages = []struct {
	name string
	do   func(m *synth.Image, u []uint64, head uint64)
	want diag.Code
	twin diag.Code // of the rule that must not speak
}{
	{"StartStamp", func(m *synth.Image, u []uint64, _ uint64) { m.PutU32(u[0], 0) }, pageheap.CodeLightStamp, ""},
	{"EndStamp", func(m *synth.Image, u []uint64, head uint64) { m.PutU8(u[0]+head-1, 0) }, pageheap.CodeLightStamp, ""},
	{"freed StartStamp", func(m *synth.Image, u []uint64, _ uint64) { m.PutU32(u[2], 0) }, pageheap.CodeLightStamp, ""},
	{"overrun", func(m *synth.Image, u []uint64, head uint64) { m.PutU8(u[0]+head+100, 0) }, pageheap.CodeLightSuffix, ""},
	{"overrun of nothing", func(m *synth.Image, u []uint64, head uint64) { m.PutU8(u[3]+head, 0) }, pageheap.CodeLightSuffix, ""},
	{"write after free", func(m *synth.Image, u []uint64, head uint64) { m.PutU8(u[2]+head+54, 0) }, pageheap.CodeLightFreed, ""},
	{"last byte", func(m *synth.Image, u []uint64, head uint64) { m.PutU8(u[0]+head+99, 0) }, "", pageheap.CodeLightSuffix},
	{"first byte", func(m *synth.Image, u []uint64, head uint64) { m.PutU8(u[0]+head, 0) }, "", pageheap.CodeLightStamp},
	{"suffix of a freed block", func(m *synth.Image, u []uint64, head uint64) { m.PutU8(u[2]+head+55, 0) }, "", pageheap.CodeLightFreed},
	{"no stack", func(m *synth.Image, u []uint64, head uint64) { m.PutPtr(u[0]+6*head/8, 0) }, "", pageheap.CodeLightStamp},
}

func TestLightDamage(t *testing.T) {
	for _, a := range []synth.Arch{synth.X86, synth.X64} {
		for _, d := range lightDamages {
			s, blocks, _ := lightHeap(t, synth.Win10v1809, a, func(m *synth.Image, u []uint64) { d.do(m, u, 8*a.PtrSize()) })
			var got []diag.Code
			found := 0
			for _, b := range blocks {
				if in, ok := pageheap.Light(s, b); ok {
					found++
					in.Check(func(p diag.Problem) { got = append(got, p.Code) })
				}
			}
			if found != 3 || d.want == "" && len(got) > 0 || d.want != "" && (len(got) != 1 || got[0] != d.want) {
				t.Errorf("%v %s: %d found, %v, want %q", a, d.name, found, got, d.want)
			}
		}
	}
}

// TestLightNot is user data that looks like a header by half.
func TestLightNot(t *testing.T) {
	s, blocks, _ := lightHeap(t, synth.Win7, synth.X64, func(m *synth.Image, u []uint64) {
		m.PutU32(u[0], 0x12345678)
		m.PutU64(u[0]+0x18, 0x99999) // the sizes do not agree either
		m.PutU64(u[2]+0x10, 0xffffffffffffffff)
	})
	n := 0
	for _, b := range blocks {
		if _, ok := pageheap.Light(s, b); ok {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%d headers, want the third block's alone", n)
	}
	if _, ok := pageheap.Light(s, heap.Block{Addr: 0x1, Size: 1 << 60, State: heap.Busy}); ok {
		t.Error("a block that is not there")
	}
}
