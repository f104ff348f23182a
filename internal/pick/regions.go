package pick

import (
	"fmt"
	"strings"

	"github.com/heapdump/heapdump/pkg/memory"
)

// Regions says which regions of an address space are wanted. The zero Regions
// wants all.
type Regions struct {
	usages  []usage
	states  []memory.State
	types   []memory.Type
	protect memory.Protect // any bit of it
	sizes   []Sizes
}

// usage is a usage by name, of one width or, where bits is 0, of any.
type usage struct {
	name string
	bits int
}

// NewRegions makes a Regions of the values of flags: names of usages out of
// those that there are ("Heap", also "heap32" and "heap64"), of states, types
// and protections as debuggers have them, with or without MEM_ and PAGE_, and
// size intervals. Within a kind any may match; all kinds must.
func NewRegions(usages, states, types, protects, sizes, known []string) (Regions, error) {
	var f Regions
	for _, s := range usages {
		u, err := usageOf(s, known)
		if err != nil {
			return f, err
		}
		f.usages = append(f.usages, u)
	}
	for _, s := range states {
		n, err := named(s, "state", "MEM_", []memory.State{memory.MemCommit, memory.MemReserve, memory.MemFree})
		if err != nil {
			return f, err
		}
		f.states = append(f.states, n)
	}
	for _, s := range types {
		n, err := named(s, "type", "MEM_", []memory.Type{memory.MemPrivate, memory.MemMapped, memory.MemImage})
		if err != nil {
			return f, err
		}
		f.types = append(f.types, n)
	}
	for _, s := range protects {
		var all []memory.Protect
		for i := range 11 {
			all = append(all, 1<<i)
		}
		n, err := named(s, "protection", "PAGE_", all)
		if err != nil {
			return f, err
		}
		f.protect |= n
	}
	for _, s := range sizes {
		z, err := ParseSizes(s)
		if err != nil {
			return f, err
		}
		f.sizes = append(f.sizes, z)
	}
	return f, nil
}

// usageOf reads a usage: a name, with 32 or 64 behind it for one width only.
func usageOf(s string, known []string) (usage, error) {
	for _, bits := range []int{0, 32, 64} {
		name := s
		if bits != 0 {
			name = strings.TrimSuffix(s, fmt.Sprint(bits))
		}
		for _, k := range known {
			if strings.EqualFold(name, k) || strings.EqualFold(name, strings.Trim(k, "<>")) {
				return usage{k, bits}, nil
			}
		}
	}
	return usage{}, fmt.Errorf("no usage %q; there are %s", s, strings.Join(known, ", "))
}

// named finds the value with a name, which may lack its prefix.
func named[T fmt.Stringer](s, what, prefix string, all []T) (T, error) {
	var names []string
	for _, v := range all {
		if strings.EqualFold(s, v.String()) || strings.EqualFold(prefix+s, v.String()) {
			return v, nil
		}
		names = append(names, v.String())
	}
	var none T
	return none, fmt.Errorf("no %s %q; there are %s", what, s, strings.Join(names, ", "))
}

// Any reports whether every region is wanted.
func (f *Regions) Any() bool {
	return f.usages == nil && f.states == nil && f.types == nil && f.protect == 0 && f.sizes == nil
}

// Match reports whether a region of a usage and a width is wanted. A
// protection is matched by any of its words: guard matches every guard page.
func (f *Regions) Match(name string, bits int, r *memory.Region) bool {
	switch {
	case f.usages != nil && !contains(f.usages, func(u usage) bool { return u.name == name && (u.bits == 0 || u.bits == bits) }),
		f.states != nil && !contains(f.states, func(s memory.State) bool { return s == r.State }),
		f.types != nil && !contains(f.types, func(t memory.Type) bool { return t == r.Type }),
		f.protect != 0 && (r.State != memory.MemCommit || f.protect&r.Protect == 0),
		f.sizes != nil && !contains(f.sizes, func(z Sizes) bool { return z.Min <= r.Size() && r.Size() <= z.Max }):
		return false
	}
	return true
}

func contains[T any](list []T, is func(T) bool) bool {
	for _, x := range list {
		if is(x) {
			return true
		}
	}
	return false
}
