package attrib_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/heapdump/heapdump/internal/analysis/attrib"
	"github.com/heapdump/heapdump/internal/analysis/content"
	"github.com/heapdump/heapdump/internal/synth"
)

// TestClasses: blocks that begin with a pointer to a vtable, with type
// information, without, and with functions that count references.
func TestClasses(t *testing.T) {
	const base, typeInfo = 0x10000000, 0x10003800
	for _, a := range []synth.Arch{synth.X86, synth.X64} {
		code := make([]byte, 0x400)
		for i := range code {
			code[i] = 0xcc
		}
		copy(code[0x100:], "\xb8\x01\x00\x00\x00\xf0\x0f\xc1\x41\x08\xc3") // AddRef: mov eax,1; lock xadd [ecx+8],eax; ret
		copy(code[0x200:], "\x83\xc8\xff\xf0\x0f\xc1\x41\x08\xc3")         // Release
		functions := []uint32{0x1000, 0x1100, 0x1200, 0x1000}
		rtti, table := synth.RTTI(a, base, 0x2000, typeInfo, synth.RTTIClass{Mangled: ".?AVWidget@gui@@"}, functions)
		plain := make([]byte, 0x100)
		pe := &synth.PE{Arch: a, Base: base, DLL: true, Sections: []synth.PESection{
			{Name: ".text", RVA: 0x1000, Flags: synth.SecCode, Data: code},
			{Name: ".rdata", RVA: 0x2000, Flags: synth.SecRData, Data: rtti},
			{Name: ".rdata2", RVA: 0x3000, Size: 0x1000, Flags: synth.SecRData, Data: plain},
		}}
		s := stage(synth.Win10v1809, a, 64, 64, 40, 40, 64)
		pe.Write(s.Image)
		s.Dump.Modules = append(s.Dump.Modules, synth.Module{Base: base, Size: pe.Size(), Name: `C:\app\gui.dll`})
		w := uint64(a.PtrSize())
		for i, f := range []uint64{0x1000, 0x1000, 0x1000, 0x1000} { // no AddRef among them
			s.Image.PutPtr(base+0x3010+uint64(i)*w, base+f)
		}
		s.words(s.users[0], base+uint64(table))
		s.words(s.users[1], base+uint64(table))
		s.words(s.users[2], base+0x3010)
		s.words(s.users[3], base+0x1000) // code, not a table
		r := take(t, open(t, s.Built), attrib.Options{By: []attrib.By{attrib.Type}})
		want(t, r, "gui::Widget (COM): 2, 128", "unknown: 2, 104", "gui!vtable+0x3010: 1, 40")
		if k := r.Groups[0].Keys[0]; k.Confidence != content.High || !k.Known {
			t.Errorf("%v: %+v", a, k)
		}
		if k := r.Groups[2].Keys[0]; k.Confidence != content.Medium {
			t.Errorf("%v: %+v", a, k)
		}
		by := take(t, open(t, s.Built), attrib.Options{By: []attrib.By{attrib.Module}})
		want(t, by, "gui: 3, 168", "(unknown): 2, 104")
	}
}

// TestSharedPointers: the control blocks of std::shared_ptr, made by
// make_shared and by its constructor, are known by their classes; beside them
// the same counts behind a table of functions without type information.
func TestSharedPointers(t *testing.T) {
	const base = 0x10000000
	for _, a := range []synth.Arch{synth.X86, synth.X64} {
		for mangled, name := range map[string]string{
			".?AV?$_Ref_count_obj2@VWidget@gui@@@std@@": "std::_Ref_count_obj2<class gui::Widget>",
			".?AV?$_Ref_count@VWidget@gui@@@std@@":      "std::_Ref_count<class gui::Widget>",
		} {
			functions := []uint32{0x1000, 0x1010, 0x1000, 0x1010}
			rtti, table := synth.RTTI(a, base, 0x2000, base+0x3800, synth.RTTIClass{Mangled: mangled}, functions)
			pe := &synth.PE{Arch: a, Base: base, DLL: true, Sections: []synth.PESection{
				{Name: ".text", RVA: 0x1000, Flags: synth.SecCode, Data: []byte(strings.Repeat("\xcc", 0x40))},
				{Name: ".rdata", RVA: 0x2000, Flags: synth.SecRData, Data: rtti},
				{Name: ".rdata2", RVA: 0x3000, Size: 0x1000, Flags: synth.SecRData, Data: make([]byte, 0x100)},
			}}
			s := stage(synth.Win10v1809, a, 64, 64)
			pe.Write(s.Image)
			s.Dump.Modules = append(s.Dump.Modules, synth.Module{Base: base, Size: pe.Size(), Name: `C:\app\gui.dll`})
			w := uint64(a.PtrSize())
			for i, f := range functions {
				s.Image.PutPtr(base+0x3010+uint64(i)*w, base+uint64(f))
			}
			for i, at := range []uint64{base + uint64(table), base + 0x3010} {
				s.words(s.users[i], at)
				s.Image.PutU32(s.users[i]+w, 2) // uses
				s.Image.PutU32(s.users[i]+w+4, 1)
			}
			if got, want := s.types(t), []string{name, "gui!vtable+0x3010"}; !reflect.DeepEqual(got, want) {
				t.Errorf("%v: %q, want %q", a, got, want)
			}
		}
	}
}
