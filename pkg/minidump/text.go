package minidump

import (
	"encoding/binary"
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/heapdump/heapdump/pkg/diag"
)

// maxString is the greatest length of a Windows string (UNICODE_STRING's
// lengths have 16 bits), in bytes of UTF-16.
const maxString = 0xfffe

// texts reads the strings that the records of one stream refer to. A string
// that many records share is decoded once, and the text of all of them cannot
// grow beyond the file by much, whatever the references say.
type texts struct {
	f      *File
	sink   diag.Sink
	object string
	seen   map[uint64]string
	budget int // bytes that may still be decoded
}

func (f *File) texts(object string, sink diag.Sink) *texts {
	return &texts{f: f, sink: sink, object: object, seen: map[uint64]string{}, budget: len(f.data) + maxString}
}

// at decodes the MINIDUMP_STRING at a file offset: a length in bytes and
// UTF-16. Offset 0 is no string. What is wrong with it becomes a problem, and
// as much of the text as is there is returned.
func (t *texts) at(off uint64, field string) string {
	if off == 0 {
		return ""
	}
	if s, ok := t.seen[off]; ok {
		return s
	}
	head, ok := t.f.at(off, 4)
	if !ok {
		t.bad(off, field, fmt.Sprintf("an offset within the %d bytes of the file", len(t.f.data)), fmt.Sprintf("%#x", off))
		return ""
	}
	n := uint64(binary.LittleEndian.Uint32(head))
	rest := t.f.from(off + 4)
	switch {
	case n > maxString:
		t.bad(off, field, fmt.Sprintf("at most %d bytes of text", maxString), fmt.Sprint(n))
		n = maxString
	case n > uint64(len(rest)):
		t.bad(off, field, fmt.Sprintf("%d bytes of text", n), fmt.Sprintf("%d bytes to the end of the file", len(rest)))
	}
	n = min(n, uint64(len(rest)))
	if int(n) > t.budget {
		t.bad(off, field, "no more text than the file has", "strings that overlap")
		return ""
	}
	t.budget -= int(n)
	s := utf16Text(rest[:n])
	t.seen[off] = s
	return s
}

// path is at, of a file's path: no character of one is zero, so that what
// follows a zero is something else's bytes, and left out.
func (t *texts) path(off uint64, field string) string {
	s := t.at(off, field)
	i := strings.IndexByte(s, 0)
	if i < 0 {
		return s
	}
	if key := off | 1<<63; t.seen[key] == "" { // once for each string
		t.seen[key] = field
		t.bad(off, field, "a path", fmt.Sprintf("a zero behind %d bytes of one", i))
	}
	return s[:i]
}

func (t *texts) bad(off uint64, field, want, got string) {
	t.sink.Put(finding{CodeStreamString, off, t.object, field, want, got, 0}.problem())
}

// utf16Text decodes little-endian UTF-16 without its terminating zeros. A lone
// surrogate becomes U+FFFD, an odd last byte is dropped.
func utf16Text(b []byte) string {
	n := len(b) / 2
	unit := func(i int) uint16 { return binary.LittleEndian.Uint16(b[2*i:]) }
	for n > 0 && unit(n-1) == 0 {
		n--
	}
	out := make([]byte, 0, n)
	for i := 0; i < n; i++ {
		r := rune(unit(i))
		if utf16.IsSurrogate(r) {
			low := rune(0)
			if i+1 < n {
				low = rune(unit(i + 1))
			}
			if r = utf16.DecodeRune(r, low); r != utf8.RuneError {
				i++
			}
		}
		out = utf8.AppendRune(out, r)
	}
	return string(out)
}

// upToZero decodes a fixed UTF-16 array that ends at its first zero.
func upToZero(b []byte) string {
	for i := 0; i+1 < len(b); i += 2 {
		if b[i] == 0 && b[i+1] == 0 {
			return utf16Text(b[:i])
		}
	}
	return utf16Text(b)
}
