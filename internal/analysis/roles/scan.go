package roles

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"
	"strings"

	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/memory"
)

// maxShown is how many holders of a heap's handle the evidence names.
const maxShown = 4

// scan looks for the handles of heaps in the modules' writable data.
type scan struct {
	t       *target.Target
	heaps   map[memory.Addr]int // by handle: place in Target.Heaps
	lists   []memory.Range      // of PEB.ProcessHeaps: they name every heap
	holders [][]Holder          // by place in Target.Heaps
}

// data is one writable section of a module.
type data struct {
	memory.Range
	module  int
	section string
}

func newScan(t *target.Target) *scan {
	s := &scan{t: t, heaps: map[memory.Addr]int{}, holders: make([][]Holder, len(t.Heaps))}
	for i, h := range t.Heaps {
		if !h.Foreign && !vague(h.Address) {
			s.heaps[h.Address] = i
		}
	}
	for _, p := range t.PEBs {
		n := max(p.NumberOfHeaps, p.MaximumNumberOfHeaps)
		s.lists = append(s.lists, p.ProcessHeaps.Span(uint64(n)*uint64(p.Bits)/8))
	}
	return s
}

// vague reports whether an address is so round that a word of data which
// equals it says nothing: a power of two is a size or a flag as well.
func vague(a memory.Addr) bool { return bits.OnesCount64(uint64(a)) < 2 }

// run reads the writable data of every module once.
func (s *scan) run(ctx context.Context, r *Result) error {
	modules := s.t.Modules()
	r.Modules = len(modules)
	partly := make([]bool, len(modules))
	var all []data
	for i, m := range modules {
		if m.Image == nil || m.Image.HeadersPartial {
			partly[i] = true
		}
		if m.Image == nil {
			continue
		}
		for _, x := range m.Image.Sections {
			if x.Writable() {
				all = append(all, data{x.Range, i, x.Name})
				partly[i] = partly[i] || s.t.Space.Saved(x.Range) < x.Size()
			}
		}
	}
	for i, m := range modules {
		if partly[i] {
			r.Partly = append(r.Partly, base(m.Name))
		}
	}
	slices.SortStableFunc(all, func(a, b data) int { return cmp.Compare(a.Start, b.Start) })
	end := memory.Addr(0) // sections that overlap, of a hostile list, are read once
	for _, d := range all {
		if err := ctx.Err(); err != nil {
			return err
		}
		d.Start = max(d.Start, end)
		if d.Empty() || d.Start >= d.End {
			continue
		}
		end = d.End
		s.section(modules[d.module], d)
	}
	return nil
}

// section looks at every aligned word of a section that the dump has.
func (s *scan) section(m target.Module, d data) {
	width := m.Image.Bits / 8
	for run := range s.t.Space.Runs(d.Range) {
		skip := int(-uint64(run.Start) & uint64(width-1))
		for off := skip; off+width <= len(run.Bytes); off += width {
			var v memory.Addr
			if width == 8 {
				v = memory.Addr(binary.LittleEndian.Uint64(run.Bytes[off:]))
			} else {
				v = memory.Addr(binary.LittleEndian.Uint32(run.Bytes[off:]))
			}
			if v == 0 || v%memory.PageSize != 0 {
				continue
			}
			if i, ok := s.heaps[v]; ok && s.t.Heaps[i].Bits == m.Image.Bits {
				s.hit(i, m, d, run.Start.Add(uint64(off)))
			}
		}
	}
}

// hit files a word that holds the handle of heap i.
func (s *scan) hit(i int, m target.Module, d data, at memory.Addr) {
	for _, l := range s.lists {
		if l.Contains(at) {
			return
		}
	}
	name := base(m.Name)
	if n := len(s.holders[i]); n > 0 && s.holders[i][n-1].At == m.Start.Add(s.holders[i][n-1].Offset) {
		s.holders[i][n-1].Words++
		return
	}
	s.holders[i] = append(s.holders[i], Holder{
		Module: name, Section: d.section, Offset: at.Sub(m.Start), At: at, Words: 1,
		CRT: isCRT(name), System: keepsHandles(name),
	})
}

// ranked returns the holders of a heap's handle, the likeliest owner first: a
// C runtime, whose callers may have asked it for the handle; other modules,
// those that hold it most often first; at last those that keep the handles of
// heaps that others use.
func (s *scan) ranked(h *target.Heap) []Holder {
	out := s.holders[h.Position]
	rank := func(x Holder) int {
		switch {
		case x.System:
			return 2
		case x.CRT:
			return 0
		}
		return 1
	}
	slices.SortStableFunc(out, func(a, b Holder) int { return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(b.Words, a.Words)) })
	return out
}

// sentence is the holder as evidence.
func (x Holder) sentence() string {
	out := fmt.Sprintf("%s+%#x, in section %s, holds its handle", x.Module, x.Offset, x.Section)
	if x.Words > 1 {
		out = fmt.Sprintf("%d words of %s's writable data hold its handle, the first at %s+%#x in section %s", x.Words, x.Module, x.Module, x.Offset, x.Section)
	}
	switch {
	case x.CRT:
		out += "; it is a C runtime"
	case x.System:
		out += ", which proves no owner: it keeps handles of heaps that others use"
	}
	return out
}

// few is the first of some names.
func few(names []string) string {
	const shown = 3
	if len(names) > shown {
		return strings.Join(names[:shown], ", ") + ", …"
	}
	return strings.Join(names, ", ")
}

// base is the file name at the end of a Windows path.
func base(path string) string { return path[strings.LastIndexAny(path, `\/`)+1:] }

// keepsHandles reports whether a module keeps the handles of heaps whoever
// made them: ntdll in its lists of heaps and records of failures, Application
// Verifier in its own.
func keepsHandles(name string) bool {
	switch strings.ToLower(name) {
	case "ntdll.dll", "verifier.dll", "vrfcore.dll", "vfbasics.dll":
		return true
	}
	return false
}

// isCRT recognises Microsoft's C runtimes by file name: crtdll, msvcrt and its
// early numbered forms, msvcr70 to msvcr120, the .NET Framework's own copies,
// and the UCRT; each also as its debug build.
func isCRT(name string) bool {
	s, ok := strings.CutSuffix(strings.ToLower(name), ".dll")
	if !ok {
		return false
	}
	for _, suffix := range [...]string{"_clr0400", "_app"} {
		s = strings.TrimSuffix(s, suffix)
	}
	s = strings.TrimSuffix(s, "d")
	if s == "crtdll" || s == "msvcrt" || s == "ucrtbase" {
		return true
	}
	number := strings.TrimPrefix(strings.TrimPrefix(s, "msvcr"), "t") // msvcrt20, msvcrt40
	return strings.HasPrefix(s, "msvcr") && len(number) >= 2 && len(number) <= 3 && strings.Trim(number, "0123456789") == ""
}
