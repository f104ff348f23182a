package symbols_test

import (
	"testing"

	"github.com/heapdump/heapdump/internal/symbols"
	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/pkg/memory"
)

// TestTypeOf: a class by its type information, a table without any by its
// place, and neither for the other pointer size.
func TestTypeOf(t *testing.T) {
	for _, a := range []synth.Arch{synth.X86, synth.X64} {
		data, vtable := synth.RTTI(a, dllBase, 0x2000, dllBase+0x2f00, synth.RTTIClass{Mangled: ".?AVCar@@", Bases: []synth.RTTIBase{{Mangled: ".?AVThing@@"}}}, []uint32{0x1010, 0x1020, 0x1030})
		bare := 0x2000 + uint32(len(data)) + 16
		data = append(data, make([]byte, 16)...)
		for range 3 {
			if a == synth.X86 {
				data = append(data, 0x10, 0x10, 0, 0x10)
			} else {
				data = append(data, 0x10, 0x10, 0, 0x10, 0, 0, 0, 0)
			}
		}
		p := synth.NewProcess(synth.Win7, a)
		p.Modules = []synth.Module{{Base: dllBase, Size: 0x3000, Name: `C:\app\cars.dll`, PE: &synth.PE{Arch: a, Base: dllBase, Sections: []synth.PESection{
			{Name: ".text", RVA: 0x1000, Size: 0x1000, Flags: synth.SecCode}, {Name: ".rdata", RVA: 0x2000, Size: 0x1000, Flags: synth.SecRData, Data: data}}}}}
		types := symbols.NewTypes(table(t, p))
		bits := int(8 * a.PtrSize())
		for range 2 { // read, and remembered
			c := types.TypeOf(dllBase+memory.Addr(vtable), bits)
			if c == nil || c.Name != "Car" || len(c.Bases) != 1 || c.Bases[0].Name != "Thing" || c.Module != "cars" || c.Evidence != symbols.RTTI {
				t.Errorf("%v: %+v", a, c)
			}
			c = types.TypeOf(dllBase+memory.Addr(bare), bits)
			if c == nil || c.Evidence != symbols.Vtable || c.Module != "cars" || c.Name[:len("cars!vtable+0x2")] != "cars!vtable+0x2" {
				t.Errorf("%v: %+v", a, c)
			}
		}
		if c := types.TypeOf(dllBase+memory.Addr(vtable), 96-bits); c != nil {
			t.Errorf("%v: of the other size: %+v", a, c)
		}
		for _, at := range []memory.Addr{0, dllBase, dllBase + 0x1000, dllBase + 0x2001, 0x5000000} {
			if c := types.TypeOf(at, bits); c != nil {
				t.Errorf("%v: %v: %+v", a, at, c)
			}
		}
	}
}
