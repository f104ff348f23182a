package vmmap_test

import (
	"fmt"
	"testing"

	"github.com/heapdump/heapdump/internal/analysis/vmmap"
	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/pkg/memory"
)

const (
	gcKind     = "heap of .NET's garbage collector"
	loaderKind = "loader heap of .NET"
	codeKind   = "code heap of .NET"
)

// net is a runtime with everything, in its places.
func net(a synth.Arch) *synth.CLR {
	return &synth.CLR{Arch: a, Image: 0x62000000, Loader: 0x5000000, Classes: 0x5100000, GC: 0x5200000, GCOffset: 0x1000, Objects: 60,
		Code: 0x5300000, Sections: 0x5400000}
}

// kinds are what is known of the five allocations of a runtime: its objects,
// method tables, classes, code, and of the RangeSections, of which nothing is.
func netKinds(t *testing.T, a synth.Arch, c *synth.CLR, dll string, do func(m *synth.Image)) [5]string {
	t.Helper()
	p := process(synth.Win10v1809, a)
	p.Modules = append(p.Modules, synth.Module{Base: c.Image, Size: 0x4000, Name: `C:\dotnet\` + dll})
	p.Prepare = func(b *synth.Built) {
		c.Build(b.Image)
		if do != nil {
			do(b.Image)
		}
	}
	tg := open(t, p.Build().Dump)
	m := vmmap.Take(tg)
	laws(t, tg, m)
	var out [5]string
	for i, at := range []uint64{0x5200000, 0x5100000, 0x5000000, 0x5300000, 0x5400000} {
		x, ok := m.At(memory.Addr(at + 0x1800))
		if ok && x.Owner != nil {
			if out[i] = x.Owner.Kind; x.Owner.Evidence == "" {
				t.Errorf("%s without evidence", out[i])
			}
		}
	}
	return out
}

// TestDotNet: the heaps of a runtime of every form.
func TestDotNet(t *testing.T) {
	want := [5]string{gcKind, loaderKind, loaderKind, codeKind, ""}
	for _, a := range []synth.Arch{synth.X86, synth.X64} {
		for _, x := range []struct {
			name, dll string
			do        func(c *synth.CLR)
		}{
			{"Framework", "clr.dll", func(*synth.CLR) {}},
			{"Core 2", "coreclr.dll", func(c *synth.CLR) { c.Relative = true }},
			{".NET 6, segments", "coreclr.dll", func(*synth.CLR) {}},
			{".NET 7", "coreclr.dll", func(c *synth.CLR) { c.Export, c.GCOffset = true, 0x28 }},
			{".NET 8", "coreclr.dll", func(c *synth.CLR) { c.Export, c.Map, c.GCOffset = true, true, 0x28 }},
			{"frozen objects", "coreclr.dll", func(c *synth.CLR) { c.GCOffset = 8 }},
		} {
			c := net(a)
			x.do(c)
			if got := netKinds(t, a, c, x.dll, nil); got != want {
				t.Errorf("%v, %s: %q", a, x.name, got)
			}
		}
	}
}

// TestDotNetTwins: one thing about a runtime's memory that does not agree, and
// what is still known then.
func TestDotNetTwins(t *testing.T) {
	for _, a := range []synth.Arch{synth.X86, synth.X64} {
		w, class, loader := uint64(4), uint64(0x1c), uint64(0x14)
		if a == synth.X64 {
			w, class, loader = 8, 0x28, 0x18
		}
		c := net(a)
		code := [5]string{3: codeKind}
		objects := [5]string{gcKind, loaderKind, loaderKind, "", ""}
		all := [5]string{gcKind, loaderKind, loaderKind, codeKind, ""}
		each := func(do func(m *synth.Image, mt uint64)) func(m *synth.Image) {
			return func(m *synth.Image) {
				for i := range 4 {
					do(m, c.MT(i))
				}
			}
		}
		second := c.Sections + 0x80
		for _, x := range []struct {
			name string
			dll  string
			do   func(m *synth.Image)
			want [5]string
		}{
			{"no runtime", "v8.dll", nil, [5]string{}},
			{"three objects and no more", "clr.dll", func(m *synth.Image) { m.PutPtr(c.GC+0x1000+4*w+5*w+map[uint64]uint64{4: 20, 8: 32}[w], 0x1234) }, code},
			{"classes that lead elsewhere", "clr.dll", func(m *synth.Image) {
				for i := range uint64(5) {
					m.PutPtr(c.Classes+0x40+i*0x80+2*w, c.Loader)
				}
			}, code},
			{"no class", "clr.dll", each(func(m *synth.Image, mt uint64) { m.PutPtr(mt+class, 0) }), code},
			{"modules of another", "clr.dll", func(m *synth.Image) { m.PutPtr(c.Loader+0x800, 0x400000) }, code},
			{"no module", "clr.dll", each(func(m *synth.Image, mt uint64) { m.PutPtr(mt+loader, 0) }), code},
			{"sizes of no object", "clr.dll", each(func(m *synth.Image, mt uint64) { m.PutU32(mt+4, 2) }), code},
			{"filler alone", "clr.dll", func(m *synth.Image) {
				for at := c.GC + 0x1000; at < c.GC+0x4000; at += 3 * w {
					m.PutPtr(at, c.MT(4))
					m.PutPtr(at+w, 0)
				}
			}, code},
			{"objects elsewhere", "clr.dll", func(m *synth.Image) { m.Fill(c.GC+0x1000, 0x100, []byte{0}) }, code},
			{"no code flag", "clr.dll", func(m *synth.Image) { m.PutPtr(second+5*w, 4) }, objects},
			{"another's code manager", "clr.dll", func(m *synth.Image) { m.PutPtr(c.Sections+0x100, 0x400000) }, objects},
			{"code heap elsewhere", "clr.dll", func(m *synth.Image) { m.PutPtr(c.Sections+0x140+2*w, c.Code-0x1000) }, objects},
			{"used beyond its end", "clr.dll", func(m *synth.Image) { m.PutPtr(c.Sections+0x140+3*w, c.Code+0x11000) }, objects},
			{"range beyond its allocation", "clr.dll", func(m *synth.Image) { m.PutPtr(second+w, c.Code+0x20000) }, objects},
			{"range upside down", "clr.dll", func(m *synth.Image) { m.PutPtr(second+w, c.Code) }, objects},
			{"a loop", "clr.dll", func(m *synth.Image) { m.PutPtr(second+3*w, c.Sections) }, all},
			{"no variables", "clr.dll", func(m *synth.Image) { m.PutU32(c.Image+0x3180+24, 0x7fffffff) }, objects},
			{"another resource", "clr.dll", func(m *synth.Image) { m.PutU8(c.Image+0x3102, 'X') }, objects},
			{"another type of resource", "clr.dll", func(m *synth.Image) { m.PutU32(c.Image+0x3018, 11) }, objects},
		} {
			if got := netKinds(t, a, c, x.dll, x.do); got != x.want {
				t.Errorf("%v, %s: %q, want %q", a, x.name, got, x.want)
			}
		}
	}
}

// TestPublished: a program that has the runtime in it, and one that has not.
func TestPublished(t *testing.T) {
	for _, name := range []string{"DotNetRuntimeInfo", "Other"} {
		p := process(synth.Win10v1809, synth.X64)
		c := net(synth.X64)
		c.Image = p.ImageBase
		p.Prepare = func(b *synth.Built) {
			c.Build(b.Image)
			x := (&synth.PEExports{DLL: "app.exe", List: []synth.PEExport{{Name: name, RVA: 0x1000}}}).Bytes(0x1100)
			b.Image.Write(c.Image+0x1100, x)
			b.Image.PutU32(c.Image+0x80+24+112, 0x1100) // the export directory of a PE32+ header at 0x80
			b.Image.PutU32(c.Image+0x80+24+116, uint32(len(x)))
		}
		m := vmmap.Take(open(t, p.Build().Dump))
		got, _ := m.At(memory.Addr(c.GC + 0x1800))
		if has := got.Owner != nil && got.Owner.Kind == gcKind; has != (name == "DotNetRuntimeInfo") {
			t.Errorf("%s: %v", name, fmt.Sprint(got.Owner))
		}
	}
}
