package structs

import (
	"strings"
	"testing"
)

// FuzzFind: a name of any text finds a structure of that name or none, and
// every field of it lies within it.
func FuzzFind(f *testing.F) {
	for _, s := range []string{"_HEAP", "heap", "_PEB", "ntdll!_HEAP", "", "_", "!", "_HEAP_ENTRY "} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		for _, set := range All() {
			s, ok := set.Find(name)
			if ok != (s != nil) {
				t.Fatalf("%v and %v", s, ok)
			}
			if !ok {
				continue
			}
			if bare := strings.ToLower(name[strings.LastIndex(name, "!")+1:]); strings.TrimLeft(bare, "_") != strings.TrimLeft(strings.ToLower(s.Name), "_") {
				t.Fatalf("%q finds %s", name, s.Name)
			}
			for _, field := range s.Fields {
				if field.Off > s.Size || field.Size > s.Size-field.Off {
					t.Fatalf("%s.%s is at %#x of %#x", s.Name, field.Name, field.Off, s.Size)
				}
			}
		}
	})
}
