package stackdb_test

import (
	"testing"

	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/ntheap"
	"github.com/heapdump/heapdump/pkg/stackdb"
)

// TestExtension walks heaps whose blocks have stack traces and follows each
// to its frames.
func TestExtension(t *testing.T) {
	for _, k := range kinds() {
		if k.family < synth.Win7 {
			continue
		}
		img := synth.NewImage(k.arch)
		all := stacks(40)
		b := (&synth.TraceDB{Address: dbAt, Family: k.family, Arch: k.arch, Stacks: all}).Build(img)
		h := &synth.Heap{Address: 0x1d0000, Family: k.family, Arch: k.arch, Flags: synth.FlagStackTrace | synth.FlagGrowable, Interceptor: 0x11}
		var items []synth.Item
		for i := range 120 {
			items = append(items, synth.Busy(uint64(i*7+1)).WithStack(b.Entries[i%len(b.Entries)]))
		}
		h.Segments = []synth.Segment{{Items: append(items, synth.Busy(50))}}
		h.Virtual = []synth.Virtual{{Address: 0x900000, Size: 0x90000, Stack: b.Entries[11]}}
		truth := h.Build(img)
		s := space(t, img)
		nt, err := ntheap.Open(s, 0x1d0000, ntheap.Options{})
		if err != nil {
			t.Fatal(err)
		}
		var set stackdb.Set
		r := k.reader(s)
		with := 0
		made := map[uint64]synth.Block{}
		for _, m := range truth.Blocks {
			made[m.Entry] = m
		}
		for bl := range nt.Blocks(func(p diag.Problem) { t.Errorf("%v: %v", k, p) }) {
			if bl.State != heap.Busy {
				continue
			}
			want, ok := made[uint64(bl.Addr)]
			x, found := stackdb.ExtensionOf(s, bl, r.Bits)
			if !ok || found != (want.Stack != 0) || uint64(x.Stack) != want.Stack {
				t.Errorf("%v: %+v: %+v %v, want %#x", k, bl, x, found, want.Stack)
				continue
			}
			if found {
				with++
				if id := set.At(r, x.Stack); id == 0 || set.Frames(id)[0] < codeA {
					t.Errorf("%v: no stack at %v", k, x.Stack)
				}
			}
		}
		f := set.Facts()
		if with != 121 || f.Uses != 121 || f.Stacks != 40 || f.Traces[stackdb.DepthField] != 40 || f.Failed != 0 || set.Len() != 40 {
			t.Errorf("%v: %d blocks with a stack, %+v", k, with, f)
		}
	}
}

// TestExtra finds the index of blocks of XP and Vista, and their stacks by
// it.
func TestExtra(t *testing.T) {
	for _, k := range kinds() {
		if k.family > synth.Vista {
			continue
		}
		img := synth.NewImage(k.arch)
		all := stacks(40)
		(&synth.TraceDB{Address: dbAt, Family: k.family, Arch: k.arch, Stacks: all}).Build(img)
		unit := k.arch.Unit()
		h := &synth.Heap{Address: 0x1d0000, Family: k.family, Arch: k.arch, Segments: []synth.Segment{{Items: []synth.Item{
			synth.Busy(24).WithTag(5, 0x4321), synth.Busy(24), synth.Busy(100).WithTag(7, 0x99),
		}}}}
		truth := h.Build(img)
		indexes := map[uint64]uint16{}
		n := uint16(0)
		for _, bl := range truth.Only(synth.StateBusy) {
			if bl.Flags&2 != 0 {
				n += 12
				img.PutU16(bl.End()-unit, n)
				indexes[bl.Entry] = n
			}
		}
		s := space(t, img)
		r := k.reader(s)
		d, err := stackdb.Locate(s, r, stackdb.Query{})
		if err != nil {
			t.Fatal(err)
		}
		nt, err := ntheap.Open(s, 0x1d0000, ntheap.Options{})
		if err != nil {
			t.Fatal(err)
		}
		var set stackdb.Set
		for bl := range nt.Blocks(nil) {
			x, ok := stackdb.ExtraOf(s, bl, r.Bits)
			want, has := indexes[uint64(bl.Addr)]
			if ok != has || x.BackTrace != want {
				t.Errorf("%v: %+v: %+v %v, want %d", k, bl, x, ok, want)
			}
			if ok {
				if x.Tag != 5 && x.Tag != 7 || x.Settable != 0x4321 && x.Settable != 0x99 {
					t.Errorf("%v: %+v", k, x)
				}
				if id := set.Index(d, uint32(x.BackTrace)); !equal(set.Frames(id), all[x.BackTrace-1]) {
					t.Errorf("%v: %v", k, set.Frames(id))
				}
			}
		}
		if n != 24 || set.Len() != 2 {
			t.Errorf("%v: %d stacks", k, set.Len())
		}
	}
}

// TestExtraOfLarge has the extra of a large block, which stands in its node:
// list links, extra, two sizes, entry.
func TestExtraOfLarge(t *testing.T) {
	for _, a := range []synth.Arch{synth.X86, synth.X64} {
		img := synth.NewImage(a)
		node, links := uint64(0x40000), 2*a.PtrSize()
		img.PutU16(node+links, 33)
		img.PutU16(node+links+2, 9)
		entry := node + links + a.Unit() + 2*a.PtrSize()
		b := heap.Block{Addr: memory.Addr(entry), Size: 0x90000, Header: uint8(a.Unit()), State: heap.Busy, Origin: heap.Virtual,
			Flags: heap.FlagBusy | heap.FlagExtra}
		x, ok := stackdb.ExtraOf(space(t, img), b, 8*int(a.PtrSize()))
		if !ok || x.BackTrace != 33 || x.Tag != 9 {
			t.Errorf("%v: %+v %v", a, x, ok)
		}
	}
}
