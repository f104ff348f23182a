package process_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/minidump"
	"github.com/heapdump/heapdump/pkg/process"
)

// finding is what the package makes of a dump.
type finding struct {
	pebs     []process.PEB
	refs     []process.HeapRef
	found    process.Structures
	problems []diag.Problem
}

// find searches a dump as the target does.
func find(t *testing.T, d *synth.Dump) finding {
	t.Helper()
	f, err := minidump.Parse(d.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	var out finding
	sink := func(p diag.Problem) { out.problems = append(out.problems, p) }
	s := process.Source{Space: f.Memory(nil), Bits: f.Arch().Bits()}
	for _, th := range f.Threads(nil) {
		s.Threads = append(s.Threads, process.Thread{ID: th.ID, TEB: th.TEB})
	}
	out.pebs = process.PEBs(s, sink)
	out.found = process.Scan(s.Space)
	out.refs = process.Heaps(s, out.pebs, out.found, sink)
	return out
}

// rows renders the heaps one a line: address, kind, bits, index and ways.
func (f finding) rows() []string {
	var out []string
	for _, r := range f.refs {
		s := fmt.Sprintf("%v %v %d #%d %v", r.Address, r.Kind, r.Bits, r.Index, r.Found.List())
		for _, w := range []struct {
			is   bool
			word string
		}{{r.Listed, " listed"}, {r.Default, " default"}, {r.Foreign, " foreign"}} {
			if w.is {
				s += w.word
			}
		}
		out = append(out, s)
	}
	return out
}

// codes renders the problems one a line: code, class and field.
func (f finding) codes() []string {
	var out []string
	for _, p := range f.problems {
		out = append(out, fmt.Sprintf("%v %v %v", p.Code, p.Class, p.Field))
	}
	return out
}

func (f finding) want(t *testing.T, rows, codes []string) {
	t.Helper()
	if got := f.rows(); !slices.Equal(got, rows) {
		t.Errorf("heaps\n  %q, want\n  %q", got, rows)
	}
	if got := f.codes(); !slices.Equal(got, codes) {
		t.Errorf("problems\n  %q, want\n  %q", f.problems, codes)
	}
}

// at returns the reference at an address.
func (f finding) at(a uint64) (process.HeapRef, bool) {
	i := slices.IndexFunc(f.refs, func(r process.HeapRef) bool { return r.Address == memory.Addr(a) })
	if i < 0 {
		return process.HeapRef{}, false
	}
	return f.refs[i], true
}

// simple is a heap of two blocks at an address.
func simple(addr uint64) *synth.Heap {
	return &synth.Heap{Address: addr, Segments: []synth.Segment{
		{Items: []synth.Item{synth.Busy(100), synth.Free(0x200), synth.Busy(24), synth.Uncommitted(0x3000)}},
	}}
}

// proc is a process of two heaps, at 0x1d0000 and 0x3d0000.
func proc(f synth.Family, a synth.Arch) *synth.Process {
	p := synth.NewProcess(f, a)
	p.AddHeap(simple(0x1d0000))
	p.AddHeap(simple(0x3d0000))
	return p
}

// cutAt takes out of the dump the bytes from a to the end of a's page.
func cutAt(d *synth.Dump, a uint64) {
	var out []synth.MemRange
	end := (a &^ 0xfff) + 0x1000
	for _, m := range d.Memory {
		last := m.Addr + uint64(len(m.Data))
		if a < m.Addr || a >= last {
			out = append(out, m)
			continue
		}
		if a > m.Addr {
			out = append(out, synth.MemRange{Addr: m.Addr, Data: m.Data[:a-m.Addr], In: m.In})
		}
		if end < last {
			out = append(out, synth.MemRange{Addr: end, Data: m.Data[end-m.Addr:], In: m.In})
		}
	}
	d.Memory = out
}

const (
	nt32 = "nt 32"
	nt64 = "nt 64"
)
