package attrib_test

import (
	"reflect"
	"testing"

	"github.com/heapdump/heapdump/internal/synth"
)

// TestFLS: a thread's slots of fiber-local storage are in a list that the PEB
// heads, and a slot leads to the data of the thread. Its twins: a block that is
// in no such list, though the TEB leads to it, with all that its words lead to,
// and a slot that leads into the middle of a block.
func TestFLS(t *testing.T) {
	for _, a := range []synth.Arch{synth.X86, synth.X64} {
		head, teb, w := uint64(0x210), uint64(0xfb4), uint64(a.PtrSize())
		if a == synth.X64 {
			head, teb = 0x328, 0x17c8
		}
		p := synth.NewProcess(synth.Win10v1809, a)
		for _, linked := range []bool{true, false} {
			s := stage(synth.Win10v1809, a, 130*w, 64, 64)
			s.words(s.users[0], make([]uint64, 130)...)
			s.words(s.users[0], p.PEB+head, p.PEB+head)
			s.words(s.users[0]+5*w, s.users[1], s.users[2]+8)
			s.Image.PutPtr(p.TEBs[0]+teb, s.users[0])
			want := []string{"FLS slots", "data of a thread in an FLS slot", "unknown"}
			if linked {
				s.words(p.PEB+head, s.users[0], s.users[0])
			} else {
				s.words(p.PEB+head, p.PEB+head, p.PEB+head)
			}
			got := s.types(t)
			if linked && !reflect.DeepEqual(got, want) || !linked && (got[0] == want[0] || got[1] == want[1]) {
				t.Errorf("%v, linked %v: %q", a, linked, got)
			}
		}
	}
}
