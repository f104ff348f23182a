package mmap

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// TestReader: the bytes of the file, wherever a read begins and ends, io.EOF
// at its end, and the system's error of a file that is closed.
func TestReader(t *testing.T) {
	want := make([]byte, 70_000)
	for i := range want {
		want[i] = byte(i ^ i>>8)
	}
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, want, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	r := Reader(f)
	for _, off := range []int{0, 1, 4095, 65_536, 69_990, 70_000, 70_001} {
		for _, n := range []int{0, 1, 10, 4096, 70_000} {
			b := make([]byte, n)
			got, err := r.ReadAt(b, int64(off))
			rest := want[min(off, len(want)):]
			if there := min(n, len(rest)); got != there || !bytes.Equal(b[:got], rest[:there]) || (err == nil) != (there == n) || err != nil && !errors.Is(err, io.EOF) {
				t.Errorf("%d bytes at %d: %d, %v; %d are there", n, off, got, err, there)
			}
		}
	}
	if _, err := r.ReadAt(make([]byte, 10), -1); err == nil {
		t.Error("an offset below 0 is no error")
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if n, err := r.ReadAt(make([]byte, 10), 0); n != 0 || err == nil {
		t.Errorf("of a closed file: %d, %v", n, err)
	}
}
