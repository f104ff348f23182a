package ntheap

import (
	"slices"
	"strings"
	"testing"

	"github.com/heapdump/heapdump/pkg/ntheap/internal/layout"
	"github.com/heapdump/heapdump/pkg/structs"
)

// TestStructsAgree: the layouts that walks use and those that dt shows are
// two tables of one thing. The last bucket of an LFH is not used by walks, and
// the families are the same.
func TestStructsAgree(t *testing.T) {
	var families []string
	for _, s := range structs.All() {
		families = append(families, s.Family)
	}
	slices.Sort(families)
	if !slices.Equal(families, Layouts()) {
		t.Fatalf("families %v and %v", families, Layouts())
	}
	fields := 0
	for _, name := range Layouts() {
		s, _ := structs.Of(name)
		for structure, of := range layout.Fields(name) {
			x, ok := s.Find(structure)
			if !ok {
				t.Errorf("%s: no %s", name, structure)
				continue
			}
			for field, at := range of {
				i := slices.IndexFunc(x.Fields, func(f structs.Field) bool { return f.Name == field })
				switch {
				case i < 0:
					t.Errorf("%s: no %s.%s", name, structure, field)
				case x.Fields[i].Off != uint64(at.Off) || x.Fields[i].Size != uint64(at.Size) && field != "Buckets":
					t.Errorf("%s: %s.%s is %+v for walks and %+v for dt", name, structure, field, at, x.Fields[i])
				}
				fields++
			}
		}
		if set := s; (set.Bits == 64) != strings.HasSuffix(name, "x64") {
			t.Errorf("%s has %d bits", name, set.Bits)
		}
	}
	if fields < 1500 {
		t.Errorf("only %d fields were compared", fields)
	}
}
