package minidump

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/heapdump/heapdump/pkg/diag"
)

// builder makes minidumps by hand, from the numbers of minidumpapiset.h.
type builder struct {
	data    []byte
	streams int64
}

const maxStreams = 16

// newDump begins a dump: header, room for 16 directory entries.
func newDump() *builder {
	b := &builder{data: make([]byte, 32+12*maxStreams)}
	copy(b.data, words("MDMP", u32(0xa793), u32(0), u32(32), u32(0), u32(0x5f000000), u64(0x1826)))
	return b
}

// words joins numbers and texts.
func words(parts ...any) []byte {
	var out []byte
	for _, p := range parts {
		switch p := p.(type) {
		case []byte:
			out = append(out, p...)
		case string:
			out = append(out, p...)
		}
	}
	return out
}

func u16(v int) []byte { return binary.LittleEndian.AppendUint16(nil, uint16(v)) }
func u32[T int | uint32 | int64](v T) []byte {
	return binary.LittleEndian.AppendUint32(nil, uint32(v))
}
func u64(v uint64) []byte { return binary.LittleEndian.AppendUint64(nil, v) }
func zeros(n int) []byte  { return make([]byte, n) }

// blob adds bytes and returns their file offset.
func (b *builder) blob(parts ...any) int {
	b.data = append(b.data, words(parts...)...)
	return len(b.data) - len(words(parts...))
}

// text adds a MINIDUMP_STRING and returns its offset.
func (b *builder) text(s string) int {
	var units []byte
	for _, u := range utf16.Encode([]rune(s)) {
		units = append(units, u16(int(u))...)
	}
	return b.blob(u32(len(units)), units, u16(0))
}

// add adds a stream.
func (b *builder) add(t StreamType, parts ...any) *builder {
	d := words(parts...)
	return b.entry(t, len(d), int64(b.blob(d)))
}

// entry adds a directory entry with a size and offset of any kind.
func (b *builder) entry(t StreamType, size int, off int64) *builder {
	copy(b.data[32+12*b.streams:], words(u32(int(t)), u32(size), u32(off)))
	b.streams++
	copy(b.data[8:], u32(b.streams))
	return b
}

// parse parses what was built.
func (b *builder) parse(t *testing.T) *File {
	t.Helper()
	f, err := Parse(b.data)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// expect compares the problems of a list with the codes that are wanted.
func expect(t *testing.T, l *diag.List, want ...diag.Code) {
	t.Helper()
	var got []string
	for _, p := range l.Problems {
		got = append(got, string(p.Code))
	}
	var wanted []string
	for _, c := range want {
		wanted = append(wanted, string(c))
	}
	if g, w := strings.Join(got, " "), strings.Join(wanted, " "); g != w {
		t.Errorf("problems %q, want %q", g, w)
		for _, p := range l.Problems {
			t.Log(p)
		}
	}
}

// everything calls every accessor; what they return must hold together.
func everything(f *File) string {
	var l diag.List
	l.Limit = 100
	f.Check(l.Add)
	si, e1 := f.SystemInfo()
	mi, e2 := f.MiscInfo()
	sm, e3 := f.SystemMemory()
	vc, e4 := f.VMCounters()
	ex, e5 := f.Exception(l.Add)
	threads := f.Threads(l.Add)
	for _, t := range threads {
		t.Context.Registers()
	}
	space := f.Memory(l.Add)
	for _, r := range space.AllRuns() {
		if b, err := space.View(r.Start, uint64(len(r.Bytes))); err != nil || len(b) != len(r.Bytes) {
			panic(err)
		}
	}
	for _, r := range space.Regions() {
		space.Why(r.Start)
	}
	s := fmt.Sprint(f.Streams(), f.Arch(), f.HasFullMemory(), f.Flags, f.Time(), si.Name(), e1, mi, e2, sm.PageSize, e3, vc, e4, ex.Code, e5,
		len(threads), f.ThreadInfos(l.Add), f.ThreadNames(l.Add), f.Modules(l.Add), f.UnloadedModules(l.Add), space.Coverage(),
		f.Handles(l.Add), len(f.Tokens(l.Add)), len(f.FunctionTables(l.Add)), f.Comments())
	for _, p := range l.Problems {
		s += p.String()
	}
	return s
}
