package rtti_test

import (
	"debug/pe"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/peimage"
	"github.com/heapdump/heapdump/pkg/rtti"
)

// TestClang reads what clang wrote: every class of classes.cpp, with its
// bases, and nothing anywhere else in the image.
func TestClang(t *testing.T) {
	for name, word := range map[string]int{"classes-x86.dll": 4, "classes-x64.dll": 8} {
		path := filepath.Join("testdata", name)
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		f, err := pe.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 0x10000) // as the loader would map it
		copy(b, raw[:0x400])
		for _, s := range f.Sections {
			d, err := s.Data()
			if err != nil {
				t.Fatal(err)
			}
			copy(b[s.VirtualAddress:], d)
		}
		at := memory.Addr(0x180000000)
		if o, ok := f.OptionalHeader.(*pe.OptionalHeader32); ok {
			at = memory.Addr(o.ImageBase)
		}
		_ = f.Close()
		m := flat{at, b}
		i, err := peimage.Open(m, at, 0)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for a := i.Start; a < i.End; a += 4 {
			if c, ok := rtti.Read(m, i, a); ok {
				got = append(got, fmt.Sprint(c.Name, " ", c.Offset, " ", c.Bases))
			}
		}
		slices.Sort(got)
		second := 2 * word // behind the first base's table pointer and its padded int
		want := []string{
			"ns::A 0 []", "ns::B 0 []",
			"ns::C<int> 0 " + fmt.Sprintf("[{ns::A 0 false} {ns::B %d false}]", second),
			fmt.Sprintf("ns::C<int> %d [{ns::A 0 false} {ns::B %d false}]", second, second),
			"ns::V 0 [{ns::A 0 true}]", fmt.Sprintf("ns::V %d [{ns::A 0 true}]", second),
		}
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}
