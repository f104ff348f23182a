package attrib_test

import (
	"reflect"
	"slices"
	"testing"

	"github.com/heapdump/heapdump/internal/synth"
)

// unordered stages a map of five elements in three of eight buckets: the object
// within block 0 or, with data, in a module's; the end mark is block 1, the array
// block 2, the elements are blocks 3 to 7.
func unordered(a synth.Arch, data bool) (*scene, synth.UnorderedMap) {
	w := a.PtrSize()
	s := stage(synth.Win10v1809, a, 30*w, 64, 16*w, 64, 64, 64, 64, 64)
	m := synth.UnorderedMap{Object: s.users[0] + 5*w, Head: s.users[1], Array: s.users[2], Nodes: s.users[3:8], Buckets: 8, In: []int{6, 6, 1, 3, 3}}
	if data {
		const base = 0x20000000
		pe := &synth.PE{Arch: a, Base: base, DLL: true, Sections: []synth.PESection{
			{Name: ".data", RVA: 0x1000, Size: 0x1000, Flags: synth.SecData, Data: make([]byte, 0x800)},
		}}
		pe.Write(s.Image)
		s.Dump.Modules = append(s.Dump.Modules, synth.Module{Base: base, Size: pe.Size(), Name: `C:\app\cache.dll`})
		m.Object = base + 0x1340
	}
	m.Put(s.Image, a)
	return s, m
}

// TestHashTables: the buckets and the nodes of a std::unordered_map have their
// names; what is one number or one link away from it is a list beside an array
// of pointers.
func TestHashTables(t *testing.T) {
	const node, buckets, list, array = "std::unordered_map or set node", "std::unordered_map or set buckets", "doubly linked list node", "array of pointers"
	hashed := []string{"unknown", node, buckets, node, node, node, node, node}
	plain := []string{"unknown", list, array, list, list, list, list, list}
	for _, a := range []synth.Arch{synth.X86, synth.X64} {
		w := a.PtrSize()
		for name, tt := range map[string]struct {
			spoil func(s *scene, m synth.UnorderedMap)
			want  []string
		}{
			"as it is":               {func(*scene, synth.UnorderedMap) {}, hashed},
			"another length":         {func(s *scene, m synth.UnorderedMap) { s.words(m.Object+2*w, 6) }, plain},
			"a shorter array":        {func(s *scene, m synth.UnorderedMap) { s.words(m.Object+4*w, m.Array+14*w) }, plain},
			"room behind its block":  {func(s *scene, m synth.UnorderedMap) { s.words(m.Object+5*w, m.Array+40*w) }, plain},
			"another mask":           {func(s *scene, m synth.UnorderedMap) { s.words(m.Object+6*w, 6) }, plain},
			"seven buckets":          {func(s *scene, m synth.UnorderedMap) { s.words(m.Object+6*w, 6, 7) }, plain},
			"an array of its own":    {func(s *scene, m synth.UnorderedMap) { s.words(m.Object+3*w, m.Array+w) }, plain},
			"half a bucket":          {func(s *scene, m synth.UnorderedMap) { s.words(m.Array, m.Nodes[0]) }, plain},
			"a bucket left out":      {func(s *scene, m synth.UnorderedMap) { s.words(m.Array+2*w, m.Head, m.Head) }, plain},
			"a bucket that is short": {func(s *scene, m synth.UnorderedMap) { s.words(m.Array+13*w, m.Nodes[0]) }, plain},
			"a bucket that goes on":  {func(s *scene, m synth.UnorderedMap) { s.words(m.Array+13*w, m.Nodes[2]) }, plain},
			"another end mark":       {func(s *scene, m synth.UnorderedMap) { s.words(m.Object+w, m.Nodes[1]) }, plain},
		} {
			for _, data := range []bool{false, true} {
				s, m := unordered(a, data)
				tt.spoil(s, m)
				if got := s.types(t); !reflect.DeepEqual(got, tt.want) {
					t.Errorf("%v %s, in a module %t: %q, want %q", a, name, data, got, tt.want)
				}
			}
		}
		// Without elements the end mark leads to itself, and is no node of anything.
		s, m := unordered(a, false)
		m.Nodes = nil
		m.Put(s.Image, a)
		if got := s.types(t); got[1] == node || got[2] != buckets || slices.Contains(got[3:], node) {
			t.Errorf("%v without elements: %q", a, got)
		}
	}
}
