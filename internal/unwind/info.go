package unwind

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/heapdump/heapdump/internal/symbols"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/peimage"
)

// The operations of unwind codes, as Microsoft's "x64 exception handling"
// documents them. Operation 6 saved 8 bytes of an XMM register in images of
// version 1, which were never common; version 2 (Windows 8 and later) uses it
// for the places of epilogues.
const (
	opPush         = 0 // UWOP_PUSH_NONVOL
	opAllocLarge   = 1
	opAllocSmall   = 2
	opSetFrame     = 3 // UWOP_SET_FPREG
	opSave         = 4 // UWOP_SAVE_NONVOL
	opSaveFar      = 5
	opEpilogue     = 6 // UWOP_EPILOG, in version 1 UWOP_SAVE_XMM
	opSpare        = 7 // in version 1 UWOP_SAVE_XMM_FAR
	opSaveXMM      = 8 // UWOP_SAVE_XMM128
	opSaveXMMFar   = 9
	opMachineFrame = 10 // UWOP_PUSH_MACHFRAME
	flagChained    = 4  // UNW_FLAG_CHAININFO
	functionSize   = 12 // RUNTIME_FUNCTION
	maxParts       = 32 // of a chain of a function's parts: compilers make one or two
	machineX64     = 0x8664
	infoHeader     = 4
)

// op is one decoded unwind code.
type op struct {
	at   uint32 // offset in the prologue of the end of its instruction
	code byte
	info byte   // a register, or what the operation makes of it
	size uint32 // bytes that were allocated, or the offset of a save
}

// info is an UNWIND_INFO.
type info struct {
	prologue uint32 // its length
	register byte   // frame register; 0 is none
	offset   uint64 // of the frame register from the stack pointer, bytes
	ops      []op
	chained  bool
	next     memory.Addr // of the RUNTIME_FUNCTION behind the codes, when chained
	epilogue uint32      // version 2: length of its epilogues; 0 when not told
	ends     []uint32    // version 2: how far before the function's end they begin
}

// data is the exception directory of an image, or a table that a program
// registered for code that it made when it ran.
type data struct {
	holds   memory.Range // the image; of a table all that its offsets reach. Offsets count from its start
	file    string
	table   memory.Range
	entries []byte // of a registered table, which is in the dump's FunctionTable stream and need not be sorted
	space   *memory.Space
}

// dataOf returns the exception directory of an x64 module, which is empty when
// all its functions are leaves; false when it is no x64 image.
func (u *Unwinder) dataOf(m *symbols.Module) (data, bool) {
	if m == nil || m.Image == nil || m.Image.Machine != machineX64 {
		return data{}, false
	}
	t := m.Image.Directory(peimage.DirException)
	return data{holds: m.Image.Range, file: m.File, table: t, space: u.space}, true
}

// registered returns the table that the process registered with ntdll for the
// code at a (RtlAddFunctionTable and its like), of those that the writer of the
// dump saved: the FunctionTable stream.
func (u *Unwinder) registered(a memory.Addr) (data, bool) {
	for _, t := range u.tables {
		if t.Contains(a) && t.Base <= a && t.EntrySize == functionSize {
			return data{holds: t.Base.Span(math.MaxUint32), file: "code made at run time", entries: t.Entries, space: u.space}, true
		}
	}
	return data{}, false
}

// listed is find in a registered table.
func (d data) listed(rva uint32) (f peimage.Function, ok bool, end *stop) {
	le := binary.LittleEndian
	for b := d.entries; len(b) >= functionSize; b = b[functionSize:] {
		if begin, end := le.Uint32(b), le.Uint32(b[4:]); rva >= begin && rva < end {
			g, stop := d.direct(peimage.Function{Begin: begin, End: end, Unwind: le.Uint32(b[8:])})
			return g, stop == nil, stop
		}
	}
	return f, false, nil
}

// read reads the RUNTIME_FUNCTION at a, which must be in the image.
func (d data) read(a memory.Addr) (peimage.Function, *stop) {
	if !d.holds.Holds(a.Span(functionSize)) {
		return peimage.Function{}, stopf(BadData, "unwind data leads to %v, outside the image %v", a, d.holds)
	}
	b, err := d.space.View(a, functionSize)
	if err != nil {
		return peimage.Function{}, missing("unwind data of "+d.file, err)
	}
	le := binary.LittleEndian
	return peimage.Function{Begin: le.Uint32(b), End: le.Uint32(b[4:]), Unwind: le.Uint32(b[8:])}, nil
}

// find returns the function, or part of one, that has the code at rva; false
// when none has, which makes it a leaf. Only the entries that a search meets
// need be in the dump.
func (d data) find(rva uint32) (f peimage.Function, ok bool, end *stop) {
	if d.entries != nil {
		return d.listed(rva)
	}
	lo, hi := uint64(0), d.table.Size()/functionSize
	for lo < hi {
		mid := (lo + hi) / 2
		g, end := d.read(d.table.Start.Add(mid * functionSize))
		if end != nil {
			return f, false, end
		}
		switch {
		case rva < g.Begin, g == peimage.Function{}:
			hi = mid
		case rva >= g.End:
			lo = mid + 1
		default:
			g, end = d.direct(g)
			return g, end == nil, end
		}
	}
	if d.table.Size() < functionSize {
		return f, false, nil
	}
	first, end := d.read(d.table.Start)
	if end == nil && first == (peimage.Function{}) {
		end = stopf(Missing, "the exception directory of %s is blank in the dump", d.file)
	}
	return f, false, end
}

// direct follows an indirect entry to the one that it names (bit 0 of its
// unwind data; RUNTIME_FUNCTION_INDIRECT).
func (d data) direct(f peimage.Function) (peimage.Function, *stop) {
	for range maxParts {
		if f.Unwind&1 == 0 {
			return f, nil
		}
		g, end := d.read(d.holds.Start.Add(uint64(f.Unwind &^ 1)))
		if end != nil {
			return f, end
		}
		f = g
	}
	return f, stopf(BadData, "indirect unwind data of the function at %v has no end", d.holds.Start.Add(uint64(f.Begin)))
}

// parse reads the unwind information of a function.
func (d data) parse(f peimage.Function) (info, *stop) {
	a := d.holds.Start.Add(uint64(f.Unwind))
	what := fmt.Sprintf("the unwind data of the function at %v", d.holds.Start.Add(uint64(f.Begin)))
	if !d.holds.Holds(a.Span(infoHeader)) {
		return info{}, stopf(BadData, "%s is at %v, outside the image", what, a)
	}
	head, err := d.space.View(a, infoHeader)
	if err != nil {
		return info{}, missing(what, err)
	}
	version, flags := head[0]&7, head[0]>>3
	if version != 1 && version != 2 {
		return info{}, stopf(BadData, "%s has version %d, only 1 and 2 are known", what, version)
	}
	b, err := d.space.View(a+infoHeader, 2*uint64(head[2]))
	if err != nil {
		return info{}, missing(what, err)
	}
	i := info{prologue: uint32(head[1]), register: head[3] & 15, offset: uint64(head[3]>>4) * 16, chained: flags&flagChained != 0}
	i.next = a.Add(infoHeader + 2*((uint64(head[2])+1)&^1))
	if version == 2 {
		b = i.epilogues(b)
	}
	if i.ops, err = decode(b); err != nil {
		return info{}, stopf(BadData, "%s: %v", what, err)
	}
	return i, nil
}

// epilogues takes the codes that say where epilogues are from the front of
// those of version 2, and returns the others. The first has the length of all
// of them, and in bit 0 of its operand whether one is at the function's end;
// each other one how far before the end an epilogue begins, in 12 bits. One of
// 0 fills them up to an even number. (Not in Microsoft's documentation;
// inferred from images of Windows 10 and how public tools print them. It is
// used only to accept an epilogue whose last instruction is not known.)
func (i *info) epilogues(b []byte) []byte {
	n := 0
	for ; len(b) >= 2 && b[1]&15 == opEpilogue; b, n = b[2:], n+1 {
		low, high := uint32(b[0]), uint32(b[1]>>4)
		switch {
		case n > 0 && (low != 0 || high != 0):
			i.ends = append(i.ends, low|high<<8)
		case n == 0:
			i.epilogue = low
			if high&1 != 0 {
				i.ends = append(i.ends, low)
			}
		}
	}
	if n%2 == 1 && len(b) >= 2 && b[0] == 0 && b[1] == 0 {
		b = b[2:]
	}
	return b
}

// decode decodes unwind codes.
func decode(b []byte) ([]op, error) {
	out := make([]op, 0, len(b)/2)
	le := binary.LittleEndian
	for at := 0; at < len(b); {
		o := op{at: uint32(b[at]), code: b[at+1] & 15, info: b[at+1] >> 4}
		slots := slotsOf(o)
		if slots == 0 {
			return nil, fmt.Errorf("unwind code %d with operand %d is not known", o.code, o.info)
		}
		if 2*slots > len(b)-at {
			return nil, fmt.Errorf("the last unwind code needs %d slots, %d are left", slots, (len(b)-at)/2)
		}
		switch arg := b[at+2:]; {
		case o.code == opAllocSmall:
			o.size = uint32(o.info)*8 + 8
		case o.code == opAllocLarge && o.info == 0, o.code == opSave:
			o.size = uint32(le.Uint16(arg)) * 8
		case o.code == opAllocLarge, o.code == opSaveFar:
			o.size = le.Uint32(arg)
		}
		out = append(out, o)
		at += 2 * slots
	}
	return out, nil
}

// slotsOf is how many slots of two bytes a code takes; 0 when it is not known.
func slotsOf(o op) int {
	switch o.code {
	case opPush, opAllocSmall, opSetFrame:
		return 1
	case opSave, opSaveXMM, opEpilogue:
		return 2
	case opSaveFar, opSaveXMMFar, opSpare:
		return 3
	case opMachineFrame:
		if o.info <= 1 {
			return 1
		}
	case opAllocLarge:
		if o.info <= 1 {
			return 2 + int(o.info)
		}
	}
	return 0
}
