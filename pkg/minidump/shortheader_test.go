package minidump

import (
	"testing"

	"github.com/heapdump/heapdump/pkg/diag"
)

// TestShortHeader: a list whose header is said to be shorter than any is read
// from where entries begin, and told of; one whose header is longer is read
// behind it.
func TestShortHeader(t *testing.T) {
	region := info(0x10000, 0x10000, 0x1000, 4, 0x20000)
	for _, c := range []struct {
		size  int
		pad   int
		codes []diag.Code
	}{{16, 0, nil}, {15, 0, []diag.Code{CodeStreamHeader}}, {0, 0, []diag.Code{CodeStreamHeader}}, {24, 8, nil}} {
		b := newDump()
		b.add(MemoryInfoListStream, u32(c.size), u32(48), u64(1), zeros(c.pad), region)
		b.add(UnloadedModuleListStream, u32(min(c.size, 12)), u32(24), u32(1), u64(0x7000), u32(0x1000), zeros(12))
		b.add(ThreadInfoListStream, u32(min(c.size, 12)), u32(64), u32(1), u32(77), zeros(60))
		b.add(HandleDataStream, u32(min(c.size, 16)), u32(32), u32(1), u32(0), u64(4), zeros(24))
		f := b.parse(t)
		var l diag.List
		regions, _ := f.Regions(l.Add)
		expect(t, &l, c.codes...)
		if len(regions) != 1 || regions[0].Start != 0x10000 || regions[0].State != 0x1000 {
			t.Errorf("header of %d: %+v", c.size, regions)
		}
		if u := f.UnloadedModules(nil); len(u) != 1 || u[0].Start != 0x7000 {
			t.Errorf("header of %d: %+v", c.size, u)
		}
		if i := f.ThreadInfos(nil); len(i) != 1 || i[0].ID != 77 {
			t.Errorf("header of %d: %+v", c.size, i)
		}
		if h := f.Handles(nil); len(h) != 1 || h[0].Handle != 4 {
			t.Errorf("header of %d: %+v", c.size, h)
		}
	}
}
