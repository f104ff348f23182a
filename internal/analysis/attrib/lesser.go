package attrib

import (
	"slices"

	"github.com/heapdump/heapdump/internal/analysis/content"
	"github.com/heapdump/heapdump/internal/analysis/stacks"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/process"
)

// Where a TEB leads to the languages of a thread, x86 and x64: Preferred-,
// User- and MergedPrefLanguages (public symbols, Vista to 11).
var tebLanguages = [2]memory.Addr{0xfb8, 0x17d0}

// firstLanguages is the build that has them, Vista's.
const firstLanguages = 6000

// lesserPlaces finds the blocks that the process leads to in ways that say
// less of what they are than their bytes or their shape do: these names stand
// only where nothing else is known.
func (s *shared) lesserPlaces(t *target.Target) map[memory.Addr]place {
	p := placer{s, t.Source(), map[memory.Addr]place{}}
	if t.Build() >= firstLanguages {
		for _, teb := range process.TEBs(p.src) {
			if teb.Proved {
				p.languages(teb)
			}
		}
	}
	p.variables(t)
	p.moveable(t)
	return p.into
}

// languages names the language lists that a TEB leads to, the table that they
// lead to and that leads back to them, and the other lists of that. Every list
// begins with its own size (seen on 10.0.11082), and without that is none.
func (p *placer) languages(teb process.TEB) {
	const list, table = "list of preferred languages (MUI)", "table of preferred languages (MUI)"
	word := memory.Addr(teb.Bits / 8)
	for k := range memory.Addr(3) {
		at := p.pointer(teb.Address+ofBits(tebLanguages, teb.Bits)+k*word, teb.Bits)
		if !p.beginsWithItsSize(at) {
			continue
		}
		p.put(at, list, "TEB leads to it (PreferredLanguages and the two behind it), and it begins with its own size")
		for _, to := range p.starts(at, teb.Bits) {
			back := p.starts(to, teb.Bits)
			if !slices.Contains(back, at) {
				continue
			}
			p.put(to, table, "a thread's list of preferred languages leads to it, and it back to the list")
			for _, other := range back {
				if p.beginsWithItsSize(other) {
					p.put(other, list, "the table of preferred languages leads to it, and it begins with its own size")
				}
			}
		}
	}
}

// beginsWithItsSize reports whether a block begins at an address, and with the
// number of bytes that were asked for.
func (p *placer) beginsWithItsSize(a memory.Addr) bool {
	i, ok := p.index.At(a)
	if !ok || a == 0 || p.index.User(i) != a {
		return false
	}
	n, err := p.src.Space.U32(a)
	return err == nil && n >= 16 && uint64(n) == p.index.Size(i)
}

// mostWords is how many words of a block starts looks at.
const mostWords = 64

// starts returns the beginnings of blocks that the first words of the block
// that begins at an address point to, without itself.
func (p *placer) starts(a memory.Addr, bits int) (out []memory.Addr) {
	i, ok := p.index.At(a)
	if !ok || p.index.User(i) != a {
		return nil
	}
	word := memory.Addr(bits / 8)
	end := min(p.index.Range(i).End, a+mostWords*word)
	for at := a; at+word <= end; at += word {
		v := p.pointer(at, bits)
		if k, ok := p.index.At(v); ok && v != a && p.index.User(k) == v {
			out = append(out, v)
		}
	}
	return out
}

// variables names the blocks to which a variable that a module exports points:
// what the first word of an export in writable data leads to.
func (p *placer) variables(t *target.Target) {
	for _, m := range t.Modules() {
		if m.Image == nil {
			continue
		}
		for _, e := range m.Image.Exports(t.Space).List {
			at := m.Start.Add(uint64(e.RVA))
			if e.Name == "" || e.Forward != "" {
				continue
			}
			if s, ok := m.Image.Section(at); !ok || !s.Writable() || s.Executable() {
				continue
			}
			p.put(p.pointer(at, m.Image.Bits), "what "+stacks.Base(m.Name)+"!"+e.Name+" points to", "the variable that the module exports by this name points to it")
		}
	}
}

// The entries of the table by which GlobalAlloc and LocalAlloc find moveable
// blocks: flags and a count of locks of 16 bits each, and a pointer-sized word
// for the block; or, of a free one, the next free one. (ReactOS's source; the
// handle that programs have is the address of the second word, as the header
// winbase.h's documentation of GlobalHandle implies. Not seen on Windows, and so
// held to all of it.)
const (
	entryValid    = 0x1
	entryMoveable = 0x2
	entryFlags    = 0xff
	mostLocks     = 0x1000
	pageBytes     = 0x1000
)

// moveable names the blocks that a table of moveable handles leads to.
func (p *placer) moveable(t *target.Target) {
	for _, r := range t.Space.Regions() {
		if r.Type != memory.MemPrivate || r.State != memory.MemCommit || r.AllocationBase != r.Start || !r.Protect.Writable() {
			continue
		}
		b := t.Space.Tail(r.Start)
		b = b[:min(uint64(len(b)), r.Size())]
		for _, bits := range []int{32, 64} {
			if bits > t.File.Arch().Bits() {
				continue
			}
			for _, a := range p.handleTable(r.Start, b, bits) {
				p.put(a, "moveable block (GlobalAlloc or LocalAlloc)", "an entry of a table of moveable handles leads to it")
			}
		}
	}
}

// handleTable returns the blocks of a table of moveable handles; none when the
// bytes are anything else. Every entry has to be one: in use, with a block that
// begins where it says, or free, with a link to another entry; and of each page
// all but a few have to say something.
func (p *placer) handleTable(base memory.Addr, b []byte, bits int) (blocks []memory.Addr) {
	width := bits / 8
	size := 2 * width
	if len(b) < pageBytes || len(b)%pageBytes != 0 {
		return nil
	}
	end := base.Add(uint64(len(b)))
	empty, links := 0, 0
	for ; len(b) > 0; b = b[size:] {
		first, _ := wordOf(b, 0, bits)
		object, _ := wordOf(b, 1, bits)
		link := memory.Addr(first)
		switch {
		case first == 0:
			empty++ // the last of the free ones
		case first&entryValid == 0 && link >= base && link < end && link.Sub(base)%uint64(size) == 0:
			links++
		case first&entryMoveable != 0 && first&entryValid != 0 && uint64(uint32(first)) == first &&
			first&0xffff <= entryFlags && first>>16 <= mostLocks:
			if i, ok := p.index.At(memory.Addr(object)); ok && p.index.User(i) == memory.Addr(object) && p.index.Heap(i).Bits == bits {
				blocks = append(blocks, memory.Addr(object))
			} else if object != 0 { // discarded
				return nil
			}
		default:
			return nil
		}
	}
	pages := int(end.Sub(base) / pageBytes)
	if empty > pages || links+len(blocks) < pageBytes/size/2 {
		return nil
	}
	return blocks
}

// What records of an array are held to.
const (
	fewRecords  = 6
	mostColumns = 16
)

// isRecords recognises an array of records that hold pointers: the words of
// the block repeat, in columns of which each is of one kind, addresses or
// none, in nearly every row, and two at least hold addresses in most rows or
// one of them only addresses. Rows of zeros end it.
func (w *worker) isRecords(x *subject) bool {
	b, _ := w.bytesOf(x)
	n := min(len(b), content.Look) / (x.heap.Bits / 8)
	if n < 2*fewRecords {
		return false
	}
	var room [content.Look / 4]wordKind
	kinds, some := room[:n], false
	for i := range n {
		v, _ := wordOf(b, i, x.heap.Bits)
		kinds[i] = w.wordKind(v)
		if some = some || kinds[i] == address; !some && i == mostColumns {
			return false // every row has an address
		}
	}
	for n > 0 && kinds[n-1] == null { // the rest is not used yet
		n--
	}
	for columns := 2; columns <= mostColumns && columns*fewRecords <= n; columns++ {
		if regular(kinds[:n], columns) {
			return true
		}
	}
	return false
}

type wordKind uint8

const (
	null wordKind = iota
	address
	number
)

func (w *worker) wordKind(v uint64) wordKind {
	switch {
	case v == 0:
		return null
	case w.inside(v):
		return address
	}
	return number
}

// regular reports whether words in rows of so many columns are alike in every
// row: a column has addresses and nulls, or numbers and nulls; one has an
// address in every row, and one is no address in any.
func regular(kinds []wordKind, columns int) bool {
	rows := len(kinds) / columns
	full, other := false, false
	for c := range columns {
		var count [3]int
		for r := range rows {
			count[kinds[r*columns+c]]++
		}
		if count[address] > 0 && count[number] > 0 {
			return false
		}
		full = full || count[address] == rows
		other = other || count[address] == 0
	}
	return full && other && rows >= fewRecords
}

// mostHandle is beyond the handles of any process: 16 million of them are the
// most, at steps of 4.
const mostHandle = 1 << 26

// poolHandles reports whether a block holds, side by side, a handle of a
// TpWorkerFactory and one of an IoCompletion, which NtCreateWorkerFactory puts
// together: ntdll's thread pool itself (TP_POOL). It needs the dump's handles.
func (w *worker) poolHandles(x *subject) bool {
	count, _ := w.word(x, 0)
	if len(w.handles) == 0 || count == 0 || count > 1<<16 { // references
		return false
	}
	b, _ := w.bytesOf(x)
	for i := range min(len(b)/(x.heap.Bits/8), mostWords) - 1 {
		one, _ := wordOf(b, i, x.heap.Bits)
		two, _ := wordOf(b, i+1, x.heap.Bits)
		if one == 0 || two == 0 || one|two >= mostHandle {
			continue
		}
		if a, c := w.handles[one], w.handles[two]; a != c && a != "" && c != "" {
			return true
		}
	}
	return false
}

// poolTypes are the handles of the two types that a thread pool has.
func poolTypes(t *target.Target) map[uint64]string {
	out := map[uint64]string{}
	for _, h := range t.File.Handles(nil) {
		if h.Type == "TpWorkerFactory" || h.Type == "IoCompletion" {
			out[h.Handle] = h.Type
		}
	}
	return out
}

// byLesserPlace groups by a lesser place.
func (w *worker) byLesserPlace(p place) id {
	return w.put(Type, words("lesser "+p.name), func() Key {
		return Key{Text: p.name, Evidence: p.evidence, Confidence: content.Medium}
	})
}
