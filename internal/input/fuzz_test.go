package input

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// FuzzOpen: a file that begins like a compressed one gives bytes within the
// limit or an error, and leaves no temporary file.
func FuzzOpen(f *testing.F) {
	small := noise(300)
	w, err := zstd.NewWriter(nil)
	if err != nil {
		f.Fatal(err)
	}
	for _, b := range [][]byte{small, gzipOf(small), zipOf("a.dmp=" + string(small)), zipOf("a=1", "b=2"), w.EncodeAll(small, nil), w.EncodeAll(bytes.Repeat([]byte("MDMP"), 1<<15), nil),
		gzipOf(make([]byte, 1<<17)), []byte("\x50\x2a\x4d\x18\xff\xff\xff\xff"), []byte("PK\x05\x06")} {
		f.Add(b)
	}
	dir := f.TempDir()
	const limit = 1 << 16
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "x")
		t.Setenv("TMPDIR", dir) // from here on, for Open alone
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		in, err := Open(path, Options{MaxInput: limit})
		if err == nil {
			if in.Compressed != "" && len(in.Data) > limit || len(in.Data) == 0 {
				t.Errorf("%d bytes of %s", len(in.Data), in.Compressed)
			}
			err = in.Close()
		}
		if left, _ := os.ReadDir(dir); len(left) > 0 {
			t.Errorf("left: %v (%v)", left, err)
		}
	})
}
