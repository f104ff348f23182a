package process_test

import (
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/process"
)

// bare takes from a process all that leads to its heaps but their memory.
func bare(p *synth.Process, regions bool) *synth.Dump {
	d := p.Build().Dump
	d.Threads = nil
	if !regions {
		d.Omit = append(d.Omit, synth.StreamMemoryInfoList)
	}
	return d
}

// further is the second segment of the heap at 0x3d0000.
var further = map[memory.Addr][]memory.Addr{0x3d0000: {0x4d0000}}

func TestScanFindsEveryFamily(t *testing.T) {
	for _, f := range synth.Families() {
		for _, a := range []synth.Arch{synth.X86, synth.X64} {
			for _, regions := range []bool{true, false} {
				p := proc(f, a)
				p.Heaps[1].Segments = append(p.Heaps[1].Segments, synth.Segment{Address: 0x4d0000, Items: []synth.Item{synth.Busy(100)}})
				got := find(t, bare(p, regions))
				kind := map[synth.Arch]string{synth.X86: nt32, synth.X64: nt64}[a]
				want := []string{"0x1d0000 " + kind + " #-1 [scan]", "0x3d0000 " + kind + " #-1 [scan]"}
				if f == synth.Win11v24H2 { // the scan's heaps lead to the descriptors
					want = []string{"0x1d0000 " + kind + " #-1 [descriptor scan]", "0x3d0000 " + kind + " #-1 [descriptor scan]"}
				}
				if !slices.Equal(got.rows(), want) || !reflect.DeepEqual(got.found.Segments, further) {
					t.Errorf("%v %v regions %v: %q segments %v", f, a, regions, got.rows(), got.found.Segments)
				}
			}
		}
	}
}

// TestCopiesOfHeapsAreNoHeaps puts the first pages of a heap, and of its
// second segment, into a block of another heap, at multiples of 64 KiB, as a
// program that keeps memory dumps would. Without a list of regions nothing
// but their contents tells them from heaps.
func TestCopiesOfHeapsAreNoHeaps(t *testing.T) {
	for _, f := range synth.Families() {
		for _, a := range []synth.Arch{synth.X86, synth.X64} {
			t.Run(fmt.Sprint(f, a), func(t *testing.T) {
				p := synth.NewProcess(f, a)
				p.AddHeap(&synth.Heap{Address: 0x1d0000, Segments: []synth.Segment{
					{Items: []synth.Item{synth.Busy(0x3e000), synth.Busy(0x100)}},
				}})
				h := simple(0x3d0000)
				h.Segments = append(h.Segments, synth.Segment{Address: 0x4d0000, Items: []synth.Item{synth.Busy(100)}})
				p.AddHeap(h)
				p.Prepare = func(b *synth.Built) {
					raw(b.Image, 0x3d0000, 0x1e0000, 0x1000)
					raw(b.Image, 0x4d0000, 0x1f0000, 0x1000)
					raw(b.Image, 0x1d0000, 0x200000, 0x1000)
				}
				for _, regions := range []bool{true, false} {
					got := find(t, bare(p, regions))
					if len(got.refs) != 2 || !reflect.DeepEqual(got.found.Segments, further) {
						t.Errorf("regions %v: %q, segments %v", regions, got.rows(), got.found.Segments)
					}
				}
			})
		}
	}
}

// TestHeapWithOneDamagedOwnAddress: either of BaseAddress and Heap is enough.
func TestHeapWithOneDamagedOwnAddress(t *testing.T) {
	for _, a := range []synth.Arch{synth.X86, synth.X64} {
		for _, field := range []string{"BaseAddress", "Heap"} {
			p := proc(synth.Win10v1809, a)
			p.Prepare = func(b *synth.Built) { b.Heaps[1].SetSegment(0, field, 0x10000) }
			if got := find(t, bare(p, true)); len(got.refs) != 2 {
				t.Errorf("%v: %s: %q", a, field, got.rows())
			}
		}
	}
}

// TestRegionsThatEndEarly has a list of regions that was cut: what it does not
// tell of is scanned as if there were none.
func TestRegionsThatEndEarly(t *testing.T) {
	d := bare(proc(synth.Win10v1809, synth.X64), true)
	d.Regions = slices.DeleteFunc(d.Regions, func(r synth.Region) bool { return r.Base >= 0x3d0000 })
	if got := find(t, d); len(got.refs) != 2 {
		t.Errorf("%q", got.rows())
	}
}

// TestStructuresAcrossRuns saves the first page in pieces, each a range of its
// own that is elsewhere in the file.
func TestStructuresAcrossRuns(t *testing.T) {
	p := proc(synth.Win10v1809, synth.X64)
	p.AddOther(0x710000, synth.PageHeap)
	d := bare(p, true)
	var pieces []synth.MemRange
	for _, m := range d.Memory {
		for len(m.Data) > 0 {
			n := min(0x10-int(m.Addr&0xf)+int(m.Addr&0xf0), len(m.Data))
			pieces = append(pieces, synth.MemRange{Addr: m.Addr, Data: m.Data[:n], In: m.In})
			m.Addr, m.Data = m.Addr+uint64(n), m.Data[n:]
		}
	}
	d.Memory, d.ShuffleMemory = pieces, 7
	if got := find(t, d); len(got.refs) != 3 {
		t.Errorf("%q", got.rows())
	}
}

func TestImagesAreNotScanned(t *testing.T) {
	p := proc(synth.Win10v1809, synth.X64)
	d := bare(p, true)
	for i, r := range d.Regions {
		if r.AllocBase == 0x3d0000 {
			d.Regions[i].Type = synth.MemImage
		}
	}
	if got := find(t, d); len(got.refs) != 1 {
		t.Errorf("%q", got.rows())
	}
}

func TestScanOfTheTopOfTheAddressSpace(t *testing.T) {
	top := memory.Run{Start: ^memory.Addr(0) - 0x1fff, Bytes: make([]byte, 0x2000)}
	low := memory.Run{Start: 0x10, Bytes: make([]byte, 0x40)}
	if got := process.Scan(memory.NewSpace(memory.Contents{Runs: []memory.Run{top, low}})); got.Heaps != nil || len(got.Segments) != 0 {
		t.Errorf("%v", got)
	}
	regions := []memory.Region{{Range: memory.Range{Start: ^memory.Addr(0) - 0xfff, End: ^memory.Addr(0)}, State: memory.MemCommit}}
	if got := process.Scan(memory.NewSpace(memory.Contents{Runs: []memory.Run{top, low}, Regions: regions, RegionsKnown: true})); got.Heaps != nil {
		t.Errorf("%v", got)
	}
}
