package stackdb_test

import (
	"testing"

	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/stackdb"
)

// TestSectionAt: a critical section is one when its debug information, and the
// list that this stands on, lead back to it. Each twin fails in one of these.
func TestSectionAt(t *testing.T) {
	for _, a := range []synth.Arch{synth.X86, synth.X64} {
		w := a.PtrSize()
		size := 8 + 4*w
		img := synth.NewImage(a)
		debug := func(at, section, next, previous uint64, typ uint16) {
			img.PutU16(at, typ)
			img.PutU16(at+2, 5)
			img.PutPtr(at+w, section)
			img.PutPtr(at+2*w, next+2*w)
			img.PutPtr(at+3*w, previous+2*w)
			img.PutPtr(section, at)
			img.PutU32(section+w+4, 2)
			img.PutPtr(section+w+8, 0x1a2c)
		}
		debug(0x40000, 0x30000, 0x40100, 0x40100, 0)
		debug(0x40100, 0x30100, 0x40000, 0x40000, 1)       // of a resource
		debug(0x40200, 0x30200, 0x40000, 0x40000, 0)       // the list does not know it
		debug(0x40300, 0x30300, 0x40300, 0x40300, 2)       // no type of a debug information
		debug(0x40400, 0x30400, 0x990000, 0x990000, 0)     // its neighbours are not in the dump
		debug(0x40500, 0x30500, 0x40500, 0x40500-2*w-8, 0) // one link leads elsewhere
		img.PutPtr(0x30600, 0x40000)                       // another's debug information
		s := space(t, img)
		r := stackdb.Reader{Memory: s, Bits: 8 * int(w)}
		for _, at := range []uint64{0x30000, 0x30100} {
			for off := range size {
				c, ok := r.SectionAt(memory.Addr(at + off))
				if !ok || uint64(c.Address) != at || !c.Linked || c.Index != 5 || c.Owner != 0x1a2c || c.Recursion != 2 || uint64(c.Debug) != at+0x10000 {
					t.Errorf("%v: at %#x: %v %+v", a, at+off, ok, c)
				}
			}
			for _, off := range []uint64{at - 1, at + size} {
				if c, ok := r.SectionAt(memory.Addr(off)); ok {
					t.Errorf("%v: beside, at %#x: %+v", a, off, c)
				}
			}
		}
		for _, at := range []memory.Addr{0, 1, 0x30200, 0x30300, 0x30400, 0x30500, 0x30600, 0x40000, 0x990000, ^memory.Addr(0)} {
			if c, ok := r.SectionAt(at); ok {
				t.Errorf("%v: at %v: %+v", a, at, c)
			}
		}
		if c, ok := r.Section(0x30400); !ok || c.Linked {
			t.Errorf("%v: a section whose neighbours the dump lacks: %v %+v", a, ok, c)
		}
	}
}
