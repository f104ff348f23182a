package census

import (
	"cmp"
	"slices"

	"github.com/heapdump/heapdump/pkg/memory"
)

// MemoryOf breaks the address space down by state, type and protection. Free
// regions have no type, and only committed ones a protection.
func MemoryOf(s *memory.Space) Memory {
	m := Memory{Known: s.RegionsKnown()}
	for _, r := range s.AllRuns() {
		m.Saved += uint64(len(r.Bytes))
	}
	if !m.Known {
		return m
	}
	states, types, protections := shares{}, shares{}, shares{}
	for _, r := range s.Regions() {
		states.add(r.State.String(), r.Size())
		if r.State != memory.MemFree {
			types.add(r.Type.String(), r.Size())
		}
		if r.State == memory.MemCommit {
			protections.add(r.Protect.String(), r.Size())
		}
	}
	m.States, m.Types, m.Protections = states.sorted(), types.sorted(), protections.sorted()
	return m
}

// shares collects rows by name.
type shares map[string]Share

func (s shares) add(name string, bytes uint64) {
	row := s[name]
	s[name] = Share{Name: name, Regions: row.Regions + 1, Bytes: row.Bytes + bytes}
}

func (s shares) sorted() []Share {
	out := make([]Share, 0, len(s))
	for _, row := range s {
		out = append(out, row)
	}
	slices.SortFunc(out, func(a, b Share) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Name, b.Name))
	})
	return out
}
