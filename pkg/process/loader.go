package process

import (
	"fmt"

	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/memory"
)

// Links is a LIST_ENTRY: the list's next and last entry.
type Links struct{ Flink, Blink memory.Addr }

// LoaderEntry is an LDR_DATA_TABLE_ENTRY: a module as the loader knows it.
type LoaderEntry struct {
	Address  memory.Addr // of the entry
	Base     memory.Addr // DllBase
	Entry    memory.Addr // EntryPoint, 0 for none
	Size     uint32      // SizeOfImage, bytes
	Path     string      // FullDllName; empty when the dump lacks it
	Name     string      // BaseDllName
	Time     uint32      // TimeDateStamp
	HasStamp bool        // the dump holds TimeDateStamp
}

// Loader is a PEB_LDR_DATA and the modules of its InLoadOrderModuleList.
type Loader struct {
	Address                                memory.Addr
	Initialized                            bool
	InLoad, InMemory, InInit               Links
	HasInitialized, HasHeads, Whole, Empty bool // Whole: the list came back to its head
	Entries                                []LoaderEntry
}

// loaderPlaces are where the fields stand (public symbols, the same from XP
// to 11; confirmed by the modules of dumps of XP, 7, 10 and 11).
type loaderPlaces struct {
	inLoad, inMemory, inInit             memory.Addr // of PEB_LDR_DATA
	base, entry, size, path, name, stamp memory.Addr // of LDR_DATA_TABLE_ENTRY
}

func loaderPlacesOf(bits int) loaderPlaces {
	if bits == 64 {
		return loaderPlaces{0x10, 0x20, 0x30, 0x30, 0x38, 0x40, 0x48, 0x58, 0x80}
	}
	return loaderPlaces{0xc, 0x14, 0x1c, 0x18, 0x1c, 0x20, 0x24, 0x2c, 0x44}
}

// maxLoaded bounds the modules of a process: far more than any has.
const maxLoaded = 20_000

// ReadLoader reads the loader's list of modules of a PEB, in the order of
// loading, as far as the dump holds it; false when it does not hold its head.
// A list that ends early, contradicts itself or does not come back is a
// problem.
func (s Source) ReadLoader(p PEB, sink diag.Sink) (Loader, bool) {
	l := Loader{Address: p.Ldr}
	if p.Ldr == 0 || !p.Knows("Ldr") {
		return l, false
	}
	at := loaderPlacesOf(p.Bits)
	if b, err := s.Space.View(p.Ldr+4, 1); err == nil {
		l.Initialized, l.HasInitialized = b[0] != 0, true
	}
	var ok [3]bool
	l.InLoad, ok[0] = s.links(p.Ldr+at.inLoad, p.Bits)
	l.InMemory, ok[1] = s.links(p.Ldr+at.inMemory, p.Bits)
	l.InInit, ok[2] = s.links(p.Ldr+at.inInit, p.Bits)
	l.HasHeads = ok[0] && ok[1] && ok[2]
	if !ok[0] {
		return l, false
	}
	bad := func(class diag.Class, where memory.Addr, want, got string) {
		sink.Put(diag.Problem{Code: CodeLoader, Class: class, At: diag.At(where), Object: "_LDR_DATA_TABLE_ENTRY", Field: "InLoadOrderLinks", Want: want, Got: got})
	}
	head, from := p.Ldr+at.inLoad, p.Ldr+at.inLoad
	seen := map[memory.Addr]bool{}
	for next := l.InLoad.Flink; next != head; {
		switch {
		case seen[next] || len(l.Entries) == maxLoaded:
			bad(diag.Corrupt, next, "a list that comes back to its head", "one that does not")
			return l, true
		case next == 0 && len(l.Entries) == 0: // before the loader ran
			l.Empty = true
			return l, true
		}
		seen[next] = true
		links, ok := s.links(next, p.Bits)
		e, whole := s.loaderEntry(next, p.Bits, at)
		if !ok || !whole {
			bad(diag.Incomplete, next, "a module's entry", fmt.Sprintf("bytes that are missing (%v)", s.Space.Why(next)))
			return l, true
		}
		if links.Blink != from {
			bad(diag.Corrupt, next, fmt.Sprintf("a Blink of %v", from), fmt.Sprint(links.Blink))
		}
		l.Entries = append(l.Entries, e)
		from, next = next, links.Flink
	}
	l.Whole, l.Empty = true, len(l.Entries) == 0
	return l, true
}

// links reads a LIST_ENTRY.
func (s Source) links(a memory.Addr, bits int) (Links, bool) {
	f, err := s.Space.Pointer(a, bits)
	b, err2 := s.Space.Pointer(a.Add(uint64(bits)/8), bits)
	return Links{f, b}, err == nil && err2 == nil
}

// loaderEntry reads an entry; false when base and size are not in the dump.
func (s Source) loaderEntry(a memory.Addr, bits int, at loaderPlaces) (LoaderEntry, bool) {
	e := LoaderEntry{Address: a}
	base, err := s.Space.Pointer(a+at.base, bits)
	if err != nil {
		return e, false
	}
	size, err := s.Space.U32(a + at.size)
	if err != nil {
		return e, false
	}
	e.Base, e.Size = base, size
	if entry, err := s.Space.Pointer(a+at.entry, bits); err == nil {
		e.Entry = entry
	}
	e.Path, e.Name = s.unicodeString(a+at.path, bits), s.unicodeString(a+at.name, bits)
	if t, err := s.Space.U32(a + at.stamp); err == nil {
		e.Time, e.HasStamp = t, true
	}
	return e, true
}
