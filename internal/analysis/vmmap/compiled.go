package vmmap

import (
	"encoding/binary"
	"fmt"
	"strings"
	"unicode/utf16"

	"github.com/heapdump/heapdump/pkg/memory"
)

// The list of dynamic function tables, by which 64-bit Windows unwinds code
// that was made at run time (DYNAMIC_FUNCTION_TABLE, documented by Microsoft).
// .NET registers one with a callback for each code heap, and names the DLL
// that debuggers are to ask: mscordacwks.dll of the .NET Framework,
// mscordaccore.dll of .NET.
const (
	tableSize    = 0x58
	callbackType = 2
	maxTables    = 1 << 16
	maxPath      = 512 // characters
)

// compiled adds the code heaps of a .NET runtime, where a module is one: 64-bit
// programs alone, since x86 has no such tables.
func (c *collector) compiled() {
	if c.src.Bits != 64 || !c.dotnet() {
		return
	}
	head := c.functionTables()
	if head == 0 {
		return
	}
	last := head
	for range maxTables {
		at, err := c.t.Space.Pointer(last, 64)
		if err != nil || at == head {
			return
		}
		b, err := c.t.Space.View(at, tableSize)
		if err != nil || memory.Addr(binary.LittleEndian.Uint64(b[8:])) != last {
			return // the list does not hold together from here on
		}
		c.table(at, b)
		last = at
	}
}

// dotnet reports whether a module is a .NET runtime.
func (c *collector) dotnet() bool {
	for _, m := range c.t.File.Modules(nil) {
		if n := fileName(m.Name); n == "clr.dll" || n == "coreclr.dll" {
			return true
		}
	}
	return false
}

// functionTables returns where the list's head is: what ntdll's function
// RtlGetFunctionTableListHead returns, which is lea rax, [rip+n] and ret
// (seen in Windows 10). 0 where the code is another.
func (c *collector) functionTables() memory.Addr {
	for _, m := range c.t.Modules() {
		if m.Image == nil || fileName(m.Name) != "ntdll.dll" {
			continue
		}
		for _, e := range m.Image.Exports(c.t.Space).List {
			if e.Name != "RtlGetFunctionTableListHead" {
				continue
			}
			at := m.Start.Add(uint64(e.RVA))
			b, err := c.t.Space.View(at, 8)
			if err != nil || b[0] != 0x48 || b[1] != 0x8d || b[2] != 0x05 || b[7] != 0xc3 {
				break
			}
			head := at.Add(7 + uint64(int64(int32(binary.LittleEndian.Uint32(b[3:])))))
			if m.Contains(head) {
				return head
			}
		}
	}
	return 0
}

// table adds the code heap of a table, if it is one of .NET's and its code
// lies in one allocation that is no image.
func (c *collector) table(at memory.Addr, b []byte) {
	le := binary.LittleEndian
	r := memory.Range{Start: memory.Addr(le.Uint64(b[0x20:])), End: memory.Addr(le.Uint64(b[0x28:]))}
	dll := c.dll(memory.Addr(le.Uint64(b[0x48:])))
	if le.Uint32(b[0x50:]) != callbackType || r.End <= r.Start || dll != "mscordacwks.dll" && dll != "mscordaccore.dll" {
		return
	}
	in, ok := c.t.Space.Region(r.Start)
	whole, known := c.allocation(r.Start)
	if !ok || !known || in.Type == memory.MemImage || r.End > whole.End {
		return
	}
	o := Owner{Range: r, Usage: Unknown, Kind: "code heap of .NET", Evidence: fmt.Sprintf("the dynamic function table %v of it, for which debuggers are to ask %s", at, dll)}
	if in.Type == memory.MemMapped {
		o.Usage = MappedFile
	}
	c.add(o)
}

// dll returns the file name, in small letters, of the path at an address;
// empty when there is none.
func (c *collector) dll(at memory.Addr) string {
	var path []uint16
	for len(path) < maxPath {
		b, err := c.t.Space.View(at.Add(2*uint64(len(path))), 2)
		if err != nil {
			return ""
		}
		u := binary.LittleEndian.Uint16(b)
		if u == 0 {
			return fileName(string(utf16.Decode(path)))
		}
		path = append(path, u)
	}
	return ""
}

// fileName returns the last part of a path, in small letters.
func fileName(path string) string {
	return strings.ToLower(path[strings.LastIndexAny(path, `\/`)+1:])
}
