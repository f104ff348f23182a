// Package pick holds the block predicates that flags ask for: state, origin,
// size and address. Every command that goes over blocks takes the same ones.
package pick

import (
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"

	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
)

// Filter says which blocks are wanted. The zero Filter wants all.
type Filter struct {
	states  uint32 // bit 1<<State; 0 means any
	origins uint32 // bit 1<<Origin; 0 means any
	sizes   []Sizes
	ranges  []memory.Range
}

// Sizes is an interval of sizes in bytes, both ends included.
type Sizes struct{ Min, Max uint64 }

// New makes a filter of the values of flags: lists of names, of size
// intervals and of address ranges. Within a kind any may match; all kinds must.
func New(states, origins, sizes, ranges []string, addr func(string) (memory.Addr, error)) (Filter, error) {
	var f Filter
	for _, s := range states {
		n, err := word(s, "state", StateNames())
		if err != nil {
			return f, err
		}
		f.states |= 1 << n
	}
	for _, s := range origins {
		n, err := word(s, "origin", OriginNames())
		if err != nil {
			return f, err
		}
		f.origins |= 1 << n
	}
	for _, s := range sizes {
		z, err := ParseSizes(s)
		if err != nil {
			return f, err
		}
		f.sizes = append(f.sizes, z)
	}
	for _, s := range ranges {
		r, err := ParseRange(s, addr)
		if err != nil {
			return f, err
		}
		f.ranges = append(f.ranges, r)
	}
	return f, nil
}

// StateNames returns the words for the states of blocks.
func StateNames() []string {
	var out []string
	for s := range heap.State(heap.States) {
		out = append(out, s.String())
	}
	return out
}

// OriginNames returns the words for who handed a block out.
func OriginNames() []string {
	var out []string
	for o := range heap.Origin(heap.Origins) {
		out = append(out, o.String())
	}
	return out
}

func word(s, what string, names []string) (int, error) {
	for i, n := range names {
		if strings.EqualFold(n, s) {
			return i, nil
		}
	}
	return 0, fmt.Errorf("no %s %q; there are %s", what, s, strings.Join(names, ", "))
}

// Match reports whether a block is wanted. The size of a busy block is what
// the program asked for, that of any other its bytes.
func (f *Filter) Match(b *heap.Block) bool {
	if f.states != 0 && f.states>>b.State&1 == 0 || f.origins != 0 && f.origins>>b.Origin&1 == 0 {
		return false
	}
	return (f.sizes == nil || f.size(b)) && (f.ranges == nil || f.inRanges(b))
}

func (f *Filter) size(b *heap.Block) bool {
	n := Size(b)
	for _, z := range f.sizes {
		if z.Min <= n && n <= z.Max {
			return true
		}
	}
	return false
}

func (f *Filter) inRanges(b *heap.Block) bool {
	end := b.Addr.Span(b.Size).End
	for _, r := range f.ranges {
		if b.Addr < r.End && (r.Start < end || r.Start == b.Addr) {
			return true
		}
	}
	return false
}

// Size is the size that filters and orders mean: user bytes when busy, else
// block bytes.
func Size(b *heap.Block) uint64 {
	if b.State == heap.Busy {
		return b.UserBytes()
	}
	return b.Size
}

// ParseSizes reads MIN..MAX, either of which may be missing, or a single size
// for exactly that. Sizes are decimal or 0x hexadecimal, with an optional
// unit: B, KiB, MiB, GiB, TiB (K, M, G and T for short), or KB, MB, GB, TB of
// thousands.
func ParseSizes(s string) (Sizes, error) {
	lo, hi, isRange := strings.Cut(s, "..")
	z := Sizes{0, math.MaxUint64}
	var err error
	if lo != "" {
		if z.Min, err = ParseSize(lo); err != nil {
			return z, err
		}
	}
	switch {
	case !isRange && lo == "", isRange && lo == "" && hi == "":
		return z, fmt.Errorf("%q is no size; write MIN..MAX, MIN.., ..MAX or one size", s)
	case !isRange:
		z.Max = z.Min
	case hi != "":
		if z.Max, err = ParseSize(hi); err != nil {
			return z, err
		}
	}
	if z.Min > z.Max {
		return z, fmt.Errorf("size %q: the first is above the second", s)
	}
	return z, nil
}

// sizeUnits are the units of sizes, the longer of two that end alike first.
// KB and the like are thousands, as those who count characters mean them.
var sizeUnits = [...]struct {
	name  string
	bytes uint64
}{
	{"kib", 1 << 10}, {"mib", 1 << 20}, {"gib", 1 << 30}, {"tib", 1 << 40},
	{"kb", 1e3}, {"mb", 1e6}, {"gb", 1e9}, {"tb", 1e12},
	{"k", 1 << 10}, {"m", 1 << 20}, {"g", 1 << 30}, {"t", 1 << 40}, {"b", 1},
}

// ParseSize reads one size, as ParseSizes has it; a decimal one with a unit may
// have a fraction, which is rounded to bytes.
func ParseSize(s string) (uint64, error) {
	number := strings.ToLower(strings.TrimSpace(s))
	bad := fmt.Errorf("%q is no size in bytes; write for example 4096, 0x1000, 4KiB or 1.5MiB", s)
	hex, unit := strings.HasPrefix(number, "0x"), uint64(1)
	for _, u := range sizeUnits {
		if rest, ok := strings.CutSuffix(number, u.name); ok && !(hex && strings.HasSuffix(u.name, "b") && !strings.HasSuffix(u.name, "ib")) { // 0x1b is a number
			number, unit = strings.TrimSpace(rest), u.bytes
			break
		}
	}
	base := 10
	if hex {
		number, base = number[2:], 16
	}
	whole, fraction, broken := strings.Cut(strings.ReplaceAll(number, ",", ""), ".")
	n, err := strconv.ParseUint(whole, base, 64)
	hi, total := bits.Mul64(n, unit)
	if err != nil || hi != 0 {
		return 0, bad
	}
	if !broken {
		return total, nil
	}
	part, err := strconv.ParseUint(fraction, 10, 64)
	if err != nil || hex || unit == 1 || len(fraction) > 9 {
		return 0, bad
	}
	more := uint64(math.Round(float64(part) / math.Pow10(len(fraction)) * float64(unit)))
	if total+more < total {
		return 0, bad
	}
	return total + more, nil
}

// ParseRange reads ADDR..ADDR: from the first on, up to and without the
// second; either may be missing.
func ParseRange(s string, addr func(string) (memory.Addr, error)) (memory.Range, error) {
	r := memory.Range{End: ^memory.Addr(0)}
	lo, hi, ok := strings.Cut(s, "..")
	if !ok || lo == "" && hi == "" {
		return r, fmt.Errorf("%q is no address range; write ADDR..ADDR, the end not included", s)
	}
	var err error
	if lo != "" {
		if r.Start, err = addr(lo); err != nil {
			return r, err
		}
	}
	if hi != "" {
		if r.End, err = addr(hi); err != nil {
			return r, err
		}
	}
	if r.Empty() {
		return r, fmt.Errorf("address range %q is empty", s)
	}
	return r, nil
}
