package memory

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// TestWindow: whatever order pieces are asked in, they are what View returns,
// read ahead or not, and a piece that leaves its run is refused.
func TestWindow(t *testing.T) {
	image := make([]byte, 3<<20)
	for i := range image {
		image[i] = byte(i ^ i>>8 ^ i>>16)
	}
	runs := []Run{{Start: 0x10000, Bytes: image[:2<<20]}, {Start: 0x10000 + 2<<20 + 0x1000, Bytes: image[2<<20:]}}
	plain := NewSpace(Contents{Runs: runs})
	for name, s := range map[string]*Space{"mapped": plain, "file": plain.WithFile(image, bytes.NewReader(image))} {
		w := NewWindow(s)
		rnd := rand.New(rand.NewPCG(1, 2))
		at, found, kept := Addr(0x10000), 0, 0
		for range 20_000 {
			n := 1 + uint64(rnd.IntN(600))
			switch rnd.IntN(40) {
			case 0:
				at = 0x10000 + Addr(rnd.IntN(3<<20))
			case 1:
				n = 1 + uint64(rnd.IntN(200_000))
			case 2:
				at -= min(at, 700)
			}
			near := at - min(at, Addr(rnd.IntN(300_000))) // where others may be held
			held, has := w.Held(near, n)
			if want, err := s.View(near, n); has && (err != nil || !bytes.Equal(held, want)) {
				t.Fatalf("%s: %d bytes at %v are held, and are not View's (%v)", name, n, near, err)
			}
			if has {
				kept++
			}
			got, ok := w.At(at, n)
			want, err := s.View(at, n)
			if ok != (err == nil) || !bytes.Equal(got, want) {
				t.Fatalf("%s: %d bytes at %v: there: %v; View: %v", name, n, at, ok, err)
			}
			if ok {
				found++
			}
			if at += Addr(n) + Addr(rnd.IntN(64)); at > 0x10000+3<<20 {
				at = 0x10000
			}
		}
		if (kept > 1000) != (name == "file") {
			t.Errorf("%s: %d pieces were held", name, kept)
		}
		if found < 10_000 {
			t.Errorf("%s: only %d pieces were there: the test tests little", name, found)
		}
	}
}
