package stackdb_test

import (
	"errors"
	"testing"

	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/stackdb"
)

// TestDepthInIndex has the depth where two tools read it on Windows 7 and
// later. Entries stand close together, so that what follows a stack is the
// next entry's HashChain, which is no code.
func TestDepthInIndex(t *testing.T) {
	for _, k := range kinds() {
		img := synth.NewImage(k.arch)
		all := stacks(64)
		b := (&synth.TraceDB{Address: dbAt, Family: k.family, Arch: k.arch, Stacks: all, DepthInIndex: true, Buckets: 7}).Build(img)
		s := space(t, img)
		r := k.reader(s)
		for i, at := range b.Entries {
			tr, err := r.Trace(memory.Addr(at))
			if err != nil || !equal(tr.Frames, all[i]) || tr.Depth != stackdb.IndexField || tr.Index != 0 {
				t.Fatalf("%v: %d: %+v %v", k, i, tr, err)
			}
		}
	}
}

// TestDepth decides between the fields of one entry.
func TestDepth(t *testing.T) {
	for _, a := range []synth.Arch{synth.X86, synth.X64} {
		for _, d := range []struct {
			name         string
			index, depth uint16
			code         int // frames that are code
			want         int // 0: no trace
			from         stackdb.DepthFrom
		}{
			{"Depth, exact", 9999, 5, 5, 5, stackdb.DepthField},
			{"Depth, and code behind it", 9999, 5, 8, 5, stackdb.DepthField},
			{"Index, exact", 6, 0, 6, 6, stackdb.IndexField},
			{"Index exact, Depth fits", 6, 2, 6, 6, stackdb.IndexField},
			{"Depth exact, Index fits", 2, 6, 6, 6, stackdb.DepthField},
			{"both fit, neither exact", 2, 3, 6, 3, stackdb.DepthField},
			{"the same", 4, 4, 4, 4, stackdb.DepthField},
			{"Index fits, Depth no depth", 3, 500, 6, 3, stackdb.IndexField},
			{"Index fits, Depth could be one that is not code", 3, 8, 6, 0, 0},
			{"neither", 9, 8, 6, 0, 0},
			{"zero", 0, 0, 6, 0, 0},
			{"too many", 33, 33, 32, 0, 0},
			{"all there are", 40, 32, 32, 32, stackdb.DepthField},
			{"no code", 1, 1, 0, 0, 0},
		} {
			img := synth.NewImage(a)
			var frames []uint64
			for i := range 32 {
				f := uint64(0x1000 + i)
				if i < d.code {
					f = codeA + uint64(i)
				}
				frames = append(frames, f)
			}
			synth.StackTrace(img, a, 0x30000, uint32(d.index), frames...)
			img.PutU16(0x30000+a.PtrSize()+6, d.depth)
			s := space(t, img)
			r := stackdb.Reader{Memory: s, Bits: 8 * int(a.PtrSize()), Code: code}
			tr, err := r.Trace(0x30000)
			if d.want == 0 {
				if !errors.Is(err, stackdb.ErrNoTrace) {
					t.Errorf("%v %s: %+v %v", a, d.name, tr, err)
				}
				continue
			}
			if err != nil || len(tr.Frames) != d.want || tr.Depth != d.from {
				t.Errorf("%v %s: %+v %v", a, d.name, tr, err)
			}
		}
	}
}

// TestEntryAtEdge is an entry whose room for 32 frames is not in the dump
// beyond the frames it has; and one that is cut short.
func TestEntryAtEdge(t *testing.T) {
	for _, a := range []synth.Arch{synth.X86, synth.X64} {
		w := a.PtrSize()
		at := 0x31000 - (w + 8 + 3*w)
		img := synth.NewImage(a)
		synth.StackTrace(img, a, at, 0x10007, codeA, codeA+1, codeA+2)
		r := stackdb.Reader{Memory: space(t, img), Bits: 8 * int(w), Code: code}
		tr, err := r.Trace(memory.Addr(at))
		if err != nil || len(tr.Frames) != 3 || tr.Index != 0x10007 {
			t.Errorf("%v: %+v %v", a, tr, err)
		}
		img.PutU16(at+w+6, 4)
		r.Memory = space(t, img)
		if tr, err := r.Trace(memory.Addr(at)); !errors.Is(err, memory.ErrMissing) {
			t.Errorf("%v: %+v %v", a, tr, err)
		}
		if _, err := r.Trace(0); !errors.Is(err, stackdb.ErrNoTrace) {
			t.Error(err)
		}
	}
}

// TestNoCode reads without knowing where code is.
func TestNoCode(t *testing.T) {
	img := synth.NewImage(synth.X64)
	synth.StackTrace(img, synth.X64, 0x30000, 7, 0x111, 0x222)
	r := stackdb.Reader{Memory: space(t, img), Bits: 64}
	if tr, err := r.Trace(0x30000); err != nil || len(tr.Frames) != 2 {
		t.Errorf("%+v %v", tr, err)
	}
}

func TestTraceBlock(t *testing.T) {
	for _, a := range []synth.Arch{synth.X86, synth.X64} {
		img := synth.NewImage(a)
		frames := []uint64{codeA + 8, codeA + 16, codeA + 32}
		synth.TraceBlock(img, a, 0x30000, 77, frames...)
		synth.TraceBlock(img, a, 0x31000, 1, frames...)
		img.PutU32(0x31008, 65)
		synth.TraceBlock(img, a, 0x32000, 1, codeA, 0x1234)
		synth.TraceBlock(img, a, 0x33000, 1, frames...)
		at := uint64(0x33030)
		if a == synth.X86 {
			at = 0x3301c
		}
		img.PutPtr(at, 0x99990000)
		r := stackdb.Reader{Memory: space(t, img), Bits: 8 * int(a.PtrSize()), Code: code}
		tr, err := r.Trace(0x30000)
		if err != nil || tr.Shape != stackdb.Block || tr.Depth != stackdb.SizeField || tr.Count != 77 || !equal(tr.Frames, frames) {
			t.Errorf("%v: %+v %v", a, tr, err)
		}
		for _, p := range []memory.Addr{0x31000, 0x32000} {
			if tr, err := r.Trace(p); !errors.Is(err, stackdb.ErrNoTrace) {
				t.Errorf("%v %v: %+v %v", a, p, tr, err)
			}
		}
		if tr, err := r.Trace(0x33000); !errors.Is(err, memory.ErrMissing) {
			t.Errorf("%v: %+v %v", a, tr, err)
		}
	}
}
