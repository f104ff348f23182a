package pprofout_test

import (
	"bytes"
	"context"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/pprof/profile"

	"github.com/heapdump/heapdump/internal/analysis/attrib"
	"github.com/heapdump/heapdump/internal/analysis/stacks"
	"github.com/heapdump/heapdump/internal/pprofout"
	"github.com/heapdump/heapdump/internal/specimen"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/memory"
)

// FuzzProfile: whatever names a dump has, the profile is read back by pprof's
// own reader with the values that went in, folded stacks are lines of names and
// a number, and neither has what a terminal acts on.
func FuzzProfile(f *testing.F) {
	s := specimen.Rich()[0]
	tg, err := target.Parse("fuzz.dmp", s.Data)
	if err != nil {
		f.Fatal(err)
	}
	if _, err := attrib.Take(context.Background(), tg, tg.Heaps, attrib.Options{By: pprofout.By}); err != nil {
		f.Fatal(err)
	}
	f.Add("main", "a.dll", uint64(s.Image), uint32(1), uint32(24))
	f.Add("a;b 7\nc 8", "\x1b]0;x\x07", uint64(0), uint32(0), uint32(1))
	f.Add("\xff\u202e\u2066", "", ^uint64(0), ^uint32(0), ^uint32(0))
	f.Fuzz(func(t *testing.T, name, module string, addr uint64, blocks, size uint32) {
		keys := make([]attrib.Key, len(pprofout.By))
		for i := range keys {
			keys[i] = attrib.Key{By: pprofout.By[i], Text: name, Known: true}
		}
		plain := append([]attrib.Key{}, keys...)
		keys[0].Stack = []stacks.Frame{{Addr: memory.Addr(addr), Module: module, Offset: 16}, {Addr: 1}}
		samples := []pprofout.Sample{{Keys: keys, Values: []int64{int64(blocks), int64(size)}}, {Keys: plain, Values: []int64{1, 2}}}
		var b, folded bytes.Buffer
		if err := pprofout.Write(&b, tg, samples, pprofout.InUse); err != nil {
			t.Fatal(err)
		}
		p, err := profile.Parse(&b)
		if err != nil {
			t.Fatal(err)
		}
		for _, fn := range p.Function {
			still(t, fn.Name)
		}
		sum := int64(0)
		for _, x := range p.Sample {
			sum += x.Value[1]
			for _, l := range x.Label {
				still(t, l[0])
			}
		}
		if sum != int64(size)+2 {
			t.Fatalf("%d bytes, want %d", sum, int64(size)+2)
		}
		if err := pprofout.Fold(&folded, samples, 1); err != nil {
			t.Fatal(err)
		}
		sum = 0
		for l := range strings.Lines(folded.String()) {
			l = strings.TrimSuffix(l, "\n")
			still(t, l)
			n, err := strconv.ParseInt(l[strings.LastIndexByte(l, ' ')+1:], 10, 64)
			if err != nil {
				t.Fatalf("%q: %v", l, err)
			}
			sum += n
		}
		if sum != int64(size)+2 {
			t.Fatalf("folded %d bytes, want %d: %q", sum, int64(size)+2, folded.String())
		}
	})
}

// still: UTF-8 with nothing in it that a terminal acts on.
func still(t *testing.T, s string) {
	t.Helper()
	if !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) }) {
		t.Fatalf("%q", s)
	}
}
