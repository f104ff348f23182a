package structure

import (
	"fmt"
	"strings"

	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/structs"
)

// Choose says which layouts are used.
type Choose struct {
	Layout string // a family by name; empty to go by the dump
	Bits   int    // 32 or 64; 0 to go by the address and the dump
	At     memory.Addr
	Placed bool // At is given
}

// Layouts returns the layouts of the family that the dump's heaps were opened
// with: the heap of the address, else the first of the pointer size. A dump
// without such a heap goes by its build number.
func (c Choose) Layouts(t *target.Target) (*structs.Set, error) {
	if c.Layout != "" {
		return named(c.Layout, c.Bits)
	}
	if c.Placed {
		if h := heapAt(t, c.At); h != nil && (c.Bits == 0 || c.Bits == h.Bits) {
			return named(h.NT.Header.Layout, h.Bits)
		}
	}
	bits := c.bits(t)
	for _, h := range t.Heaps {
		if h.NT != nil && h.Bits == bits {
			return named(h.NT.Header.Layout, bits)
		}
	}
	build := t.Build()
	if build == 0 {
		return nil, fmt.Errorf("the dump has no heap of %d bits and does not say its Windows build: choose the layouts with --layout, one of %s", bits, strings.Join(Families(), ", "))
	}
	return named(byBuild(build, bits), bits)
}

// bits is the pointer size of what stands at the address: of a PEB or a TEB
// that is known, else the program's.
func (c Choose) bits(t *target.Target) int {
	if c.Bits != 0 {
		return c.Bits
	}
	native := t.File.Arch().Bits()
	if c.Placed {
		for _, p := range t.PEBs {
			if c.At == p.Address || c.At == p.ProcessParameters || c.At == p.Ldr {
				return p.Bits
			}
		}
		for _, th := range t.File.Threads(nil) {
			if th.TEB == c.At && native != 0 {
				return native
			}
		}
	}
	if len(t.PEBs) > 0 {
		return t.PEBs[0].Bits
	}
	if native == 0 {
		return 64
	}
	return native
}

// named finds a family; with bits, that it is of them.
func named(family string, bits int) (*structs.Set, error) {
	s, ok := structs.Of(family)
	if !ok && bits != 0 {
		s, ok = structs.Of(fmt.Sprintf("%s-x%d", family, map[int]int{32: 86, 64: 64}[bits]))
	}
	switch {
	case !ok:
		return nil, fmt.Errorf("there are no layouts called %q: choose one of %s", family, strings.Join(Families(), ", "))
	case bits != 0 && s.Bits != bits:
		return nil, fmt.Errorf("the layouts %s are of %d bits", s.Family, s.Bits)
	}
	return s, nil
}

// Families returns the names of all layouts.
func Families() []string {
	var out []string
	for _, s := range structs.All() {
		out = append(out, s.Family)
	}
	return out
}

// byBuild names the family of a Windows build (the heads of the layouts).
func byBuild(build, bits int) string {
	if build < 6000 && bits == 64 {
		return "2003-x64"
	}
	family := "xp"
	for _, f := range [...]struct {
		first int
		name  string
	}{{6000, "vista"}, {7600, "win7"}, {9200, "win8"}, {11082, "win10-14393"}, {17763, "win10-17763"}, {26100, "win11-24h2"}} {
		if build >= f.first {
			family = f.name
		}
	}
	if bits == 32 {
		return family + "-x86"
	}
	return family + "-x64"
}
