package attrib

import (
	"encoding/binary"

	"github.com/heapdump/heapdump/internal/analysis/content"
	"github.com/heapdump/heapdump/pkg/memory"
)

// shape is a part of a container or another structure that its pointers prove.
// The layouts of the standard library's are those of Microsoft's since Visual
// Studio 2010 (published with its headers), without iterator debugging.
type shape uint8

// The shapes.
const (
	noShape shape = iota
	criticalSectionDebug
	hstring
	treeNode
	listNode
	beginsString
	beginsWString
	beginsVector
	pointers
	cppException
	criticalSection
	threadPool
	balancedNode
	ownStrings
	ownText
	pool
	records
	parameters
	environment
	hashNode
	hashBuckets
)

// String names the shape.
func (s shape) String() string {
	return [...]string{"unknown", "critical section's debug information", "HSTRING", "std::map or set node", "doubly linked list node",
		"object that begins with a std::string", "object that begins with a std::wstring", "object that begins with a std::vector", "array of pointers",
		"exception record of a C++ exception", "object that begins with a critical section", "thread pool object", "node of a balanced tree (RTL_BALANCED_NODE)",
		"array of pointers to texts behind it", "structure with a string of its own (UNICODE_STRING)",
		"thread pool (TP_POOL)", "array of records with pointers",
		"process parameters", "environment", "std::unordered_map or set node", "std::unordered_map or set buckets"}[s]
}

func (s shape) evidence() string {
	return [...]string{"",
		"it points to a critical section that points back to it (_RTL_CRITICAL_SECTION_DEBUG)",
		"its pointer leads to its own text, whose length it says and which ends in a NUL",
		"left, parent and right node lead to each other, with a colour and an end mark of 0 or 1",
		"its next node points back to it, and so does the one before (std::list, LIST_ENTRY)",
		"size, capacity and text of a string agree",
		"size, capacity and text of a wide string agree",
		"three pointers in order into one block, which begins at the first",
		"nearly every word is an address in a block in use or in a module",
		"the code 0xe06d7363 and, as its first parameter, the version of C++ exceptions",
		"its first pointer leads to debug information of a critical section, which points back to it",
		"a count of references, a table of functions of ntdll, and a link that its neighbours point back to",
		"its left and right node lead back to it, and its parent to it",
		"pointers in order to texts that follow one another in the block, then a null",
		"a length, a room and a pointer to text of that length in the block itself",
		"handles of a TpWorkerFactory and of an IoCompletion side by side, behind a count of references",
		"its words repeat in rows: columns of addresses in blocks and modules, and columns without any",
		"its size twice, and behind each other the UNICODE_STRINGs of an image's path and a command line, whose texts are in the block (RTL_USER_PROCESS_PARAMETERS)",
		"UTF-16 texts NAME=value one after another, and an empty one behind the last",
		"it is in the list of a hash table, whose length, buckets and their number agree with it",
		"a hash table points to it, whose list, length and number of buckets agree with it",
	}[s]
}

func (s shape) confidence() content.Confidence {
	switch s {
	case beginsVector, listNode, pointers, threadPool, balancedNode, criticalSection, records:
		return content.Medium
	}
	return content.High
}

// word returns the i-th pointer-sized word of the program's bytes.
func (w *worker) word(x *subject, i int) (uint64, bool) {
	if i < x.heads && i < len(x.head) {
		return x.head[i], true
	}
	return w.wordIn(x, i)
}

func (w *worker) wordIn(x *subject, i int) (uint64, bool) {
	b, _ := w.bytesOf(x)
	return wordOf(b, i, x.heap.Bits)
}

func wordOf(b []byte, i, bits int) (uint64, bool) {
	width := bits / 8
	if width == 0 || (i+1)*width > len(b) {
		return 0, false
	}
	if width == 4 {
		return uint64(binary.LittleEndian.Uint32(b[4*i:])), true
	}
	return binary.LittleEndian.Uint64(b[8*i:]), true
}

// at returns the bytes at an address of the process, as many as the dump has.
func (w *worker) at(a uint64) []byte { return w.t.Space.Tail(memory.Addr(a)) }

// wordAt returns the i-th word at an address: of the bytes that have been read
// ahead where they are, since a mapping costs a page fault for each page.
func (w *worker) wordAt(at uint64, i, bits int) (uint64, bool) {
	b, ok := w.window.Held(memory.Addr(at), uint64((i+1)*bits/8))
	if !ok {
		b = w.at(at)
	}
	return wordOf(b, i, bits)
}

// points reports whether the i-th word at an address is v.
func (w *worker) points(at uint64, i int, v uint64, bits int) bool {
	got, ok := w.wordAt(at, i, bits)
	return ok && got == v
}

// ownShape recognises structures whose proof does not need the index.
func (w *worker) ownShape(x *subject) (shape, bool) {
	self, width := uint64(x.user), uint64(x.heap.Bits/8)
	// A USHORT type, a USHORT index, then the pointer to the section, whose
	// first member is the pointer back (winnt.h).
	if cs, ok := w.word(x, 1); ok && cs != 0 && x.userBytes >= 6*width && w.points(cs, 0, self, x.heap.Bits) {
		if first, _ := w.word(x, 0); first&0xffff <= 1 {
			return criticalSectionDebug, true
		}
	}
	if w.isHString(x, self) {
		return hstring, true
	}
	return noShape, false
}

// isHString recognises a heap-allocated HSTRING: flags, length and two words
// of padding, the pointer to the text, a reference count, and the text (seen;
// undocumented, and so held to all of it).
func (w *worker) isHString(x *subject, self uint64) bool {
	b, n := w.bytesOf(x)
	at, text := 16, uint64(24)
	if x.heap.Bits == 64 {
		text = 28
	}
	p, ok := wordOf(b[min(at, len(b)):], 0, x.heap.Bits)
	if !ok || p != self+text || len(b) < int(text) {
		return false
	}
	length := uint64(binary.LittleEndian.Uint32(b[4:]))
	if text+2*length+2 > n {
		return false
	}
	end := w.at(self + text + 2*length)
	return len(end) >= 2 && end[0] == 0 && end[1] == 0
}

// shape recognises parts of containers.
func (w *worker) shape(x *subject) (shape, bool) {
	if w.index == nil {
		return noShape, false
	}
	if s, ok := w.systemShape(x); ok {
		return s, true
	}
	switch {
	case w.isTreeNode(x):
		return treeNode, true
	case w.isListNode(x):
		if w.isHashed(x, w.hashTables().nodes) {
			return hashNode, true
		}
		return listNode, true
	case w.isString(x, 1):
		return beginsString, true
	case w.isString(x, 2):
		return beginsWString, true
	case w.isVector(x):
		return beginsVector, true
	case w.isPointers(x):
		if w.isHashed(x, w.hashTables().buckets) {
			return hashBuckets, true
		}
		return pointers, true
	case w.isRecords(x):
		return records, true
	}
	return noShape, false
}

// isTreeNode recognises a node of std::map and its kin: left, parent, right,
// colour and whether it is the end mark.
func (w *worker) isTreeNode(x *subject) bool {
	b, n := w.bytesOf(x)
	width := x.heap.Bits / 8
	if n < uint64(3*width+2) || len(b) < 3*width+2 || b[3*width] > 1 || b[3*width+1] > 1 {
		return false
	}
	self := uint64(x.user)
	var link [3]uint64
	for i := range link {
		if link[i], _ = w.word(x, i); link[i] == 0 {
			return false
		}
	}
	for _, v := range link {
		if !w.starts(v) {
			return false
		}
	}
	const left, parent, right = 0, 1, 2
	if b[3*width+1] == 1 { // the end mark: its parent is the root, whose parent it is
		return w.points(link[parent], parent, self, x.heap.Bits)
	}
	up := w.points(link[parent], left, self, x.heap.Bits) || w.points(link[parent], right, self, x.heap.Bits)
	if above := w.at(link[parent]); !up && len(above) > 3*width+1 && above[3*width+1] == 1 { // the root, under the end mark
		up = w.points(link[parent], parent, self, x.heap.Bits)
	}
	return link[parent] != self && up && w.child(link[left], self, x.heap.Bits) && w.child(link[right], self, x.heap.Bits)
}

// child reports whether a node's child is its own or the end mark.
func (w *worker) child(at, node uint64, bits int) bool {
	b := w.at(at)
	mark := 3*bits/8 + 1
	return len(b) > mark && (b[mark] == 1 || w.points(at, 1, node, bits))
}

// isListNode recognises a node of a doubly linked list.
func (w *worker) isListNode(x *subject) bool {
	next, _ := w.word(x, 0)
	prev, ok := w.word(x, 1)
	self := uint64(x.user)
	if !ok || next == 0 || prev == 0 || next == self || !w.starts(next) || !w.starts(prev) {
		return false
	}
	return w.points(next, 1, self, x.heap.Bits) && w.points(prev, 0, self, x.heap.Bits)
}

// isString recognises a std::string (unit 1) or std::wstring (unit 2): 16
// bytes of text or a pointer to it, size, capacity.
func (w *worker) isString(x *subject, unit uint64) bool {
	bits := x.heap.Bits
	b, _ := w.bytesOf(x)
	first := 16 * 8 / bits // the word behind the text
	size, _ := w.word(x, first)
	capacity, ok := w.word(x, first+1)
	if !ok || size > capacity {
		return false
	}
	within := 16/unit - 1 // characters that fit without a block of their own
	if capacity == within {
		return size > 0 && ends(b[:16], size, unit)
	}
	p, _ := w.word(x, 0)
	if capacity < within || capacity > 1<<32 {
		return false
	}
	i, ok := w.index.At(memory.Addr(p))
	if !ok || w.index.Range(i).End.Sub(memory.Addr(p)) < (capacity+1)*unit {
		return false
	}
	return ends(w.at(p), size, unit)
}

// ends reports whether text of size characters ends in its first NUL.
func ends(b []byte, size, unit uint64) bool {
	if size >= uint64(len(b))/unit {
		return false
	}
	for i := range size + 1 {
		zero := b[i*unit] == 0 && (unit == 1 || b[i*unit+1] == 0)
		if zero != (i == size) {
			return false
		}
	}
	return true
}

// isVector recognises first, last and end of a std::vector.
func (w *worker) isVector(x *subject) bool {
	first, _ := w.word(x, 0)
	last, _ := w.word(x, 1)
	end, ok := w.word(x, 2)
	if !ok || first == 0 || first > last || last > end || first == end || !w.starts(first) {
		return false
	}
	i, _ := w.index.At(memory.Addr(first))
	return w.index.Range(i).End >= memory.Addr(end) && memory.Addr(end).Sub(memory.Addr(first)) > w.index.Range(i).Size()/2
}

// fewPointers is the fewest that make an array: of pointers to the starts of
// blocks, or to anywhere in blocks and modules, which numbers are more often.
const (
	fewPointers = 3
	fewInterior = 8
)

// isPointers recognises an array of pointers to blocks and into modules.
func (w *worker) isPointers(x *subject) bool {
	b, _ := w.bytesOf(x)
	width := x.heap.Bits / 8
	words, hits, inside := 0, 0, 0
	for ; len(b) >= width; b = b[width:] {
		v := uint64(0)
		if width == 8 {
			v = binary.LittleEndian.Uint64(b)
		} else {
			v = uint64(binary.LittleEndian.Uint32(b))
		}
		if v == 0 {
			continue
		}
		words++
		if w.starts(v) {
			hits++
		} else if w.inside(v) {
			inside++
		}
		if words >= 8 && (hits+inside)*2 < words {
			return false
		}
	}
	return hits >= fewPointers && hits*8 >= words*7 || hits+inside >= fewInterior && (hits+inside)*8 >= words*7
}

// inside reports whether an address is in a block in use or in a module.
func (w *worker) inside(a uint64) bool {
	if _, ok := w.index.At(memory.Addr(a)); ok {
		return true
	}
	return w.stacks.Names.Module(memory.Addr(a)) != nil
}
