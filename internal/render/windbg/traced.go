package windbg

import (
	"fmt"
	"io"
	"strings"
)

// TracedBlock is what !heap -p -a prints of a block of an NT heap.
type TracedBlock struct {
	Bits          int
	Address, Heap uint64
	Entry, User   uint64
	Units         uint64 // of the block; of a virtual one its CommitSize in units
	UserBytes     uint64
	Free, Delayed bool // Delayed: light page heap keeps it after its free
	Virtual       bool
	Stack         []string // its lines, without indentation
}

// WriteTracedBlock writes the form of !heap -p -a for blocks of NT heaps. As
// in all that was published, Prev and Flags are 0 here, whatever the entry
// says.
func WriteTracedBlock(w io.Writer, b TracedBlock) error {
	p := &printer{w: w}
	p.line("    address " + pointer(b.Address, b.Bits) + " found in")
	p.line(fmt.Sprintf("    _HEAP @ %x", b.Heap))
	gap := ""
	if b.Bits == 64 {
		gap = "        "
	}
	p.line("      " + gap + "HEAP_ENTRY Size Prev Flags    " + gap + "UserPtr UserSize - state")
	state := "busy"
	switch {
	case b.Delayed:
		state = "free DelayedFree"
	case b.Free:
		state = "free"
	case b.Virtual:
		state = "busy VirtualAlloc"
	}
	p.line(fmt.Sprintf("        %s %04x 0000  [00]   %s    %05x - (%s)", pointer(b.Entry, b.Bits), b.Units, pointer(b.User, b.Bits), b.UserBytes, state))
	for _, s := range b.Stack {
		p.line("        " + s)
	}
	p.line("")
	return p.err
}

// TracedFrame is a line of a stack in the form of !heap -p -a for NT heaps,
// which does not pad the address: module!symbol and the offset from it, the
// module and the offset in it where there is no symbol, and the address again
// where no module is.
func TracedFrame(bits int, at uint64, module, symbol string, offset uint64) string {
	if module == "" {
		offset = at
	}
	return fmt.Sprintf("%x %s+0x%s", at, placeName(module, symbol), pointer(offset, bits))
}

// placeName is module!symbol, or the module alone.
func placeName(module, symbol string) string {
	if symbol == "" {
		return moduleName(module)
	}
	return moduleName(module) + "!" + symbol
}

// moduleName is the debugger's name of a module: its file name without the
// extension, and with underscores for what no identifier has.
func moduleName(file string) string {
	if i := strings.LastIndexByte(file, '.'); i > 0 {
		file = file[:i]
	}
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(".-+ ", r) {
			return '_'
		}
		return r
	}, file)
}
