package process

import (
	"encoding/binary"
	"fmt"
	"unicode/utf16"

	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/memory"
)

// The problem codes of this package.
const (
	// CodePEBMissing: the dump does not hold the PEB, or no thread leads to it.
	CodePEBMissing diag.Code = "peb-missing"
	// CodePEBHeaps: the PEB's list of heaps contradicts itself.
	CodePEBHeaps diag.Code = "peb-heaps"
	// CodePEBHeapsMissing: the dump does not hold the PEB's list of heaps.
	CodePEBHeapsMissing diag.Code = "peb-heaps-missing"
	// CodeTEB: a thread's TEB contradicts itself.
	CodeTEB diag.Code = "teb"
)

// Codes lists every code of this package with its meaning in a few words.
func Codes() map[diag.Code]string {
	return map[diag.Code]string{
		CodePEBMissing:      "no PEB could be read: heaps are found by their signatures alone",
		CodePEBHeaps:        "the PEB's list of heaps contradicts itself",
		CodePEBHeapsMissing: "the PEB's list of heaps is not in the dump",
		CodeTEB:             "a TEB contradicts itself",
	}
}

// Thread is what of a thread leads to the PEB.
type Thread struct {
	ID  uint32
	TEB memory.Addr
}

// Source is what the searches of this package work on.
type Source struct {
	Space   *memory.Space
	Threads []Thread
	Bits    int // pointer size of the dumping system, 32 or 64: that of the TEBs
}

// pebBytes is how much of a PEB is read: up to OSBuildNumber on x64.
const pebBytes = 0x124

// PEBs returns the process environment blocks: the native one and, under
// WOW64, the 32-bit one, which comes first since it is the program's own.
func PEBs(s Source, sink diag.Sink) []PEB {
	var out []PEB
	seen := map[memory.Addr]bool{}
	add := func(at memory.Addr, bits int, via string) {
		if at == 0 || seen[at] {
			return
		}
		seen[at] = true
		p, ok := s.readPEB(at, bits)
		if !ok {
			sink.Put(diag.Problem{Code: CodePEBMissing, Class: diag.Incomplete, At: diag.At(at), Object: "_PEB",
				Got: fmt.Sprintf("%v: %v", at, s.Space.Why(at))})
			return
		}
		p.Via = via
		out = append(out, p)
	}
	for _, t := range s.Threads {
		if t.TEB == 0 || s.Bits == 0 {
			continue
		}
		if s.Bits == 64 {
			if teb32 := s.wowTEB(t.TEB); teb32 != 0 {
				peb, _ := s.Space.Pointer(teb32+0x30, 32)
				add(peb, 32, fmt.Sprintf("32-bit TEB %v of thread %d", teb32, t.ID))
			}
		}
		peb, ok := s.nativePEB(t, sink)
		if ok {
			add(peb, s.Bits, fmt.Sprintf("TEB %v of thread %d", t.TEB, t.ID))
		}
	}
	if len(out) == 0 {
		why := "no thread's TEB is in the dump"
		if len(s.Threads) == 0 {
			why = "the dump has no threads"
		}
		sink.Put(diag.Problem{Code: CodePEBMissing, Class: diag.Incomplete, Object: "_PEB", Got: why})
	}
	return out
}

// nativePEB follows a thread's TEB, if its Self pointer proves it to be one.
func (s Source) nativePEB(t Thread, sink diag.Sink) (memory.Addr, bool) {
	self, peb := memory.Addr(0x18), memory.Addr(0x30)
	if s.Bits == 64 {
		self, peb = 0x30, 0x60
	}
	got, err := s.Space.Pointer(t.TEB+self, s.Bits)
	if err != nil {
		return 0, false
	}
	if got != t.TEB {
		sink.Put(diag.Problem{Code: CodeTEB, Class: diag.Corrupt, At: diag.At(t.TEB + self), Object: "_TEB", Field: "NtTib.Self",
			Want: fmt.Sprintf("%v", t.TEB), Got: fmt.Sprintf("%v", got)})
		return 0, false
	}
	at, err := s.Space.Pointer(t.TEB+peb, s.Bits)
	return at, err == nil
}

// wowTEB returns the 32-bit TEB of a WOW64 thread, 0 when it is none. The
// first field of the 64-bit one points at it; it lies 0x2000 further, or
// where WowTebOffset says (Windows 10 and later). Confirmed on dumps of
// Windows 7 and 10; its own Self pointer has to agree.
func (s Source) wowTEB(teb memory.Addr) memory.Addr {
	at, err := s.Space.Pointer(teb, 64)
	if err != nil || at == 0 || at > 0xffffffff {
		at = teb + 0x2000
	}
	if self, err := s.Space.Pointer(at+0x18, 32); err != nil || self != at {
		return 0
	}
	return at
}

// readPEB reads as much of the PEB at a as the dump holds, which has to reach
// its ProcessHeap at least.
func (s Source) readPEB(a memory.Addr, bits int) (PEB, bool) {
	raw := s.prefix(a, pebBytes)
	p := PEB{Address: a, Bits: bits, Bytes: uint64(len(raw))}
	get := func(off32, off64, n32, n64 int) uint64 {
		off, n := off32, n32
		if bits == 64 {
			off, n = off64, n64
		}
		if off+n > len(raw) {
			return 0
		}
		switch n {
		case 2:
			return uint64(binary.LittleEndian.Uint16(raw[off:]))
		case 4:
			return uint64(binary.LittleEndian.Uint32(raw[off:]))
		}
		return binary.LittleEndian.Uint64(raw[off:])
	}
	ptr := func(off32, off64 int) memory.Addr { return memory.Addr(get(off32, off64, 4, 8)) }
	u32 := func(off32, off64 int) uint32 { return uint32(get(off32, off64, 4, 4)) }
	p.ImageBaseAddress, p.Ldr, p.ProcessParameters = ptr(0x8, 0x10), ptr(0xc, 0x18), ptr(0x10, 0x20)
	p.ProcessHeap, p.ReadOnlySharedMemoryBase = ptr(0x18, 0x30), ptr(0x4c, 0x88)
	p.NtGlobalFlag = u32(0x68, 0xbc)
	p.HeapSegmentReserve, p.HeapSegmentCommit = get(0x78, 0xc8, 4, 8), get(0x7c, 0xd0, 4, 8)
	p.HeapDeCommitTotalFreeThreshold, p.HeapDeCommitFreeBlockThreshold = get(0x80, 0xd8, 4, 8), get(0x84, 0xe0, 4, 8)
	p.NumberOfHeaps, p.MaximumNumberOfHeaps, p.ProcessHeaps = u32(0x88, 0xe8), u32(0x8c, 0xec), ptr(0x90, 0xf0)
	p.OSMajorVersion, p.OSMinorVersion, p.OSBuildNumber = u32(0xa4, 0x118), u32(0xa8, 0x11c), uint16(get(0xac, 0x120, 2, 2))
	p.ImagePath, p.CommandLine = s.parameters(p.ProcessParameters, bits)
	return p, len(raw) >= bits*7/8 // up to and with ProcessHeap
}

// prefix returns up to n bytes at a, as many as are there without a gap.
func (s Source) prefix(a memory.Addr, n uint64) []byte {
	if b, err := s.Space.View(a, n); err == nil {
		return b
	}
	b := s.Space.Tail(a)
	return b[:min(uint64(len(b)), n)]
}

// parameters reads ImagePathName and CommandLine of the process parameters
// (offsets alike from XP to 11; public symbols).
func (s Source) parameters(a memory.Addr, bits int) (image, command string) {
	if a == 0 {
		return "", ""
	}
	if bits == 32 {
		return s.unicodeString(a+0x38, bits), s.unicodeString(a+0x40, bits)
	}
	return s.unicodeString(a+0x60, bits), s.unicodeString(a+0x70, bits)
}

// unicodeString reads the text of a UNICODE_STRING {Length u16 in bytes,
// MaximumLength u16, Buffer}; empty when a part of it is not in the dump.
func (s Source) unicodeString(a memory.Addr, bits int) string {
	n, err := s.Space.U16(a)
	if err != nil {
		return ""
	}
	buf, err := s.Space.Pointer(a.Add(uint64(bits)/8), bits)
	if err != nil {
		return ""
	}
	b, err := s.Space.View(buf, uint64(n)&^1)
	if err != nil {
		return ""
	}
	u := make([]uint16, len(b)/2)
	for i := range u {
		u[i] = binary.LittleEndian.Uint16(b[2*i:])
	}
	return string(utf16.Decode(u))
}
