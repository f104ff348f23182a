package input

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/heapdump/heapdump/internal/mmap"
)

// noise is n bytes that compress by half.
func noise(n int) []byte {
	rng := rand.New(rand.NewPCG(1, uint64(n)))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rng.IntN(16))
	}
	copy(b, "MDMP")
	return b
}

func zstdOf(t *testing.T, b []byte, o ...zstd.EOption) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := zstd.NewWriter(&out, o...)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func gzipOf(b []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, _ = w.Write(b)
	_ = w.Close()
	return out.Bytes()
}

func zipOf(members ...string) []byte {
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, m := range members {
		name, text, _ := strings.Cut(m, "=")
		f, _ := w.Create(name)
		_, _ = f.Write([]byte(text))
	}
	_ = w.Close()
	return out.Bytes()
}

func save(t *testing.T, name string, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// emptyTemp sets a temporary folder and checks that nothing is left in it.
func emptyTemp(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	t.Setenv("TMP", dir)
	t.Cleanup(func() {
		if left, _ := os.ReadDir(dir); len(left) > 0 {
			t.Errorf("left in the temporary folder: %v", left)
		}
	})
}

func TestOpen(t *testing.T) {
	small := noise(100_000)
	large := noise(inMemory + 12345)
	skip := append([]byte("\x50\x2a\x4d\x18\x04\x00\x00\x00abcd"), zstdOf(t, small)...)
	for _, c := range []struct {
		name       string
		file, want []byte
		compressed string
	}{
		{"plain", small, small, ""}, {"zstd", zstdOf(t, small), small, "zstd"}, {"zstd after a skippable frame", skip, small, "zstd"}, {"gzip", gzipOf(small), small, "gzip"},
		{"two gzip members", append(gzipOf(small), gzipOf(small)...), append(append([]byte(nil), small...), small...), "gzip"},
		{"zip", zipOf("dumps/=", "dumps/a.dmp="+string(small)), small, "zip"},
		{"zstd to a file", zstdOf(t, large, zstd.WithWindowSize(MaxWindow)), large, "zstd"},
	} {
		t.Run(c.name, func(t *testing.T) {
			emptyTemp(t)
			for _, noMmap := range []bool{false, true} {
				in, err := Open(save(t, "x", c.file), Options{NoMmap: noMmap})
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(in.Data, c.want) || in.Size != uint64(len(c.want)) || in.FileSize != uint64(len(c.file)) || in.Compressed != c.compressed || in.Truncated != "" {
					t.Errorf("%d bytes, %q, %q", in.Size, in.Compressed, in.Truncated)
				}
				if left, _ := os.ReadDir(os.TempDir()); len(left) > 0 && runtime.GOOS != "windows" {
					t.Errorf("the temporary file has a name: %v", left)
				}
				if c.compressed == "zip" && in.Member != "dumps/a.dmp" {
					t.Errorf("member %q", in.Member)
				}
				if err := errors.Join(in.Close(), in.Close()); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// TestCut: of a compressed file that is cut short or damaged, what is before
// the damage is there and a note says so.
func TestCut(t *testing.T) {
	emptyTemp(t)
	b := noise(3 << 20)
	store := func(b []byte) []byte {
		var out bytes.Buffer
		w := zip.NewWriter(&out)
		f, _ := w.CreateHeader(&zip.FileHeader{Name: "a", Method: zip.Store})
		_, _ = f.Write(b)
		_ = w.Close()
		return out.Bytes()
	}
	half := func(b []byte) []byte { return b[:len(b)/2] }
	for name, file := range map[string][]byte{
		"zst": half(zstdOf(t, b)), "gz": half(gzipOf(b)), "zip": half(zipOf("a=" + string(b))), "stored.zip": half(store(b)),
	} {
		in, err := Open(save(t, name, file), Options{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if in.Size < 500_000 || in.Size >= uint64(len(b)) || !bytes.Equal(in.Data, b[:in.Size]) || !strings.Contains(in.Truncated, fmt.Sprint(in.Size)) {
			t.Errorf("%s: %d bytes, %q", name, in.Size, in.Truncated)
		}
		_ = in.Close()
	}
}

// TestChecksum: data that decompresses to the end but not to what it was.
func TestChecksum(t *testing.T) {
	b := noise(1 << 20)
	for name, file := range map[string][]byte{"zstd": zstdOf(t, b, zstd.WithEncoderCRC(true)), "gzip": gzipOf(b), "zip": zipOf("a=" + string(b))} {
		sum := len(file) - 1
		switch name {
		case "gzip":
			sum = len(file) - 8
		case "zip":
			sum = bytes.Index(file, []byte("PK\x07\x08")) + 4
			file[bytes.Index(file, []byte("PK\x01\x02"))+16] ^= 1
		}
		file[sum] ^= 1
		in, err := Open(save(t, "x", file), Options{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !bytes.Equal(in.Data, b) || !strings.Contains(in.Truncated, "checksum") {
			t.Errorf("%s: %d bytes, %q", name, in.Size, in.Truncated)
		}
		_ = in.Close()
	}
}

func TestRefused(t *testing.T) {
	emptyTemp(t)
	encrypted := zipOf("a=text")
	encrypted[6] |= 1
	encrypted[bytes.Index(encrypted, []byte("PK\x01\x02"))+8] |= 1
	many := zipOf("a=1", "b\x1b[31m=2", "c=3", "d=4", "e=5", "f=6", "g=7")
	for _, c := range []struct {
		name string
		file []byte
		o    Options
		want []string
	}{
		{"empty", nil, Options{}, []string{"is empty"}}, {"two members", many, Options{}, []string{"7 files", `"b\x1b[31m"`, "and 2 more", "extract"}},
		{"no member", zipOf("d/="), Options{}, []string{"no file"}}, {"encrypted", encrypted, Options{}, []string{"encrypted", "extract"}},
		{"limit", zstdOf(t, noise(5000)), Options{MaxInput: 4999}, []string{"4999", "--max-input"}}, {"gzip header", []byte("\x1f\x8b\x08"), Options{}, []string{"cut short", "nothing"}},
		{"zstd header", []byte("\x28\xb5\x2f\xfd"), Options{}, []string{"zstd", "nothing"}}, {"empty gzip", gzipOf(nil), Options{}, []string{"empty"}},
		{"zip header", []byte("PK\x03\x04abc"), Options{}, []string{"zip", "again"}},
		{"window", append([]byte("\x28\xb5\x2f\xfd\x00\x90"), noise(100)...), Options{}, []string{"window", "zstd -d --long=31"}},
	} {
		path := save(t, "x", c.file)
		in, err := Open(path, c.o)
		if err == nil {
			t.Errorf("%s: opened %d bytes", c.name, in.Size)
			continue
		}
		for _, w := range append(c.want, path) {
			if !strings.Contains(err.Error(), w) || strings.ContainsAny(err.Error(), "\n\x1b") {
				t.Errorf("%s: %v; want %q in it", c.name, err, w)
			}
		}
	}
	if in, err := Open(save(t, "x", zstdOf(t, noise(5000))), Options{MaxInput: 5000}); err != nil {
		t.Errorf("at the limit: %v", err)
	} else {
		_ = in.Close()
	}
}

// TestLimits: the limit without the user's word.
func TestLimits(t *testing.T) {
	for size, want := range map[uint64]uint64{0: 1 << 30, 1000: 1 << 30, 2 << 20: 2000 << 20, 1 << 40: 64 << 30} {
		if got := limitOf(Options{}, size); got != want {
			t.Errorf("%d: %d, want %d", size, got, want)
		}
	}
	if got := limitOf(Options{MaxInput: 7}, 1<<40); got != 7 {
		t.Errorf("%d", got)
	}
}

func TestCancel(t *testing.T) {
	emptyTemp(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Open(save(t, "x", gzipOf(noise(1<<20))), Options{Context: ctx}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// TestNoRoom: a temporary folder that is not there is said, with what to do.
func TestNoRoom(t *testing.T) {
	gone := filepath.Join(t.TempDir(), "gone")
	t.Setenv("TMPDIR", gone)
	t.Setenv("TMP", gone)
	_, err := Open(save(t, "x", zstdOf(t, make([]byte, inMemory+1))), Options{})
	if err == nil || !strings.Contains(err.Error(), gone) || !strings.Contains(err.Error(), "set TMPDIR") {
		t.Errorf("got %v", err)
	}
}

func TestNotThere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none.dmp")
	_, err := Open(path, Options{})
	if !errors.Is(err, os.ErrNotExist) || strings.Count(err.Error(), path) != 1 {
		t.Errorf("got %v", err)
	}
	if _, err = Open(t.TempDir(), Options{}); !errors.Is(err, mmap.ErrNotRegular) || !strings.Contains(err.Error(), "a directory") {
		t.Errorf("got %v", err)
	}
}
