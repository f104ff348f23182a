package attrib

import (
	"encoding/binary"
	"strings"

	"github.com/heapdump/heapdump/pkg/memory"
)

// systemShape recognises structures of Windows and of the C runtimes that
// their own pointers prove, without more of the program.
func (w *worker) systemShape(x *subject) (shape, bool) {
	switch {
	case w.isException(x):
		return cppException, true
	case w.isCriticalSection(x):
		return criticalSection, true
	case w.isThreadPool(x):
		return threadPool, true
	case w.poolHandles(x):
		return pool, true
	case w.isBalanced(x):
		return balancedNode, true
	case w.isParameters(x):
		return parameters, true
	case w.isStrings(x):
		return ownStrings, true
	case w.isOwnText(x):
		return ownText, true
	}
	return noShape, false
}

// What an EXCEPTION_RECORD of a C++ exception holds (published with the
// compiler's headers): the code, and as its first parameter the version of
// what the others lead to.
const (
	cppCode  = 0xe06d7363
	cppFirst = 0x19930520
	cppLast  = 0x19930522
)

// isException recognises an EXCEPTION_RECORD of a thrown C++ object, or what
// begins with one.
func (w *worker) isException(x *subject) bool {
	b, _ := w.bytesOf(x)
	if len(b) < 24 || binary.LittleEndian.Uint32(b) != cppCode {
		return false
	}
	width := x.heap.Bits / 8
	at := 8 + 2*width // ExceptionRecord, ExceptionAddress
	if len(b) < at+2*width+width {
		return false
	}
	n := binary.LittleEndian.Uint32(b[at:])
	first, _ := wordOf(b[at+width:], 0, x.heap.Bits)
	return (n == 3 || n == 4) && first >= cppFirst && first <= cppLast
}

// isCriticalSection recognises a block that begins with an
// RTL_CRITICAL_SECTION: its debug information points back to it (winnt.h). What
// is smaller is none, which is told before any other page is looked at.
func (w *worker) isCriticalSection(x *subject) bool {
	debug, ok := w.word(x, 0)
	self := uint64(x.user)
	return ok && x.userBytes >= sectionBytes(x.heap.Bits) && debug != 0 && debug != self && w.points(debug, 1, self, x.heap.Bits) && func() bool {
		kind := w.at(debug)
		return len(kind) >= 2 && binary.LittleEndian.Uint16(kind) <= 1
	}()
}

// sectionBytes is the size of an RTL_CRITICAL_SECTION: a pointer, two LONGs,
// two handles and a count of the pointer's size (winnt.h).
func sectionBytes(bits int) uint64 {
	if bits == 32 {
		return 24
	}
	return 40
}

// isThreadPool recognises an object of ntdll's thread pool: a count of
// references, a table of functions in ntdll, then a clean-up group, two
// callbacks, and a link that its neighbours point back to. (Seen on Windows
// 10.0.11082, x86; the order of the words is that of x64 by public symbols.)
func (w *worker) isThreadPool(x *subject) bool {
	count, _ := w.word(x, 0)
	table, ok := w.word(x, 1)
	if !ok || count == 0 || count > 1<<16 || table == 0 {
		return false
	}
	m := w.stacks.Names.Module(memory.Addr(table))
	if m == nil || !strings.EqualFold(m.File, "ntdll.dll") {
		return false
	}
	c := w.types.TypeOf(memory.Addr(table), x.heap.Bits)
	return c != nil && w.linked(x, 5)
}

// linked reports whether the words from the i-th on are a link of a list, or
// the head of one, whose neighbours point back to it.
func (w *worker) linked(x *subject, i int) bool {
	next, _ := w.word(x, i)
	prev, ok := w.word(x, i+1)
	self := uint64(x.user) + uint64(i*x.heap.Bits/8)
	return ok && next != 0 && prev != 0 && w.points(next, 1, self, x.heap.Bits) && w.points(prev, 0, self, x.heap.Bits)
}

// maxClimb bounds the way up a balanced tree: no process has one as high.
const maxClimb = 64

// isBalanced recognises a node of a balanced tree of Windows
// (RTL_BALANCED_NODE, public symbols): left, right, and the parent with two
// bits of balance, where all that there are lead back. A chain could be one of
// nodes with another order of links, so on the way up to the root there has to
// be a node with two children.
func (w *worker) isBalanced(x *subject) bool {
	at, bits, fork := uint64(x.user), x.heap.Bits, false
	for range maxClimb {
		both, up, ok := w.balanced(at, bits, fork)
		if !ok {
			return false
		}
		if fork = fork || both; up == 0 {
			return fork
		}
		at = up
	}
	return false
}

// balanced checks the links of one node, and returns its parent and whether it
// has two children. fork says that a node below it has: else a root without
// two is none.
func (w *worker) balanced(at uint64, bits int, fork bool) (both bool, parent uint64, ok bool) {
	const left, right, above = 0, 1, 2
	var link [3]uint64
	for i := range link {
		if link[i], ok = w.wordAt(at, i, bits); !ok {
			return false, 0, false
		}
	}
	parent, both = link[above]&^3, link[left] != 0 && link[right] != 0 && link[left] != link[right]
	if parent == 0 && !both && !fork { // a root that no node with two children led to
		return false, 0, false
	}
	for _, child := range link[:above] {
		if child == 0 {
			continue
		}
		if !w.starts(child) { // the index costs less than the child's page
			return false, 0, false
		}
		if p, ok := w.wordAt(child, above, bits); !ok || p&^3 != at {
			return false, 0, false
		}
	}
	if parent != 0 && (!w.starts(parent) || !w.points(parent, left, at, bits) && !w.points(parent, right, at, bits)) {
		return false, 0, false
	}
	return both, parent, true
}

// isStrings recognises an array of pointers, ended by a null, to texts that
// follow it in the same block one after another: what the C runtimes make of
// the command line and of the environment.
func (w *worker) isStrings(x *subject) bool {
	b, n := w.bytesOf(x)
	width := uint64(x.heap.Bits / 8)
	first, ok := w.word(x, 0)
	self := uint64(x.user)
	if !ok || first < self+2*width || first-self >= n || (first-self)%width != 0 {
		return false
	}
	pointers := (first-self)/width - 1 // and the null
	tail := w.at(self)
	if n > uint64(len(tail)) || pointers > uint64(len(b))/width {
		return false
	}
	next := first
	for i := range int(pointers) {
		p, ok := w.word(x, i)
		if !ok || p != next {
			return false
		}
		size := textLength(tail[p-self : n])
		if size == 0 {
			return false
		}
		next = p + size
		if i+1 < int(pointers) && next-self >= n {
			return false
		}
	}
	end, ok := w.word(x, int(pointers))
	return ok && end == 0
}

// textLength is the size of printable text, one byte a character or two, that
// ends in a NUL, the NUL included; 0 of anything else.
func textLength(b []byte) uint64 {
	unit := 1
	if len(b) > 1 && b[0] != 0 && b[1] == 0 {
		unit = 2
	}
	for i := 0; i+unit <= len(b); i += unit {
		switch c := b[i]; {
		case unit == 2 && b[i+1] != 0:
		case c == 0 && i > 0:
			return uint64(i + unit)
		case c < 0x20 && c != '\t' || c == 0x7f:
			return 0
		}
	}
	return 0
}

// maxHead is how many words are looked at for a UNICODE_STRING.
const maxHead = 16

// isOwnText recognises a structure with a UNICODE_STRING, or an ANSI_STRING,
// whose text stands in the same block: length, room, and the pointer, all of
// which fit.
func (w *worker) isOwnText(x *subject) bool {
	b, n := w.bytesOf(x)
	width, self := x.heap.Bits/8, uint64(x.user)
	for i := 0; i < maxHead && (i+2)*width <= len(b); i++ {
		p, _ := wordOf(b, i+1, x.heap.Bits)
		off := p - self
		if off >= n || off < uint64((i+2)*width) {
			continue
		}
		head := b[i*width:]
		length, room := uint64(binary.LittleEndian.Uint16(head)), uint64(binary.LittleEndian.Uint16(head[2:]))
		if width == 8 && binary.LittleEndian.Uint32(head[4:]) != 0 || length < 8 || room <= length || n-off < room {
			continue
		}
		text := w.at(p)
		if uint64(len(text)) < length+2 {
			continue
		}
		if size := textLength(text[:length+2]); size == length+2 || size == length+1 {
			return true
		}
	}
	return false
}
