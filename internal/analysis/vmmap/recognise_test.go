package vmmap_test

import (
	"encoding/binary"
	"testing"

	"github.com/heapdump/heapdump/internal/analysis/vmmap"
	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/pkg/memory"
)

// kindAt opens a process that do has changed, checks the laws, and returns
// what is known of an address.
func kindAt(t *testing.T, p *synth.Process, at uint64, do func(m *synth.Image)) (vmmap.Usage, string) {
	t.Helper()
	p.Prepare = func(b *synth.Built) { do(b.Image) }
	tg := open(t, p.Build().Dump)
	m := vmmap.Take(tg)
	laws(t, tg, m)
	x, ok := m.At(memory.Addr(at))
	if !ok {
		t.Fatalf("no piece at %#x", at)
	}
	if x.Owner == nil {
		return x.Usage, ""
	}
	return x.Usage, x.Owner.Kind
}

// words are little-endian words of 32 bits.
func words(w ...uint32) []byte {
	var b []byte
	for _, x := range w {
		b = binary.LittleEndian.AppendUint32(b, x)
	}
	return b
}

const (
	place   = 0x5000000
	actx    = "activation context"
	arena   = "Go heap arena"
	pointer = 0x3400000
)

// view is a mapped section with bytes in it.
func view(at uint64, b []byte) func(m *synth.Image) {
	return func(m *synth.Image) {
		m.Reserve(at, 0x3000, synth.MemMapped, synth.PageReadOnly)
		m.Commit(at, 0x3000, synth.PageReadOnly)
		m.Write(at, b)
	}
}

// TestRecognised: what proves itself at the start of an allocation, and beside
// each what only looks like it.
func TestRecognised(t *testing.T) {
	image := func(a synth.Arch) []byte {
		pe := &synth.PE{Arch: a, Sections: []synth.PESection{{Name: ".text", RVA: 0x1000, Flags: synth.SecCode, Data: []byte{0xc3}}}}
		return pe.Headers()
	}
	typed := func(typ uint32, b []byte) func(m *synth.Image) {
		return func(m *synth.Image) {
			m.Reserve(place, 0x3000, typ, synth.PageReadWrite)
			m.Commit(place, 0x3000, synth.PageReadWrite)
			m.Write(place, b)
		}
	}
	for _, a := range []synth.Arch{synth.X86, synth.X64} {
		for _, x := range []struct {
			name string
			do   func(m *synth.Image)
			u    vmmap.Usage
			kind string
		}{
			{"activation context", view(place, words(0x78746341, 0x20, 1, 0x2f00)), vmmap.Other, actx},
			{"one larger than its view", view(place, words(0x78746341, 0x20, 1, 0x3001)), vmmap.MappedFile, ""},
			{"one of another header", view(place, words(0x78746341, 0x24, 1, 0x2f00)), vmmap.MappedFile, ""},
			{"one of another version", view(place, words(0x78746341, 0x20, 2, 0x2f00)), vmmap.MappedFile, ""},
			{"one in private memory", typed(synth.MemPrivate, words(0x78746341, 0x20, 1, 0x2f00)), vmmap.Unknown, ""},
			{"image in no list", typed(synth.MemImage, image(a)), vmmap.Unknown, "image in no module list"},
			{"image in private memory", typed(synth.MemPrivate, image(a)), vmmap.Unknown, "PE image in private memory"},
			{"image mapped as data", typed(synth.MemMapped, image(a)), vmmap.MappedFile, "executable file mapped as data"},
			{"two letters of one", typed(synth.MemPrivate, []byte("MZ and no more than that")), vmmap.Unknown, ""},
			{"nothing", typed(synth.MemPrivate, nil), vmmap.Unknown, ""},
		} {
			u, kind := kindAt(t, process(synth.Win10v1809, a), place+0x1010, x.do)
			if u != x.u || kind != x.kind {
				t.Errorf("%v, %s: %v, %q; want %v, %q", a, x.name, u, kind, x.u, x.kind)
			}
		}
	}
}

// TestGoArenas: reservations where a Go runtime asks for them, in a process
// with a module that the Go linker made.
func TestGoArenas(t *testing.T) {
	goText := []byte("\xff Go build ID: \"abc/def\"\n \xff")
	at := func(addr, size uint64, typ uint32) func(m *synth.Image) {
		return func(m *synth.Image) {
			m.Reserve(addr, size, typ, synth.PageReadWrite)
			m.Commit(addr, 0x2000, synth.PageReadWrite)
		}
	}
	const first, second = 0xc000000000, 0x1c000000000
	for _, x := range []struct {
		name string
		text []byte
		addr uint64
		do   func(m *synth.Image)
		kind string
	}{
		{"the first place", goText, first, at(first, 0x800000, synth.MemPrivate), arena},
		{"the second place", goText, second, at(second, 0x400000, synth.MemPrivate), arena},
		{"no Go program", []byte("\x90 Go build ID: none"), first, at(first, 0x800000, synth.MemPrivate), ""},
		{"no multiple of an arena", goText, first, at(first, 0x410000, synth.MemPrivate), ""},
		{"not at an arena's border", goText, first + 0x10000, at(first+0x10000, 0x400000, synth.MemPrivate), ""},
		{"elsewhere", goText, 0xd000000000, at(0xd000000000, 0x400000, synth.MemPrivate), ""},
		{"mapped", goText, first, at(first, 0x400000, synth.MemMapped), ""},
	} {
		p := process(synth.Win10v1809, synth.X64)
		pe := &synth.PE{Arch: synth.X64, Base: p.ImageBase, Sections: []synth.PESection{{Name: ".text", RVA: 0x1000, Size: 0x1f000, Flags: synth.SecCode, Data: x.text}}}
		_, kind := kindAt(t, p, x.addr+0x1000, func(m *synth.Image) { pe.Write(m); x.do(m) })
		if kind != x.kind {
			t.Errorf("%s: %q, want %q", x.name, kind, x.kind)
		}
	}
}

// TestAreas: what fields of the PEB lead to, and what the same fields lead to
// where it cannot be that.
func TestAreas(t *testing.T) {
	for _, a := range []synth.Arch{synth.X86, synth.X64} {
		at := func(off32, off64 uint64) uint64 {
			if a == synth.X86 {
				return off32
			}
			return off64
		}
		private := func(m *synth.Image) {
			m.Reserve(place, 0x3000, synth.MemPrivate, synth.PageReadWrite)
			m.Commit(place, 0x3000, synth.PageReadWrite)
			m.Write(place, words(6, 0, 0, 0))
		}
		for _, x := range []struct {
			name  string
			field uint64
			do    func(m *synth.Image)
			u     vmmap.Usage
			kind  string
		}{
			{"API set map", at(0x38, 0x68), view(place, words(6, 0x3000, 0, 10)), vmmap.Other, "API set map"},
			{"no API set map", at(0x38, 0x68), view(place, words(0x12345, 0, 0, 0)), vmmap.MappedFile, ""},
			{"private, no API set map", at(0x38, 0x68), private, vmmap.Unknown, ""},
			{"CSRSS", at(0x4c, 0x88), view(place, nil), vmmap.Other, "memory shared with CSRSS"},
			{"GDI", at(0x94, 0xf8), view(place, nil), vmmap.Other, "handle table shared with GDI"},
			{"NLS", at(0x58, 0xa0), view(place, nil), vmmap.Other, "language tables (NLS)"},
			{"private, no NLS", at(0x58, 0xa0), private, vmmap.Unknown, ""},
			{"shims", at(0x1e8, 0x2d8), private, vmmap.Other, "data of application compatibility shims"},
			{"an unnamed field", at(0x54, 0x98), view(place, nil), vmmap.MappedFile, ""},
		} {
			p := process(synth.Win10v1809, a)
			u, kind := kindAt(t, p, place+0x1010, func(m *synth.Image) {
				x.do(m)
				m.PutPtr(p.PEB+x.field, place)
			})
			if u != x.u || kind != x.kind {
				t.Errorf("%v, %s: %v, %q; want %v, %q", a, x.name, u, kind, x.u, x.kind)
			}
		}
	}
}

// TestShims: the field that leads into the middle of an allocation says
// nothing of it.
func TestShims(t *testing.T) {
	p := process(synth.Win10v1809, synth.X64)
	u, kind := kindAt(t, p, place+0x10, func(m *synth.Image) {
		m.Reserve(place, 0x3000, synth.MemPrivate, synth.PageReadWrite)
		m.Commit(place, 0x3000, synth.PageReadWrite)
		m.PutPtr(p.PEB+0x2d8, place+0x10)
	})
	if u != vmmap.Unknown || kind != "" {
		t.Errorf("%v, %q", u, kind)
	}
}

// TestParameters: the process parameters where they have memory of their own,
// and where they are in a heap, as Windows has them since Vista.
func TestParameters(t *testing.T) {
	for _, a := range []synth.Arch{synth.X86, synth.X64} {
		p := process(synth.Win10v1809, a)
		p.ImagePath, p.Command = `C:\app\app.exe`, "app"
		env := uint64(0x48)
		field := p.PEB + 0x10
		if a == synth.X64 {
			env, field = 0x80, p.PEB+0x20
		}
		var at uint64
		u, kind := kindAt(t, p, pointer+0x10, func(m *synth.Image) {
			at = m.Ptr(field)
			m.Reserve(pointer, 0x2000, synth.MemPrivate, synth.PageReadWrite)
			m.Commit(pointer, 0x2000, synth.PageReadWrite)
			m.PutPtr(at+env, pointer)
		})
		if u != vmmap.Other || kind != "environment" {
			t.Errorf("%v: %v, %q", a, u, kind)
		}
		u, kind = kindAt(t, p, at+0x10, func(*synth.Image) {})
		if u != vmmap.Other || kind != "process parameters" {
			t.Errorf("%v: %v, %q", a, u, kind)
		}
		p = process(synth.Win10v1809, a)
		p.Prepare = func(b *synth.Built) {
			b.Image.PutPtr(field, 0x2000800)
			b.Image.PutU32(0x2000800, 0x600)
		}
		m := vmmap.Take(open(t, p.Build().Dump))
		owners := m.Owners(0x2000900)
		if len(owners) != 2 || owners[0].Usage != vmmap.Heap || owners[1].Kind != "process parameters" {
			t.Errorf("%v: %d owners in the heap", a, len(owners))
		}
		if len(m.Owners(0x2000f00)) != 1 {
			t.Errorf("%v: the parameters reach beyond their end", a)
		}
	}
}

// TestStackTraceDatabase: found where the PEB says that there is one, and only
// then.
func TestStackTraceDatabase(t *testing.T) {
	for _, flag := range []uint32{0x1000, 0} {
		p := process(synth.Win7, synth.X64)
		p.NtGlobalFlag = flag
		_, kind := kindAt(t, p, 0x70000000+0x40, func(m *synth.Image) {
			(&synth.TraceDB{Address: 0x70000000, Family: synth.Win7, Arch: synth.X64, Stacks: [][]uint64{{p.ImageBase + 0x1234}}}).Build(m)
		})
		if want := map[uint32]string{0x1000: "stack trace database", 0: ""}[flag]; kind != want {
			t.Errorf("NtGlobalFlag %#x: %q, want %q", flag, kind, want)
		}
	}
}

// TestPageHeap: a full page heap's ranges are PageHeap.
func TestPageHeap(t *testing.T) {
	p := process(synth.Win7, synth.X86)
	var user uint64
	p.Prepare = func(b *synth.Built) {
		h := (&synth.FullPageHeap{Address: 0x4fd0000, Arch: synth.X86, NormalHeap: 0x2000000, Allocs: []synth.PageAlloc{{Size: 0x40}, {Size: 100, Freed: true}}}).Build(b.Image)
		user = h.Blocks[0].User
	}
	tg := open(t, p.Build().Dump)
	m := vmmap.Take(tg)
	laws(t, tg, m)
	for _, at := range []uint64{0x4fd0000, user} {
		if x, _ := m.At(memory.Addr(at)); x.Usage != vmmap.PageHeap || x.Owner.Heap != 0x4fd0000 {
			t.Errorf("%#x: %+v", at, x)
		}
	}
}
