package attrib_test

import (
	"testing"

	"github.com/heapdump/heapdump/internal/analysis/attrib"
	"github.com/heapdump/heapdump/internal/analysis/content"
	"github.com/heapdump/heapdump/internal/synth"
)

// TestModuleByReach: blocks without stack and class are those of the module
// whose data leads to them by the fewest references, and nobody's where only
// other memory does, or nothing.
func TestModuleByReach(t *testing.T) {
	for _, a := range []synth.Arch{synth.X86, synth.X64} {
		s := stage(synth.Win10v1809, a, 40, 40, 40, 48, 56, 64)
		for i, name := range []string{"one", "two"} {
			base := uint64(0x20000000 + i*0x1000000)
			pe := &synth.PE{Arch: a, Base: base, DLL: true, Sections: []synth.PESection{
				{Name: ".text", RVA: 0x1000, Flags: synth.SecCode, Data: make([]byte, 0x200)},
				{Name: ".data", RVA: 0x2000, Size: 0x1000, Flags: synth.SecData, Data: make([]byte, 0x200)},
			}}
			pe.Write(s.Image)
			s.Dump.Modules = append(s.Dump.Modules, synth.Module{Base: base, Size: pe.Size(), Name: `C:\app\` + name + ".dll"})
		}
		const private = 0x4f0000
		s.Image.Reserve(private, 0x10000, synth.MemPrivate, synth.PageReadWrite)
		u := s.users
		s.words(0x20002010, u[0]) // one leads to the first, over it to the second, over that to the fourth
		s.words(u[0], u[1])
		s.words(u[1]+8, u[3])
		s.words(0x21002010, u[2]) // two to the third, and over it to the fourth: nearer
		s.words(u[2], u[3])
		s.words(private, u[4])
		r := take(t, open(t, s.Built), attrib.Options{By: []attrib.By{attrib.Module}})
		want(t, r, "(unknown): 2, 120", "two: 2, 88", "one: 2, 80")
		if k := r.Groups[1].Keys[0]; k.Confidence != content.Low || !k.Known {
			t.Errorf("%v: %+v", a, k)
		}
	}
}
