package vmmap_test

import (
	"encoding/binary"
	"testing"
	"unicode/utf16"

	"github.com/heapdump/heapdump/internal/analysis/vmmap"
	"github.com/heapdump/heapdump/internal/synth"
)

// TestCodeHeaps: a code heap that .NET registered with ntdll, and beside it
// tables and processes that do not prove one.
func TestCodeHeaps(t *testing.T) {
	const (
		ntdll  = 0x7ff800000000
		table  = 0x6000000
		dotnet = "code heap of .NET"
	)
	le := binary.LittleEndian
	for _, x := range []struct {
		name, runtime, dll string
		code               byte
		typ, heap          uint32
		end, back          uint64
		u                  vmmap.Usage
		kind               string
	}{
		{"of .NET", "coreclr.dll", "mscordaccore.dll", 0x48, 2, synth.MemPrivate, place + 0x2000, 0, vmmap.Unknown, dotnet},
		{"of the Framework", "clr.dll", "mscordacwks.dll", 0x48, 2, synth.MemPrivate, place + 0x2000, 0, vmmap.Unknown, dotnet},
		{"mapped twice", "coreclr.dll", "mscordaccore.dll", 0x48, 2, synth.MemMapped, place + 0x2000, 0, vmmap.MappedFile, dotnet},
		{"image", "coreclr.dll", "mscordaccore.dll", 0x48, 2, synth.MemImage, place + 0x2000, 0, vmmap.Unknown, ""},
		{"no runtime", "v8.dll", "mscordaccore.dll", 0x48, 2, synth.MemPrivate, place + 0x2000, 0, vmmap.Unknown, ""},
		{"another's code", "coreclr.dll", "v8.dll", 0x48, 2, synth.MemPrivate, place + 0x2000, 0, vmmap.Unknown, ""},
		{"another ntdll", "coreclr.dll", "mscordaccore.dll", 0x4c, 2, synth.MemPrivate, place + 0x2000, 0, vmmap.Unknown, ""},
		{"a sorted table", "coreclr.dll", "mscordaccore.dll", 0x48, 0, synth.MemPrivate, place + 0x2000, 0, vmmap.Unknown, ""},
		{"beyond its allocation", "coreclr.dll", "mscordaccore.dll", 0x48, 2, synth.MemPrivate, place + 0x4000, 0, vmmap.Unknown, ""},
		{"upside down", "coreclr.dll", "mscordaccore.dll", 0x48, 2, synth.MemPrivate, place - 0x1000, 0, vmmap.Unknown, ""},
		{"a broken list", "coreclr.dll", "mscordaccore.dll", 0x48, 2, synth.MemPrivate, place + 0x2000, 8, vmmap.Unknown, ""},
	} {
		p := process(synth.Win10v1809, synth.X64)
		p.Modules = append(p.Modules, synth.Module{Base: ntdll, Size: 0x3000, Name: `C:\Windows\System32\ntdll.dll`},
			synth.Module{Base: ntdll + 0x100000, Size: 0x1000, Name: `C:\dotnet\` + x.runtime})
		exports := (&synth.PEExports{DLL: "ntdll.dll", List: []synth.PEExport{{Name: "RtlGetFunctionTableListHead", RVA: 0x1000}}}).Bytes(0x1100)
		text := make([]byte, 0x1000)
		copy(text, []byte{x.code, 0x8d, 0x05, 0xf9, 0x0f, 0, 0, 0xc3}) // 0x1000 + 7 + 0xff9 = 0x2000
		copy(text[0x100:], exports)
		head := uint64(ntdll + 0x2000)
		list := make([]byte, 16)
		le.PutUint64(list, table)
		le.PutUint64(list[8:], table)
		pe := &synth.PE{Arch: synth.X64, Base: ntdll, DLL: true, Sections: []synth.PESection{
			{Name: ".text", RVA: 0x1000, Size: 0x1000, Flags: synth.SecCode, Data: text}, {Name: ".data", RVA: 0x2000, Size: 0x1000, Data: list}}}
		pe.Directories[0] = [2]uint32{0x1100, uint32(len(exports))}
		b := make([]byte, 0x200)
		le.PutUint64(b, head)
		le.PutUint64(b[8:], head+x.back)
		le.PutUint64(b[0x20:], place)
		le.PutUint64(b[0x28:], x.end)
		le.PutUint64(b[0x48:], table+0x100)
		le.PutUint32(b[0x50:], x.typ)
		for i, u := range utf16.Encode([]rune(`C:\dotnet\` + x.dll)) {
			le.PutUint16(b[0x100+2*i:], u)
		}
		u, kind := kindAt(t, p, place+0x1000, func(m *synth.Image) {
			pe.Write(m)
			m.Reserve(table, 0x1000, synth.MemPrivate, synth.PageReadWrite)
			m.Commit(table, 0x1000, synth.PageReadWrite)
			m.Write(table, b)
			m.Reserve(place, 0x3000, x.heap, synth.PageExecuteReadWrite)
			m.Commit(place, 0x3000, synth.PageExecuteReadWrite)
		})
		if u != x.u || kind != x.kind {
			t.Errorf("%s: %v, %q; want %v, %q", x.name, u, kind, x.u, x.kind)
		}
	}
}
