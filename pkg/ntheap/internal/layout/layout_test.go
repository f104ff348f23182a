package layout

import (
	"strings"
	"testing"
)

func TestEveryFileBinds(t *testing.T) {
	names := map[string]bool{}
	for _, s := range All() {
		names[s.Name] = true
		if want := strings.HasSuffix(s.Name, "x64"); want != (s.Bits == 64) {
			t.Errorf("%s: bits %d", s.Name, s.Bits)
		}
		if s.Old() == s.Heap.Encoding.Has() {
			t.Errorf("%s: an old heap has no Encoding, a new one has", s.Name)
		}
		if !s.Old() && s.Heap.Encoding.Off != s.Heap.EncodeFlagMask.Off+4 {
			t.Errorf("%s: Encoding does not follow EncodeFlagMask", s.Name)
		}
		if got, want := uint64(s.Virtual.Size), 4*s.Unit(); got != want {
			t.Errorf("%s: _HEAP_VIRTUAL_ALLOC_ENTRY %#x bytes, want %#x", s.Name, got, want)
		}
		for name, f := range map[string]Field{"VirtualAllocdBlocks": s.Heap.VirtualAllocdBlocks, "LockVariable": s.Heap.LockVariable} {
			if uint64(f.Off)+uint64(f.Size) > uint64(s.Heap.Size) {
				t.Errorf("%s: %s lies outside _HEAP", s.Name, name)
			}
		}
	}
	if len(names) != 14 {
		t.Errorf("%d layouts, want 14: %v", len(names), names)
	}
}

// The published dt of Windows 7 x86 (heap 0x2c0000) and the table of offsets
// per family are the witnesses here.
func TestPublishedOffsets(t *testing.T) {
	for _, c := range []struct {
		set                       string
		signature, virtual, fetyp uint16
		size                      uint16
	}{
		{"xp-x86", 0x8, 0x50, 0x586, 0x588},
		{"2003-x64", 0x10, 0x90, 0xae2, 0xae8},
		{"vista-x86", 0x64, 0xa0, 0xda, 0x130},
		{"win7-x86", 0x64, 0xa0, 0xda, 0x138},
		{"win7-x64", 0xa0, 0x118, 0x182, 0x208},
		{"win8-x86", 0x60, 0x9c, 0xd6, 0x248},
		{"win8-x64", 0x98, 0x110, 0x17a, 0x298},
		{"win10-14393-x64", 0x98, 0x110, 0x182, 0x2a0},
		{"win10-17763-x86", 0x60, 0x9c, 0xea, 0x258},
		{"win11-24h2-x64", 0x98, 0x110, 0x1a2, 0x2c0},
	} {
		for _, s := range All() {
			if s.Name != c.set {
				continue
			}
			got := []uint16{s.Heap.Signature.Off, s.Heap.VirtualAllocdBlocks.Off, s.Heap.FrontEndHeapType.Off, s.Heap.Size}
			want := []uint16{c.signature, c.virtual, c.fetyp, c.size}
			for i := range got {
				if got[i] != want[i] {
					t.Errorf("%s: got %#x, want %#x", c.set, got, want)
					break
				}
			}
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"bits 64\n": "no struct _HEAP",
		"struct _HEAP 0x10\n Signature 0x8 4\nstruct X 1\n": "no bits line",
		"bits 64\nstruct _HEAP 0x10\n Signature 0x8 4\n":    "no field Flags",
		"bits 64\nstruct _HEAP 0x10\n Signature 0x8\n":      "not understood",
		"bits 64\nstruct _HEAP zz\n":                        "zz",
	} {
		_, err := Parse("t", text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Parse(%q) = %v, want %q in it", text, err, want)
		}
	}
}
