package process

import "github.com/heapdump/heapdump/pkg/memory"

// Fiber-local storage: each thread that has used a slot has a block, which its
// TEB's FlsData points to (public symbols: x86 0xfb4, x64 0x17c8, from Server
// 2003 to 11) and which begins with a LIST_ENTRY.
//
//   - Up to Windows 10 1809 the list's head is the PEB's FlsListHead, and 128
//     slots follow the links (public symbols; a block of 520 bytes on x86 in
//     Windows 10.0.11082).
//   - After that the list's head is in ntdll's data, and 8 pointers to arrays
//     follow, the first with room for 16 slots, each next for twice as many,
//     every array with one word before them (as Wine has it, which follows
//     Windows; not seen in a dump).
const (
	flsSlots  = 128
	flsChunks = 8
	flsFirst  = 16
	maxRing   = 1 << 18 // links of all lists together
)

// FLSArea is memory of the fiber-local storage.
type FLSArea struct {
	Area
	Thread    uint32 // whose slots they are
	HasThread bool   // false of the table of callbacks, which is the process's
}

// FLSAreas returns the memory of the fiber-local storage of a process: of each
// thread its block, where the block is a link of a list that holds together
// and leads to the PEB or into an image, and the PEB's table of callbacks.
func FLSAreas(s Source, p PEB, tebs []TEB) []FLSArea {
	f := flsReader{Source: s, peb: p, word: uint64(p.Bits) / 8, old: map[memory.Addr]bool{}, new: map[memory.Addr]bool{}}
	head := p.Address + f.off(0x210, 0x328)
	f.ring(head, f.old)
	var out []FLSArea
	for _, t := range tebs {
		if t.Bits != p.Bits || !t.Proved {
			continue
		}
		at, err := s.Space.Pointer(t.Address+f.off(0xfb4, 0x17c8), t.Bits)
		if err != nil || at == 0 || uint64(at)%f.word != 0 || at == head {
			continue
		}
		for _, a := range f.block(at) {
			out = append(out, FLSArea{a, t.Thread, true})
		}
	}
	if a, ok := f.callbacks(); ok {
		out = append(out, FLSArea{Area: a})
	}
	return out
}

type flsReader struct {
	Source
	peb      PEB
	word     uint64
	old, new map[memory.Addr]bool // the links of the list from the PEB, and of lists that lead into an image
	steps    int                  // links that were followed, of all lists
}

func (f *flsReader) off(x86, x64 memory.Addr) memory.Addr {
	if f.word == 4 {
		return x86
	}
	return x64
}

// next follows a link, if the one that it leads to points back.
func (f *flsReader) next(at memory.Addr) (memory.Addr, bool) {
	to, err := f.Space.Pointer(at, f.peb.Bits)
	if err != nil || to == 0 {
		return 0, false
	}
	back, err := f.Space.Pointer(to.Add(f.word), f.peb.Bits)
	return to, err == nil && back == at
}

// ring puts the links of a closed list into a set. A list that does not hold
// together has none.
func (f *flsReader) ring(head memory.Addr, into map[memory.Addr]bool) {
	all := []memory.Addr{head}
	for at, ok := f.next(head); ; at, ok = f.next(at) {
		if f.steps++; !ok || f.steps > maxRing {
			return
		}
		if at == head {
			break
		}
		all = append(all, at)
	}
	for _, a := range all {
		into[a] = true
	}
}

// block returns the areas of a thread's block, none where no list proves it.
func (f *flsReader) block(at memory.Addr) []Area {
	const name, field = "FLS slots", "TEB.FlsData"
	if f.old[at] {
		return []Area{{name, field, at, (2 + flsSlots) * f.word}}
	}
	if !f.new[at] {
		links := map[memory.Addr]bool{}
		f.ring(at, links)
		for a := range links {
			if r, ok := f.Space.Region(a); ok && r.Type == memory.MemImage {
				for a := range links {
					f.new[a] = true
				}
				break
			}
		}
	}
	if !f.new[at] {
		return nil
	}
	out := []Area{{"FLS block", field, at, (2 + flsChunks) * f.word}}
	for i := range uint64(flsChunks) {
		to, err := f.Space.Pointer(at.Add((2+i)*f.word), f.peb.Bits)
		if err != nil || to != 0 && uint64(to)%f.word != 0 {
			return nil
		}
		if to != 0 {
			out = append(out, Area{name, "the block that TEB.FlsData points to", to, (flsFirst<<i + 1) * f.word})
		}
	}
	return out
}

// callbacks returns the PEB's table of callbacks (FlsCallback, up to Windows
// 10 1809): a pair of words for each index up to FlsHighIndex, the first of
// which is 0 or a function (as Windows 10.0.11082 has it). One function that
// is none in an image, or none at all, and it is not taken for the table.
func (f *flsReader) callbacks() (Area, bool) {
	at, err := f.Space.Pointer(f.peb.Address+f.off(0x20c, 0x320), f.peb.Bits)
	high, err2 := f.Space.U32(f.peb.Address + f.off(0x22c, 0x350))
	if err != nil || err2 != nil || at == 0 || high >= flsSlots || len(f.old) == 0 {
		return Area{}, false
	}
	some := false
	for i := range uint64(high) + 1 {
		fn, err := f.Space.Pointer(at.Add(2*i*f.word), f.peb.Bits)
		if err != nil {
			return Area{}, false
		}
		if fn == 0 {
			continue
		}
		r, ok := f.Space.Region(fn)
		if !ok || r.Type != memory.MemImage || !r.Protect.Executable() {
			return Area{}, false
		}
		some = true
	}
	return Area{"FLS callbacks", "PEB.FlsCallback", at, 2 * (uint64(high) + 1) * f.word}, some
}
