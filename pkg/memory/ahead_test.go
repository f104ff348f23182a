package memory

import (
	"bytes"
	"errors"
	"testing"
)

// cutFile reads like a file that was shortened after it was mapped.
type cutFile struct{}

func (cutFile) ReadAt([]byte, int64) (int, error) { return 0, errors.New("gone") }

// ReadAhead gives the bytes that View gives, read from the file: up to the end
// of the run, from anywhere in it; and nothing where that cannot be.
func TestReadAhead(t *testing.T) {
	image := make([]byte, 0x300)
	for i := range image {
		image[i] = byte(i * 7)
	}
	runs := []Run{{Start: 0x9000, Bytes: image[0x200:0x280]}, {Start: 0x1000, Bytes: image[0x40:0x140]}}
	plain := NewSpace(Contents{Runs: runs})
	s := plain.WithFile(image, bytes.NewReader(image))
	for _, c := range []struct {
		at   Addr
		n    int // room in the buffer
		want []byte
	}{
		{0x1000, 0x80, image[0x40:0xc0]},
		{0x1010, 0x1000, image[0x50:0x140]}, // cut at the end of the run
		{0x10ff, 4, image[0x13f:0x140]},
		{0x9001, 0x1000, image[0x201:0x280]},
		{0x1100, 8, nil}, // missing
		{0x8fff, 8, nil},
	} {
		buf := make([]byte, c.n)
		if n := s.ReadAhead(c.at, buf); !bytes.Equal(buf[:n], c.want) {
			t.Errorf("ReadAhead(%v, %d) = % x, want % x", c.at, c.n, buf[:n], c.want)
		}
	}
	buf := make([]byte, 8)
	for name, s := range map[string]*Space{
		"no file": plain, "another image": plain.WithFile(bytes.Clone(image), bytes.NewReader(image)),
		"a file that fails": plain.WithFile(image, cutFile{}), "a file cut short": plain.WithFile(image, bytes.NewReader(image[:0x44])),
	} {
		if n := s.ReadAhead(0x1000, buf); n != 0 {
			t.Errorf("%s: %d bytes", name, n)
		}
	}
}
