package peimage_test

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"testing"

	gope "www.velocidex.com/golang/go-pe"

	"github.com/heapdump/heapdump/pkg/peimage"
)

// TestGoPE: a third reader finds the same sections and, of the exports with
// a name and a function of their own, the same addresses, in the DLLs of
// Debian's Wine. It is asked for no more: it loses some exports and gives
// forwarders their target's name.
func TestGoPE(t *testing.T) {
	files := wine()
	if len(files) == 0 {
		t.Skip("Wine's DLLs are not here (Debian's package libwine has them)")
	}
	exports, sections := 0, 0
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		p, err := gope.NewPEFile(bytes.NewReader(b))
		if err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		m := flat{base, mapped(t, b)}
		i, err := peimage.Open(m, base, 0)
		if err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		got, want := sectionsOf(i), theirSections(p)
		sections += len(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s: sections %q, of go-pe %q", f, got, want)
		}
		exports += sameExports(t, f, i, i.Exports(m), p)
	}
	t.Logf("%d DLLs: %d sections, %d exports compared", len(files), sections, exports)
}

func sectionsOf(i *peimage.Image) (out []string) {
	for _, s := range i.Sections {
		out = append(out, fmt.Sprintf("%s %#x", s.Name, s.Start.Sub(i.Start)))
	}
	return out
}

func theirSections(p *gope.PEFile) (out []string) {
	for _, s := range p.Sections {
		out = append(out, fmt.Sprintf("%s %#x", s.Name, s.RVA))
	}
	return out
}

// sameExports holds ours against those of theirs that have an address and are
// no forwarders, which have the address of a text in the export directory
// instead, and returns how many these are.
func sameExports(t *testing.T, file string, i *peimage.Image, x peimage.Exports, p *gope.PEFile) (n int) {
	t.Helper()
	ours := map[string]uint32{}
	for _, e := range x.List {
		if e.Forward == "" {
			ours[e.Name] = e.RVA
		}
	}
	for _, e := range p.ExportRVAs() {
		if e.Name == "" || e.RVA == 0 || i.Directory(peimage.DirExport).Contains(i.Start.Add(uint64(e.RVA))) {
			continue
		}
		n++
		if rva, ok := ours[e.Name]; !ok || int64(rva) != e.RVA {
			t.Errorf("%s: %s at %#x, of go-pe at %#x", file, e.Name, rva, e.RVA)
		}
	}
	return n
}
