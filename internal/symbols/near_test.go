package symbols_test

import (
	"testing"

	"github.com/heapdump/heapdump/internal/symbols"
	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/memory"
)

func TestNear(t *testing.T) {
	s := table(t, one(synth.X86, exports(), nil, make([]byte, 0x1000)))
	x := s.Near(dllBase+0x1803, 2)
	var got []string
	for _, y := range x.Symbols {
		got = append(got, y.Name.String())
	}
	if len(got) != 4 || got[0] != "my_lib_v2!Ordinal2" || got[1] != "my_lib_v2!app::Car::Draw" || got[2] != "my_lib_v2!Last" || got[3] != "my_lib_v2!Variable" {
		t.Errorf("%q", got)
	}
	if x.Section != ".text" || x.Partial || x.Class != nil || x.Symbols[1].Addr != dllBase+0x1800 {
		t.Errorf("%+v", x)
	}
	if x := s.Near(dllBase+0x10, 2); len(x.Symbols) != 2 || x.Symbols[0].Name.Symbol != "NtOne" || x.Section != "" {
		t.Errorf("below all: %+v", x)
	}
	if x := s.Near(0x10, 2); x.Module != nil || x.Symbols != nil {
		t.Errorf("in no module: %+v", x)
	}
}

// TestObject: a block's first pointer names its class; the pointer of a part
// inside an object does not, nor one that is missing.
func TestObject(t *testing.T) {
	p := synth.NewProcess(synth.Win7, synth.X64)
	data, first := synth.RTTI(synth.X64, dllBase, 0x2000, dllBase+0x2f00, synth.RTTIClass{Mangled: ".?AVCar@@"}, []uint32{0x1010})
	more, second := synth.RTTI(synth.X64, dllBase, 0x2800, dllBase+0x2f00, synth.RTTIClass{Mangled: ".?AVCar@@", Offset: 16}, []uint32{0x1020})
	rdata := append(append(data, make([]byte, 0x800-len(data))...), more...)
	p.Modules = []synth.Module{{Base: dllBase, Size: 0x3000, Name: `C:\app\cars.dll`, PE: &synth.PE{Arch: synth.X64, Base: dllBase, Sections: []synth.PESection{
		{Name: ".text", RVA: 0x1000, Size: 0x1000, Flags: synth.SecCode}, {Name: ".rdata", RVA: 0x2000, Size: 0x1000, Flags: synth.SecRData, Data: rdata}}}}}
	const at = 0x5000000
	p.Prepare = func(b *synth.Built) {
		b.Image.Reserve(at, 0x1000, synth.MemPrivate, synth.PageReadWrite)
		b.Image.PutU64(at, dllBase+uint64(first))
		b.Image.PutU64(at+16, dllBase+uint64(second))
	}
	tg, err := target.Parse("test.dmp", p.Build().Dump.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	types := symbols.NewTypes(symbols.New(tg))
	if c := types.Object(at, 64); c == nil || c.Name != "Car" {
		t.Errorf("object: %+v", c)
	}
	for _, a := range []memory.Addr{at + 8, at + 16, at + 0x2000} {
		if c := types.Object(a, 64); c != nil {
			t.Errorf("%v: %+v", a, c)
		}
	}
	if c := types.TypeOf(dllBase+memory.Addr(second), 64); c == nil || c.Offset != 16 {
		t.Errorf("second table: %+v", c)
	}
}
