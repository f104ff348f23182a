package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var (
	date  = time.Date(2024, 2, 29, 12, 34, 56, 0, time.UTC)
	files = []file{{name: "h/z.txt", data: []byte("last")}, {name: "h/heapdump", data: []byte("program"), program: true}}
)

// TestTarball: files in the order of their names, of one date and of nobody.
func TestTarball(t *testing.T) {
	var b bytes.Buffer
	if err := tarball(&b, files, date); err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(&b)
	if err != nil {
		t.Fatal(err)
	}
	if !z.ModTime.IsZero() || z.Name != "" {
		t.Errorf("gzip: date %v, name %q: both would differ from build to build", z.ModTime, z.Name)
	}
	r := tar.NewReader(z)
	for _, want := range []struct {
		name, data string
		mode       int64
	}{{"h/heapdump", "program", 0o755}, {"h/z.txt", "last", 0o644}} {
		h, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if h.Name != want.name || string(data) != want.data || h.Mode != want.mode || !h.ModTime.Equal(date) || h.Uid != 0 || h.Gid != 0 || h.Uname != "" {
			t.Errorf("got %+v with %q, want %+v", h, data, want)
		}
	}
	if _, err := r.Next(); err != io.EOF {
		t.Errorf("more in the archive: %v", err)
	}
}

func TestZipped(t *testing.T) {
	var b bytes.Buffer
	if err := zipped(&b, files, date); err != nil {
		t.Fatal(err)
	}
	r, err := zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	if len(r.File) != 2 || r.File[0].Name != "h/heapdump" || r.File[1].Name != "h/z.txt" {
		t.Fatalf("files %+v", r.File)
	}
	if f := r.File[0]; f.Mode() != 0o755 || !f.Modified.Equal(date) {
		t.Errorf("mode %v of %v", f.Mode(), f.Modified)
	}
	var again bytes.Buffer
	if err := zipped(&again, []file{files[1], files[0]}, date); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b.Bytes(), again.Bytes()) {
		t.Error("the order that files come in shows in the archive")
	}
}

// TestSums: as sha256sum prints them; the sum is that of an empty file.
func TestSums(t *testing.T) {
	const want = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  a.zip\n"
	if got := sums([]file{{name: "a.zip"}}); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestSame(t *testing.T) {
	a := []file{{name: "a", data: []byte("1")}, {name: "b", data: []byte("2")}}
	if err := same(a, []file{{name: "a", data: []byte("1")}, {name: "b", data: []byte("2")}}); err != nil {
		t.Errorf("the same: %v", err)
	}
	for _, other := range [][]file{a[:1], {a[0], {name: "b", data: []byte("3")}}, {a[0], {name: "c", data: []byte("2")}}} {
		if same(a, other) == nil {
			t.Errorf("%v and %v are said to be the same", a, other)
		}
	}
}

// TestSection: the licences of a module and of its packages that are linked
// in, once each; not those of packages that are not; a module without any is
// an error.
func TestSection(t *testing.T) {
	root := t.TempDir()
	for name, text := range map[string]string{
		"LICENSE": "of the module\n", "license.go": "package x", "in/Copying.txt": "of in", "in/deep/a.go": "package deep",
		"out/LICENSE": "of out", "NOTICE": "notice", "readme": "no",
	} {
		p := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(p), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	var b bytes.Buffer
	if err := section(&b, "m v1", root, []string{root, filepath.Join(root, "in"), filepath.Join(root, "in", "deep")}); err != nil {
		t.Fatal(err)
	}
	want := "\n--- LICENSE\n\nof the module\n\n--- NOTICE\n\nnotice\n\n--- in/Copying.txt\n\nof in\n"
	if _, got, _ := strings.Cut(b.String(), "m v1\n"+rule+"\n"); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if err := section(&b, "m v1", filepath.Join(root, "in", "deep"), nil); err == nil || !strings.Contains(err.Error(), "no licence of m v1") {
		t.Errorf("a module without licence: %v", err)
	}
}

func TestChosen(t *testing.T) {
	if all, err := chosen(""); err != nil || len(all) != 6 {
		t.Errorf("all: %v, %v", all, err)
	}
	if one, err := chosen("windows/arm64"); err != nil || len(one) != 1 || one[0].program() != "heapdump.exe" {
		t.Errorf("one: %v, %v", one, err)
	}
	if _, err := chosen("linux/amd64,plan9/386"); err == nil || !strings.Contains(err.Error(), `"plan9/386"`) {
		t.Errorf("an unknown one: %v", err)
	}
}
