package structs

import (
	"strings"
	"testing"
)

// TestLayoutsAreSound: every field lies in its structure, every type is one of
// the notation or a structure of the same family with the field's size, and
// no name stands twice.
func TestLayoutsAreSound(t *testing.T) {
	if len(All()) != 14 {
		t.Fatalf("%d families", len(All()))
	}
	width := map[string]uint64{"u8": 1, "u16": 2, "wchar": 2, "i16": 2, "u32": 4, "i32": 4, "u64": 8, "i64": 8}
	for _, s := range All() {
		if len(s.Structures) < 30 {
			t.Errorf("%s: %d structures", s.Family, len(s.Structures))
		}
		for _, x := range s.Structures {
			seen := map[string]bool{}
			for _, f := range x.Fields {
				at := s.Family + " " + x.Name + "." + f.Name
				if f.Size == 0 || f.Off+f.Size > x.Size {
					t.Errorf("%s: %#x + %#x of %#x bytes", at, f.Off, f.Size, x.Size)
				}
				if seen[f.Name] {
					t.Errorf("%s: twice", at)
				}
				seen[f.Name] = true
				of, n := f.Element()
				want := width[of]
				switch {
				case of == "bytes":
					continue
				case strings.HasPrefix(of, "*"):
					want = uint64(s.Bits) / 8
				case strings.HasPrefix(of, "_"):
					in, ok := s.Find(of)
					if !ok {
						t.Errorf("%s: there is no %s", at, of)
						continue
					}
					want = in.Size
				}
				if want*n != f.Size {
					t.Errorf("%s: %s has %d bytes, the field %d", at, f.Type, want*n, f.Size)
				}
			}
		}
	}
}

// TestPublished: rows of debuggers' dt as published in articles on Windows 7
// , of both widths.
func TestPublished(t *testing.T) {
	for _, c := range []struct {
		family, structure, field string
		off                      uint64
	}{
		{"win7-x86", "_HEAP", "Reserved", 0x36}, {"win7-x86", "_HEAP", "Encoding", 0x50}, {"win7-x86", "_HEAP", "TuningParameters", 0x130},
		{"win7-x86", "heap_segment", "UCRSegmentList", 0x38}, {"win7-x86", "ntdll!_PEB", "ProcessHeaps", 0x90},
		{"win7-x86", "_PEB", "NtGlobalFlag", 0x68}, {"win7-x64", "nt!_HEAP", "VirtualAllocdBlocks", 0x118}, {"win7-x64", "_HEAP", "SegmentList", 0x128},
		{"win7-x64", "_HEAP_VIRTUAL_ALLOC_ENTRY", "CommitSize", 0x20},
	} {
		s, ok := Of(c.family)
		if !ok {
			t.Fatal(c.family)
		}
		x, ok := s.Find(c.structure)
		if !ok {
			t.Fatal(c.structure)
		}
		found := false
		for _, f := range x.Fields {
			if f.Name == c.field {
				found = true
				if f.Off != c.off {
					t.Errorf("%v: at %#x", c, f.Off)
				}
			}
		}
		if !found {
			t.Errorf("%v: no such field", c)
		}
	}
	if s, _ := Of("win7-x86"); s != nil {
		if _, ok := s.Find("_HEAPS"); ok {
			t.Error("there is no _HEAPS")
		}
	}
	if _, ok := Of("win7"); ok {
		t.Error("win7 is no family")
	}
}

// TestNotUnderstood has one wrong line of each kind.
func TestNotUnderstood(t *testing.T) {
	for _, text := range []string{"struct _X 0x8", "struct _X y win7-x86", "  A 0x0 0x4 u32", "struct _X 0x8 a\n  A 0 4", "struct _X 0x8 a\n  A z 0x4 u32",
		"struct _X 0x8 a\n  A 0 z u32", "struct _X 0x8 a\n  A 0x0 0x1 u8 4:4", "struct _X 0x8 a\n  A 0x0 0x1 u8 4:9"} {
		if _, err := parse(32, text); err == nil {
			t.Errorf("%q was understood", text)
		}
	}
}

// TestOpaque: the fields that are still shown as bytes are those of which no
// public symbols give the structure: WX86_THREAD, and the buckets of Vista.
func TestOpaque(t *testing.T) {
	opaque := map[string]bool{"Wx86Thread": true, "Buckets": true}
	whole := map[string]uint64{"_GUID": 16, "_PROCESSOR_NUMBER": 4, "_RTL_BITMAP_EX": 16, "_HEAP_USERDATA_OFFSETS": 4}
	for _, s := range All() {
		for _, x := range s.Structures {
			if n := whole[x.Name]; n != 0 && x.Size != n {
				t.Errorf("%s: %s has %d bytes", s.Family, x.Name, x.Size)
			}
			for _, f := range x.Fields {
				if of, _ := f.Element(); of == "bytes" && !opaque[f.Name] {
					t.Errorf("%s: %s.%s is bytes", s.Family, x.Name, f.Name)
				}
				if f.Name == "Buckets" && f.Type == "bytes" && !strings.HasPrefix(s.Family, "vista") {
					t.Errorf("%s: Buckets is bytes", s.Family)
				}
				if f.Name == "Buckets" && strings.HasPrefix(s.Family, "win10") && f.Type != "_HEAP_BUCKET[128]" {
					t.Errorf("%s: Buckets is %s", s.Family, f.Type)
				}
			}
		}
	}
}
