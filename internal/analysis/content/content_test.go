package content_test

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/binary"
	"image"
	"image/color"
	"image/color/palette"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/heapdump/heapdump/internal/analysis/content"
	"github.com/heapdump/heapdump/internal/synth"
)

func wide(s string) []byte {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return b
}

func bstr(bits int, s string, length int) []byte {
	b := make([]byte, bits/8-4)
	b = binary.LittleEndian.AppendUint32(b, uint32(length))
	return append(append(b, wide(s)...), 0, 0)
}

// encoded is a picture of a few pixels, or data, in a format that the standard
// library writes.
func encoded(t *testing.T, write func(*bytes.Buffer) error) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func picture() image.Image {
	m := image.NewPaletted(image.Rect(0, 0, 8, 8), color.Palette{color.Black, color.White})
	m.Set(3, 3, color.White)
	return m
}

const prose = "All work and no play makes a dull log line. All work and no play makes another dull log line, and so on. "

// deflated is data with a writer of the standard library.
func deflated(t *testing.T, kind string) []byte {
	return encoded(t, func(b *bytes.Buffer) error {
		if kind == "gzip" {
			w := gzip.NewWriter(b)
			w.Name = "a.log"
			w.Write([]byte(strings.Repeat(prose, 3)))
			return w.Close()
		}
		w := zlib.NewWriter(b)
		w.Write([]byte(strings.Repeat(prose, 3)))
		return w.Close()
	})
}

// dib is a packed bitmap's header.
func dib(planes, bits uint16) []byte {
	b := make([]byte, 40)
	le := binary.LittleEndian
	le.PutUint32(b, 40)
	le.PutUint32(b[4:], 16)
	le.PutUint32(b[8:], 0xfffffff0) // top down
	le.PutUint16(b[12:], planes)
	le.PutUint16(b[14:], bits)
	return b
}

// TestKinds shows each kind beside its nearest innocent twin.
func TestKinds(t *testing.T) {
	fill := func(p ...byte) []byte { return bytes.Repeat(p, 16) }
	spoiled := func(b []byte, at int) []byte { b = bytes.Clone(b); b[at] ^= 0x41; return b }
	pngFile := encoded(t, func(b *bytes.Buffer) error { return png.Encode(b, picture()) })
	jpegFile := encoded(t, func(b *bytes.Buffer) error { return jpeg.Encode(b, picture(), nil) })
	gifFile := encoded(t, func(b *bytes.Buffer) error { return gif.Encode(b, picture(), nil) })
	gifLarge := encoded(t, func(b *bytes.Buffer) error {
		return gif.Encode(b, image.NewPaletted(image.Rect(0, 0, 8, 8), palette.Plan9), nil)
	})
	zipFile := encoded(t, func(b *bytes.Buffer) error {
		w := zip.NewWriter(b)
		f, err := w.Create("log/a.txt")
		if err != nil {
			return err
		}
		io.WriteString(f, prose)
		return w.Close()
	})
	with := func(b []byte, at int, v byte) []byte { b = bytes.Clone(b); b[at] = v; return b }
	peFile := (&synth.PE{Arch: synth.X64, Base: 0x10000000}).Headers()
	tests := []struct {
		name string
		b    []byte
		bits int
		want content.Kind
		sure content.Confidence
	}{
		{"zeros", make([]byte, 40), 64, content.Zero, content.High},
		{"zeros but one", spoiled(make([]byte, 40), 39), 64, content.Unknown, content.None},
		{"baadf00d", fill(0x0d, 0xf0, 0xad, 0xba), 32, content.Uninitialised, content.High},
		{"cdcdcdcd", fill(0xcd), 32, content.Uninitialised, content.High},
		{"cdcdcdcd but one", spoiled(fill(0xcd), 9), 32, content.Unknown, content.None},
		{"feeefeee", fill(0xee, 0xfe), 32, content.Freed, content.High},
		{"dddddddd", fill(0xdd), 32, content.Freed, content.High},
		{"a fill nobody knows", fill(0x5a, 0x00, 0x99, 0x77), 32, content.Unknown, content.None},
		{"ascii", []byte("C:\\temp\\x.log\x00\xff\xfe\x01"), 32, content.ASCII, content.High},
		{"ascii of one letter", bytes.Repeat([]byte("a"), 24), 64, content.ASCII, content.High},
		{"short ascii", []byte("orchid\x00\x80"), 32, content.ASCII, content.Medium},
		{"short ascii in a large block", append([]byte("orchid\x00"), bytes.Repeat([]byte{0x80, 1}, 40)...), 32, content.ASCII, content.Low},
		{"five letters", []byte("tulip\x00\x80"), 32, content.Unknown, content.None},
		{"ascii, then a byte that is none", []byte("orchids\x01\x02"), 32, content.Unknown, content.None},
		{"a line in a new block", append([]byte("Hello, you!\n"), fill(0x0d, 0xf0, 0xad, 0xba)...), 32, content.ASCII, content.Medium},
		{"a line in a new block of the debug runtime", append(wide("Hello, you!"), fill(0xcd)...), 32, content.UTF16, content.Medium},
		{"a line before a fill nobody knows", append([]byte("Hello, you!\n"), fill(0x8d, 0xf0, 0xad, 0xba)...), 32, content.Unknown, content.None},
		{"three letters in a new block", append([]byte("yes\n"), fill(0xcd)...), 32, content.Unknown, content.None},
		{"no text in a new block", append([]byte{1, 2, 3, 4, 9, 9, 9, 9}, fill(0xcd)...), 32, content.Unknown, content.None},
		{"utf8", []byte("Überprüfung läuft\x00"), 64, content.UTF8, content.High},
		{"utf8 broken", []byte("\xdcberpr\xfcfung l\xe4uft\x00"), 64, content.Unknown, content.None},
		{"utf16", append(wide("Startseite"), 0, 0, 1, 2), 64, content.UTF16, content.High},
		{"utf16 cyrillic", wide("Сегодня вечером\x00"), 64, content.UTF16, content.High},
		{"utf16 of three", append(wide("abc"), 0, 0, 9, 9), 64, content.Unknown, content.None},
		{"two x86 pointers", []byte{0xf4, 0x30, 0x5d, 0, 0xf4, 0x30, 0x5d, 0, 0, 0, 0, 0}, 32, content.Unknown, content.None},
		{"eight x86 pointers", []byte("\x50\x04\x4d\x00\x54\x04\x4d\x00\x58\x04\x4d\x00\x5c\x04\x4d\x00\x60\x04\x4d\x00\x64\x04\x4d\x00\x68\x04\x4d\x00\x6c\x04\x4d\x00"), 32, content.Unknown, content.None},
		{"two x64 pointers", []byte{0x40, 0x41, 0x42, 0x43, 0xf6, 0x7f, 0, 0, 0x48, 0x41, 0x42, 0x43, 0xf6, 0x7f, 0, 0}, 64, content.Unknown, content.None},
		{"bstr x64", bstr(64, "Belegnummer", 22), 64, content.BSTR, content.High},
		{"bstr x86", bstr(32, "Belegnummer", 22), 32, content.BSTR, content.High},
		{"bstr whose length is not its text's", bstr(32, "Belegnummer", 20), 32, content.Unknown, content.None},
		{"a length that is a number, in a large block", append(bstr(32, "Ӥ", 2), make([]byte, 500)...), 32, content.Unknown, content.None},
		{"xml", []byte(`<?xml version="1.0"?><a/>` + "\x00"), 64, content.XML, content.High},
		{"xml without declaration", []byte("\n<config name='x'>"), 64, content.XML, content.High},
		{"less than", []byte("< 12 of them are left"), 64, content.ASCII, content.High},
		{"json", []byte(`{"id": 12, "name": "x"}`), 64, content.JSON, content.High},
		{"json array", []byte(`[{"id":12,"n":0}]`), 64, content.JSON, content.High},
		{"braces", []byte(`{5C8CF1C7-7257-4F13-B223}`), 64, content.ASCII, content.High},
		{"pe", peFile, 64, content.PE, content.High},
		{"MZ alone", spoiled(peFile, 0x81), 64, content.Unknown, content.None},
		{"png", pngFile, 64, content.PNG, content.High},
		{"png of another first chunk", spoiled(pngFile, 13), 64, content.Unknown, content.None},
		{"jpeg without APP0", jpegFile, 64, content.JPEG, content.Medium},
		{"jfif", append([]byte("\xff\xd8\xff\xe0\x00\x10JFIF\x00"), 1, 2, 0, 0, 1), 64, content.JPEG, content.High},
		{"ffd8ff00", []byte{0xff, 0xd8, 0xff, 0, 1, 2, 3, 4}, 64, content.Unknown, content.None},
		{"gif", gifFile, 64, content.GIF, content.High},
		{"gif of 256 colours", gifLarge, 64, content.GIF, content.High},
		{"gif of 256 colours that ends among them", gifLarge[:700], 64, content.Unknown, content.None},
		{"gif of no width", with(gifFile, 6, 0), 64, content.ASCII, content.Low},
		{"gif whose first block is none", with(gifFile, 19, 0x2d), 64, content.Unknown, content.None},
		{"gif's letters in text", []byte("GIF89a, the format of 1989"), 64, content.ASCII, content.High},
		{"gzip", deflated(t, "gzip"), 64, content.GZip, content.High},
		{"gzip that does not inflate", append(deflated(t, "gzip")[:16], 0x07, 0xff, 0xff, 0xff), 64, content.Unknown, content.None},
		{"zlib", deflated(t, "zlib"), 64, content.Zlib, content.High},
		{"zlib that does not inflate", append([]byte{0x78, 0x9c, 0x07}, bytes.Repeat([]byte{0xff}, 30)...), 64, content.Unknown, content.None},
		{"zip", zipFile, 64, content.Zip, content.High},
		{"zip of version 6.4", spoiled(zipFile, 4), 64, content.Unknown, content.None},
		{"zip of another method", spoiled(zipFile, 9), 64, content.Unknown, content.None},
		{"zip whose name is longer than the block", spoiled(zipFile, 27), 64, content.Unknown, content.None},
		{"zip without a name", spoiled(with(zipFile, 26, 0x41), 26), 64, content.Unknown, content.None},
		{"zip whose name has a control character", with(zipFile, 32, 7), 64, content.Unknown, content.None},
		{"zip's letters in text", []byte("PK34 is no archive\x00"), 64, content.ASCII, content.High},
		{"dib", dib(1, 24), 64, content.Bitmap, content.Medium},
		{"dib of 2 planes", dib(2, 24), 64, content.Unknown, content.None},
		{"dib of 7 bits", dib(1, 7), 64, content.Unknown, content.None},
		{"guid", guid(0x11d139bd), 64, content.GUID, content.Medium}, // of 1997
		{"guid of another version", guid(0x41d139bd), 64, content.Unknown, content.None},
		{"guid of the year 2700", guid(0x1e7139bd), 64, content.Unknown, content.None},
		{"guid and more", append(guid(0x11d139bd), 0x81, 0x92), 64, content.Unknown, content.None},
		{"nothing", nil, 64, content.Unknown, content.None},
	}
	for _, tt := range tests {
		got := content.Of(tt.b, uint64(len(tt.b)), tt.bits)
		if got.Kind != tt.want || got.Confidence != tt.sure {
			t.Errorf("%s: %v, %v; want %v, %v", tt.name, got.Kind, got.Confidence, tt.want, tt.sure)
		}
	}
}

// TestLongBlocks: of a block longer than is looked at, its beginning decides.
func TestLongBlocks(t *testing.T) {
	long := []byte(strings.Repeat(prose, 40))
	if got := content.Of(long, uint64(len(long)), 64); got.Kind != content.ASCII {
		t.Errorf("long text is %v", got.Kind)
	}
	b := bstr(64, strings.Repeat("Satz ", 2000), 2*5*2000)
	if got := content.Of(b[:content.Look], uint64(len(b)), 64); got.Kind != content.BSTR || got.Confidence != content.Medium {
		t.Errorf("a long BSTR is %v, %v", got.Kind, got.Confidence)
	}
	if got := content.Of(b[:content.Look], 1000, 64); got.Kind == content.BSTR {
		t.Errorf("a BSTR that is longer than its block")
	}
}

// TestRandomBytesAreUnknown: chance makes no claim.
func TestRandomBytesAreUnknown(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	claimed := 0
	b := make([]byte, 64)
	for range 200000 {
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		if c := content.Of(b, 64, 64); c.Confidence > content.Low {
			t.Logf("%v: % x", c.Kind, b)
			claimed++
		}
	}
	if claimed > 2 {
		t.Errorf("%d of 200000 random blocks are something", claimed)
	}
}

func TestSample(t *testing.T) {
	for _, tt := range []struct {
		k    content.Kind
		b    []byte
		bits int
		want string
	}{
		{content.ASCII, []byte("one\ttwo\x00three"), 64, "one.two"},
		{content.UTF8, []byte("Öl\u0085"), 64, "Öl."},
		{content.UTF16, append(wide("Öl"), 0, 0, 'x', 0), 64, "Öl"},
		{content.BSTR, bstr(64, "Beleg", 10), 64, "Beleg"},
		{content.BSTR, bstr(32, "Beleg", 10), 32, "Beleg"},
		{content.ASCII, bytes.Repeat([]byte("x"), 100), 64, strings.Repeat("x", 60)},
		{content.PNG, []byte("\x89PNG"), 64, ""},
	} {
		if got := content.Sample(tt.k, tt.b, tt.bits); got != tt.want {
			t.Errorf("%v: %q, want %q", tt.k, got, tt.want)
		}
	}
}

// TestWords: every kind has a name and evidence of its own.
func TestWords(t *testing.T) {
	seen := map[string]bool{}
	for k := range content.Kind(content.Kinds) {
		name, evidence := k.String(), k.Evidence()
		if name == "" || evidence == "" || seen[name] || seen[evidence] {
			t.Errorf("kind %d: %q, %q", k, name, evidence)
		}
		seen[name], seen[evidence] = true, true
	}
}

func BenchmarkOf(b *testing.B) {
	r := rand.New(rand.NewPCG(3, 4))
	block := make([]byte, 64)
	for i := range block {
		block[i] = byte(r.Uint32())
	}
	for b.Loop() {
		content.Of(block, 64, 64)
	}
}

func FuzzOf(f *testing.F) {
	f.Add([]byte(prose), uint64(100), true)
	f.Add(bstr(64, "Belegnummer", 22), uint64(40), true)
	f.Add(bstr(32, "Belegnummer", 22), uint64(30), false)
	f.Add(dib(1, 24), uint64(1000), true)
	f.Fuzz(func(t *testing.T, b []byte, size uint64, is64 bool) {
		bits := 32
		if is64 {
			bits = 64
		}
		c := content.Of(b, size, bits)
		if (c.Kind == content.Unknown) != (c.Confidence == content.None) {
			t.Errorf("%v with confidence %v", c.Kind, c.Confidence)
		}
		if s := content.Sample(c.Kind, b, bits); c.Kind.Text() && s == "" {
			t.Errorf("%v without a sample", c.Kind)
		}
	})
}

// guid is the 16 bytes of a GUID with these words of its time: that of
// {9c59509a-39bd-11d1-8c4a-00c04fd930c5}, seen in a process of Windows 10.
func guid(high uint32) []byte {
	b := binary.LittleEndian.AppendUint32(nil, 0x9c59509a)
	b = binary.LittleEndian.AppendUint32(b, high)
	return append(b, 0x8c, 0x4a, 0x00, 0xc0, 0x4f, 0xd9, 0x30, 0xc5)
}
