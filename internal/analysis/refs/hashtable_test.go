package refs_test

import (
	"testing"

	"github.com/heapdump/heapdump/internal/synth"
)

// TestUnorderedMap: a block with a std::unordered_map of 300 elements is a hash
// table; one whose object has another length is a list beside an array.
func TestUnorderedMap(t *testing.T) {
	for _, arch := range []synth.Arch{synth.X86, synth.X64} {
		w := arch.PtrSize()
		for wrong, want := range []string{"hash table", "doubly linked list"} {
			sizes := []uint64{200, 2 * 128 * w, 64}
			for range 300 {
				sizes = append(sizes, 64)
			}
			tg := graphOf(t, arch, sizes, nil, func(b *synth.Built, u []uint64) {
				root(b, 0x40, u[0])
				m := synth.UnorderedMap{Object: u[0] + 16, Array: u[1], Head: u[2], Nodes: u[3:], Buckets: 128}
				m.Put(b.Image, arch)
				put(b, m.Object+2*w, uint64(300-wrong))
			})
			if got := suspectsOf(t, tg); len(got) != 1 || got[0].Shape != want || got[0].Length < 300 {
				t.Errorf("%v, %d too few: %+v, want a %s", arch, wrong, got, want)
			}
		}
	}
}
