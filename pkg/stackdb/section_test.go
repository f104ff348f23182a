package stackdb_test

import (
	"testing"

	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/stackdb"
)

func TestSectionIndex(t *testing.T) {
	for _, a := range []synth.Arch{synth.X86, synth.X64} {
		w, high := a.PtrSize(), uint64(0x2c)
		if a == synth.X86 {
			high = 0x1c
		}
		img := synth.NewImage(a)
		section := func(at, debug, back uint64, index, top uint16) {
			img.PutPtr(at, debug)
			img.PutU16(debug+2, index)
			img.PutPtr(debug+w, back)
			img.PutU16(debug+high, top)
		}
		section(0x30000, 0x40000, 0x30000, 7, 0)
		section(0x30100, 0x40100, 0x30100, 7, 2)
		section(0x30200, 0x40200, 0x30000, 7, 0) // another's
		section(0x30300, 0x40300, 0x30300, 0, 0)
		img.PutPtr(0x30400, ^uint64(0))
		s := space(t, img)
		for _, d := range []struct {
			at    memory.Addr
			old   bool
			index uint32
		}{{0x30000, false, 7}, {0x30100, false, 0x20007}, {0x30100, true, 7}, {0x30200, false, 0}, {0x30300, false, 0},
			{0x30400, false, 0}, {0x30500, false, 0}, {0, false, 0}, {0x90000, false, 0}} {
			r := stackdb.Reader{Memory: s, Bits: 8 * int(w), Old: d.old}
			if i, ok := r.SectionIndex(d.at); i != d.index || ok != (d.index != 0) {
				t.Errorf("%v: section %v: %d %v, want %d", a, d.at, i, ok, d.index)
			}
		}
	}
}
