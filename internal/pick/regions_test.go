package pick_test

import (
	"strings"
	"testing"

	"github.com/heapdump/heapdump/internal/pick"
	"github.com/heapdump/heapdump/pkg/memory"
)

var usages = []string{"Image", "Heap", "<unknown>", "Free"}

func TestRegions(t *testing.T) {
	heap := memory.Region{Range: memory.Range{Start: 0x10000, End: 0x12000}, State: memory.MemCommit, Type: memory.MemPrivate, Protect: memory.PageReadWrite | memory.PageGuard}
	for _, x := range []struct {
		usages, states, types, protects, sizes []string
		want                                   bool
	}{
		{want: true},
		{usages: []string{"heap"}, want: true},
		{usages: []string{"Heap32"}, want: true},
		{usages: []string{"heap64"}},
		{usages: []string{"unknown", "image"}},
		{usages: []string{"unknown", "heap"}, want: true},
		{states: []string{"commit"}, want: true},
		{states: []string{"MEM_RESERVE"}},
		{types: []string{"mem_private"}, want: true},
		{types: []string{"image"}},
		{protects: []string{"readwrite"}, want: true},
		{protects: []string{"PAGE_GUARD"}, want: true},
		{protects: []string{"readonly", "noaccess"}},
		{sizes: []string{"8KiB"}, want: true},
		{sizes: []string{"..4KiB", "1MiB.."}},
		{usages: []string{"heap"}, states: []string{"free"}},
	} {
		f, err := pick.NewRegions(x.usages, x.states, x.types, x.protects, x.sizes, usages)
		if err != nil {
			t.Errorf("%+v: %v", x, err)
			continue
		}
		if got := f.Match("Heap", 32, &heap); got != x.want {
			t.Errorf("%+v: %v", x, got)
		}
		if f.Any() != (x.usages == nil && x.states == nil && x.types == nil && x.protects == nil && x.sizes == nil) {
			t.Errorf("%+v: any %v", x, f.Any())
		}
	}
	reserved := heap
	reserved.State = memory.MemReserve
	if f, _ := pick.NewRegions(nil, nil, nil, []string{"guard"}, nil, usages); f.Match("Heap", 32, &reserved) {
		t.Error("a protection of what is not committed")
	}
}

func TestRegionsErrors(t *testing.T) {
	one := func(s string) []string { return []string{s} }
	for _, x := range []struct {
		usages, states, types, protects, sizes []string
		want                                   string
	}{
		{usages: one("heep"), want: `no usage "heep"; there are Image, Heap`},
		{usages: one("heap16"), want: "no usage"},
		{states: one("busy"), want: `no state "busy"; there are MEM_COMMIT`},
		{types: one("0"), want: "no type"},
		{protects: one("rw"), want: `no protection "rw"; there are PAGE_NOACCESS`},
		{sizes: one("big"), want: "no size"},
	} {
		_, err := pick.NewRegions(x.usages, x.states, x.types, x.protects, x.sizes, usages)
		if err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%+v: %v", x, err)
		}
	}
}
