package modules_test

import (
	"testing"

	"github.com/heapdump/heapdump/internal/analysis/modules"
	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/internal/target"
)

// take lists the modules of the demonstration, whose dump's list of modules
// was changed.
func take(t *testing.T, change func(*synth.Built)) *modules.Result {
	t.Helper()
	p := synth.Demo()
	prepare := p.Prepare
	p.Prepare = func(b *synth.Built) {
		prepare(b)
		if change != nil {
			change(b)
		}
	}
	x, err := target.Parse("test", p.Build().Dump.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return modules.Take(x)
}

func TestTake(t *testing.T) {
	r := take(t, nil)
	if len(r.Modules) != 5 || r.Lists != 1 || r.Expected != 1 || len(r.Problems) > 0 {
		t.Fatalf("%+v", r)
	}
	m := r.Modules[0]
	if m.Name != "orchard.exe" || m.Size() != 0x42000 || m.Version.String() != "2.4.0.117" || m.Loader != modules.Listed || m.LoaderOnly || m.Unloaded || m.Saved != 0x1000 {
		t.Errorf("%+v", m)
	}
	// GUID 4f 72 63 68 01 02 03 04 05 06 … 0c: three little-endian numbers.
	if p := m.PDB; p.GUID != "6863724F-0201-0403-0506-0708090A0B0C" || p.ID != "6863724F0201040305060708090A0B0C1" || p.Age != 1 || p.Source != "module list" {
		t.Errorf("%+v", p)
	}
	if u := r.Modules[4]; !u.Unloaded || u.Name != "blight.dll" || u.Path != "" || u.Loader != modules.Unknown {
		t.Errorf("%+v", u)
	}
	if got := r.Find("NTDLL", 0, false); len(got) != 1 || got[0].Name != "ntdll.dll" {
		t.Errorf("%+v", got)
	}
	if got := r.Find("0x7ffa10000010", 0x7ffa10000010, true); len(got) != 1 || got[0].Name != "picker.dll" {
		t.Errorf("%+v", got)
	}
	if got := r.Find("pick", 0, false); got != nil {
		t.Errorf("%+v", got)
	}
}

// TestLoaderDisagrees: a module that only the loader lists, and one that only
// the dump does; one that the dump lists twice is neither.
func TestLoaderDisagrees(t *testing.T) {
	r := take(t, func(b *synth.Built) {
		list := append([]synth.Module(nil), b.Dump.Modules...)
		list[1] = synth.Module{Base: 0x20000000, Size: 0x1000, Name: `C:\hidden.dll`}
		again := list[0]
		again.Name = `\??\D:\orchard.exe`
		b.Dump.Modules = append(list, list[0], again, synth.Module{Base: list[0].Base, Size: 0x1000, Name: `C:\orchard.exe`})
	})
	if m := r.Modules; m[0].Again || !m[4].Again || !m[5].Again || m[6].Again {
		t.Errorf("%+v", m)
	}
	got := map[string]string{}
	for _, m := range r.Modules {
		got[m.Name] = m.Loader.String()
		if m.LoaderOnly {
			got[m.Name] = "loader only"
		}
	}
	if len(r.Modules) != 9 || got["hidden.dll"] != "not listed" || got["picker.dll"] != "loader only" || got["orchard.exe"] != "listed" {
		t.Errorf("%v", got)
	}
	r = take(t, func(b *synth.Built) { b.Image.PutU64(b.Process.PEBFieldAddr("Ldr"), 0) })
	for _, m := range r.Modules {
		if m.Loader != modules.Unknown {
			t.Errorf("%s is %v without a loader list", m.Name, m.Loader)
		}
	}
}
