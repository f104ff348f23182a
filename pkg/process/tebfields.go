package process

import (
	"encoding/binary"

	"github.com/heapdump/heapdump/pkg/memory"
)

// ThreadBlock is the fields of a _TEB that say something of its thread. What
// the dump lacks is 0 and means nothing: see Knows.
type ThreadBlock struct {
	Address memory.Addr
	Bits    int

	ExceptionList, StackBase, StackLimit      memory.Addr
	SubSystemTib, FiberData, ArbitraryPointer memory.Addr
	Self, EnvironmentPointer                  memory.Addr
	ProcessID, ThreadID                       uint64
	RealProcessID, RealThreadID               uint64
	RPCHandle, TLSPointer, PEB                memory.Addr
	LastError, LastStatus                     uint32
	OwnedLocks, HardErrorMode                 uint32
	DeallocationStack                         memory.Addr

	known map[string]bool
}

// threadFields places the fields of the TEB by their Windows names (public
// symbols; the same from XP to 11).
var threadFields = map[string]place{
	"ExceptionList": {0x0, 0x0, 4, 8}, "StackBase": {0x4, 0x8, 4, 8}, "StackLimit": {0x8, 0x10, 4, 8}, "SubSystemTib": {0xc, 0x18, 4, 8},
	"FiberData": {0x10, 0x20, 4, 8}, "ArbitraryUserPointer": {0x14, 0x28, 4, 8}, "Self": {0x18, 0x30, 4, 8},
	"EnvironmentPointer": {0x1c, 0x38, 4, 8}, "ClientId.UniqueProcess": {0x20, 0x40, 4, 8}, "ClientId.UniqueThread": {0x24, 0x48, 4, 8},
	"ActiveRpcHandle": {0x28, 0x50, 4, 8}, "ThreadLocalStoragePointer": {0x2c, 0x58, 4, 8}, "ProcessEnvironmentBlock": {0x30, 0x60, 4, 8},
	"LastErrorValue": {0x34, 0x68, 4, 4}, "CountOfOwnedCriticalSections": {0x38, 0x6c, 4, 4},
	"RealClientId.UniqueProcess": {0x6b4, 0x7d8, 4, 8}, "RealClientId.UniqueThread": {0x6b8, 0x7e0, 4, 8},
	"LastStatusValue": {0xbf4, 0x1250, 4, 4}, "DeallocationStack": {0xe0c, 0x1478, 4, 8}, "HardErrorMode": {0xf28, 0x16b0, 4, 4},
}

// Knows reports whether the dump holds the field of the given Windows name.
func (t ThreadBlock) Knows(field string) bool { return t.known[field] }

// Whole reports whether the dump holds all fields.
func (t ThreadBlock) Whole() bool { return len(t.known) == len(threadFields) }

// ReadThreadBlock reads the TEB at an address, which may be in the dump in
// parts; false when the dump has none of its fields.
func (s Source) ReadThreadBlock(a memory.Addr, bits int) (ThreadBlock, bool) {
	t := ThreadBlock{Address: a, Bits: bits, known: map[string]bool{}}
	get := func(name string) uint64 {
		off, n := threadFields[name].of(bits)
		b, err := s.Space.View(a.Add(uint64(off)), uint64(n))
		if err != nil {
			return 0
		}
		t.known[name] = true
		if n == 4 {
			return uint64(binary.LittleEndian.Uint32(b))
		}
		return binary.LittleEndian.Uint64(b)
	}
	ptr := func(name string) memory.Addr { return memory.Addr(get(name)) }
	t.ExceptionList, t.StackBase, t.StackLimit = ptr("ExceptionList"), ptr("StackBase"), ptr("StackLimit")
	t.SubSystemTib, t.FiberData, t.ArbitraryPointer = ptr("SubSystemTib"), ptr("FiberData"), ptr("ArbitraryUserPointer")
	t.Self, t.EnvironmentPointer = ptr("Self"), ptr("EnvironmentPointer")
	t.ProcessID, t.ThreadID = get("ClientId.UniqueProcess"), get("ClientId.UniqueThread")
	t.RealProcessID, t.RealThreadID = get("RealClientId.UniqueProcess"), get("RealClientId.UniqueThread")
	t.RPCHandle, t.TLSPointer, t.PEB = ptr("ActiveRpcHandle"), ptr("ThreadLocalStoragePointer"), ptr("ProcessEnvironmentBlock")
	t.LastError, t.LastStatus = uint32(get("LastErrorValue")), uint32(get("LastStatusValue"))
	t.OwnedLocks, t.HardErrorMode = uint32(get("CountOfOwnedCriticalSections")), uint32(get("HardErrorMode"))
	t.DeallocationStack = ptr("DeallocationStack")
	return t, len(t.known) > 0
}

// ThreadBlocks returns the TEBs of a thread: its own, and of a WOW64 thread
// the 32-bit one behind it; none when the dump holds none that proves to be
// one by its Self pointer.
func (s Source) ThreadBlocks(th Thread) []ThreadBlock {
	r := pebReader{Source: s, sink: nil}
	if th.TEB == 0 {
		return nil
	}
	bits, ok := r.width(th)
	if !ok {
		return nil
	}
	var out []ThreadBlock
	add := func(a memory.Addr, bits int) {
		if t, ok := s.ReadThreadBlock(a, bits); ok {
			out = append(out, t)
		}
	}
	add(th.TEB, bits)
	if bits == 64 {
		if low := s.wowTEB(th.TEB); low != 0 {
			add(low, 32)
		}
	}
	return out
}

// contextX86 is the size of a CONTEXT of x86, and contextBit the bit that its
// ContextFlags have.
const (
	contextX86 = 0x2cc
	contextBit = 0x10000
)

// WOW64Context returns the 32-bit CONTEXT record of a WOW64 thread, which
// TlsSlots[1] of its 64-bit TEB leads to; nil when the dump has none. The
// record begins 4 bytes into what the slot points at, behind {Flags u16,
// Machine u16} (confirmed on dumps of Windows 10; before, the prefix may be
// absent: inferred, and checked by its flags).
func (s Source) WOW64Context(teb memory.Addr) []byte {
	p, err := s.Space.Pointer(teb+0x1488, 64)
	if err != nil || p == 0 {
		return nil
	}
	for _, off := range [...]memory.Addr{4, 0} {
		flags, err := s.Space.U32(p + off)
		if err != nil || flags&contextBit == 0 || flags&^0x1ffff != 0 {
			continue
		}
		b, err := s.Space.View(p+off, contextX86)
		if err != nil {
			continue
		}
		eip, esp := binary.LittleEndian.Uint32(b[0xb8:]), binary.LittleEndian.Uint32(b[0xc4:])
		if eip >= 0x10000 && esp >= 0x10000 {
			return b
		}
	}
	return nil
}
