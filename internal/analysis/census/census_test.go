package census_test

import (
	"context"
	"errors"
	"reflect"
	"runtime"
	"testing"
	"time"

	"github.com/heapdump/heapdump/internal/analysis/census"
	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/heap"
)

func TestAccountingCloses(t *testing.T) {
	everyFamily(t, func(t *testing.T, f synth.Family, a synth.Arch) {
		for seed := range uint64(2) {
			b := randomProcess(f, a, seed, 3).Build()
			c := take(t, parse(t, b.Dump.Bytes()))
			if len(c.Heaps) != 3 {
				t.Fatalf("%d heaps", len(c.Heaps))
			}
			for i := range c.Heaps {
				agree(t, &c.Heaps[i], b.Heaps[i])
			}
		}
	})
}

// TestLawOnDamagedHeaps destroys pages and words at random places: the books
// close all the same.
func TestLawOnDamagedHeaps(t *testing.T) {
	everyFamily(t, func(t *testing.T, f synth.Family, a synth.Arch) {
		for seed := range uint64(2) {
			b := randomProcess(f, a, seed, 2).Build()
			for i, h := range b.Heaps {
				for k, blk := range h.Blocks {
					switch {
					case k%37 == int(seed):
						b.Image.PutU64(blk.Entry+uint64(a.Unit())-8, 0x4141414141414141)
					case k%91 == int(seed) && k > 0 && blk.State == synth.StateBusy:
						b.Image.Drop(blk.Entry)
					}
				}
				if i == 1 && len(h.Virtuals) > 0 {
					h.SetVirtual(0, "ReserveSize", 0)
				}
			}
			c := take(t, parse(t, b.Redump().Bytes()))
			for i := range c.Heaps {
				law(t, &c.Heaps[i])
			}
		}
	})
}

// TestParallelIsSerial takes the same census on one processor and on several.
func TestParallelIsSerial(t *testing.T) {
	b := randomProcess(synth.Win7, synth.X64, 9, 6).Build()
	for _, h := range b.Heaps {
		for k, blk := range h.Blocks {
			if k%5 == 3 && blk.State == synth.StateBusy {
				b.Image.PutU64(blk.Entry+8, uint64(k))
			}
		}
	}
	tg := parse(t, b.Redump().Bytes())
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	serial := take(t, tg)
	problems := 0
	for _, h := range serial.Heaps {
		problems += len(h.Problems)
	}
	if problems < 20 {
		t.Fatalf("only %d problems to order", problems)
	}
	runtime.GOMAXPROCS(4)
	for range 20 {
		if got := take(t, tg); !reflect.DeepEqual(got, serial) {
			t.Fatal("the census depends on the order of the walks")
		}
	}
}

// TestHeapsInTheOrderAsked: the census is of the heaps given, in their order.
func TestHeapsInTheOrderAsked(t *testing.T) {
	b := randomProcess(synth.Win10v1809, synth.X64, 3, 3).Build()
	tg := parse(t, b.Dump.Bytes())
	c, err := census.Take(context.Background(), tg, []*target.Heap{tg.Heaps[2], tg.Heaps[0]}, nil)
	if err != nil || len(c.Heaps) != 2 {
		t.Fatal(err, c)
	}
	agree(t, &c.Heaps[0], b.Heaps[2])
	agree(t, &c.Heaps[1], b.Heaps[0])
}

func TestTickNeverGoesBack(t *testing.T) {
	tg := parse(t, randomProcess(synth.Win10v1809, synth.X64, 4, 8).Build().Dump.Bytes())
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(4))
	want := uint64(0)
	for _, h := range tg.Heaps {
		want += h.NT.Size()
	}
	for range 50 {
		last, ticks := uint64(0), 0
		_, err := census.Take(context.Background(), tg, tg.Heaps, func(done, total uint64) {
			if done < last || done > total || total != want {
				t.Errorf("%d of %d after %d, want a total of %d", done, total, last, want)
			}
			last, ticks = done, ticks+1
		})
		if err != nil || last != want || ticks == 0 {
			t.Fatalf("%v: %d of %d done at the end, %d ticks", err, last, want, ticks)
		}
	}
}

func TestCancelled(t *testing.T) {
	tg := parse(t, randomProcess(synth.Win10v1809, synth.X64, 4, 2).Build().Dump.Bytes())
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, heaps := range [][]*target.Heap{tg.Heaps, nil} {
		if c, err := census.Take(ctx, tg, heaps, nil); !errors.Is(err, context.Canceled) || c != nil {
			t.Errorf("%d heaps: %v, %v", len(heaps), c, err)
		}
	}
	ctx, cancel = context.WithDeadline(context.Background(), time.Unix(0, 0))
	defer cancel()
	if _, err := census.Take(ctx, tg, tg.Heaps, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("deadline: %v", err)
	}
}

// TestCancelledOnTheWay cancels at the first tick of a long walk, which must
// not go on to the end.
func TestCancelledOnTheWay(t *testing.T) {
	h := &synth.Heap{Address: 0x4000000}
	for i := range 16 {
		s := synth.Segment{Address: 0x4000000 + uint64(i)*0x100000}
		for range 12000 {
			s.Items = append(s.Items, synth.Busy(24))
		}
		h.Segments = append(h.Segments, s)
	}
	p := synth.NewProcess(synth.Win10v1809, synth.X64)
	p.AddHeap(h)
	tg := parse(t, p.Build().Dump.Bytes())
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	ctx, cancel := context.WithCancel(context.Background())
	far := uint64(0)
	c, err := census.Take(ctx, tg, tg.Heaps, func(done, _ uint64) {
		cancel()
		far = done
	})
	if !errors.Is(err, context.Canceled) || c != nil {
		t.Fatalf("%v, %v", c, err)
	}
	if whole := tg.Heaps[0].NT.Size(); far > whole*6/10 {
		t.Errorf("the walk went on to %d of %d bytes", far, whole)
	}
}

// TestNotWalked: what is neither an NT heap nor a page heap has no counts.
func TestNotWalked(t *testing.T) {
	p := randomProcess(synth.Win10v1809, synth.X64, 1, 1)
	p.AddOther(0x700000, synth.SegmentHeap)
	p.AddOther(0x710000, synth.PageHeap)
	p.AddOther(0x730000, synth.Wine)
	p.AddOther(0x740000, func(m *synth.Image, _ synth.Arch, at uint64) {
		m.Reserve(at, 0x10000, synth.MemPrivate, synth.PageReadWrite)
		m.Commit(at, 0x1000, synth.PageReadWrite)
	})
	c := take(t, parse(t, p.Build().Dump.Bytes()))
	if len(c.Heaps) != 5 {
		t.Fatalf("%d heaps", len(c.Heaps))
	}
	for i := range c.Heaps {
		law(t, &c.Heaps[i])
		if c.Heaps[i].Walked != (i == 0 || i == 2) {
			t.Errorf("heap %d: walked %v", i, c.Heaps[i].Walked)
		}
	}
}

// TestDebuggersVirt: the column of !heap -s is what is committed on XP and
// what is reserved since, in segments alone.
func TestDebuggersVirt(t *testing.T) {
	everyFamily(t, func(t *testing.T, f synth.Family, a synth.Arch) {
		p := synth.NewProcess(f, a)
		p.AddHeap(&synth.Heap{Address: 0x1d0000,
			Segments: []synth.Segment{{Items: []synth.Item{synth.Busy(100), synth.Uncommitted(0x3000), synth.Busy(50), synth.Uncommitted(0x2000)}}},
			Virtual:  []synth.Virtual{{Address: 0x800000, Size: 0x100000, Reserve: 0x200000}}})
		b := p.Build()
		h := take(t, parse(t, b.Dump.Bytes())).Heaps[0]
		truth := b.Heaps[0].Truth()
		want := truth.Reserved
		if f == synth.XP {
			want -= truth.Uncommitted
		}
		if h.DebuggerVirt != want || h.UncommittedRanges != 2 {
			t.Errorf("%d bytes, %d ranges, want %d bytes", h.DebuggerVirt, h.UncommittedRanges, want)
		}
		share := 100 * float64(truth.Uncommitted) / float64(truth.Reserved)
		if f == synth.XP {
			share = 0
		}
		if !h.VirtualAddress.Known || h.VirtualAddress.Value != share {
			t.Errorf("virtual address fragmentation %v, want %v", h.VirtualAddress, share)
		}
		if ext := 100 * float64(truth.FreeBytes) / float64(truth.Reserved-truth.Uncommitted); !h.External.Known || h.External.Value != ext {
			t.Errorf("external fragmentation %v, want %v", h.External, ext)
		}
		if h.VirtualBlocks != 1 || h.VirtualUser != 0x100000 || h.VirtualReserved != 0x200000 || h.Counts[heap.Busy][heap.Virtual].Blocks != 1 {
			t.Errorf("virtual blocks: %d of %d bytes in %d", h.VirtualBlocks, h.VirtualUser, h.VirtualReserved)
		}
		largest := uint64(0)
		for _, blk := range b.Heaps[0].Only(synth.StateFree) {
			largest = max(largest, blk.Bytes)
		}
		if h.LargestFree != largest || largest == 0 {
			t.Errorf("largest free %d, want %d", h.LargestFree, largest)
		}
	})
}

func TestMemoryOfTheProcess(t *testing.T) {
	p := randomProcess(synth.Win7, synth.X86, 2, 1)
	b := p.Build()
	saved, states, types := uint64(0), map[string]census.Share{}, map[string]uint64{}
	for _, r := range b.Image.Runs() {
		saved += uint64(len(r.Data))
	}
	for _, r := range b.Image.Regions() {
		name := map[uint32]string{synth.MemCommit: "MEM_COMMIT", synth.MemReserve: "MEM_RESERVE", synth.MemFree: "MEM_FREE"}[r.State]
		states[name] = census.Share{Name: name, Regions: states[name].Regions + 1, Bytes: states[name].Bytes + r.Size}
		if r.State != synth.MemFree {
			types[map[uint32]string{synth.MemPrivate: "MEM_PRIVATE", synth.MemImage: "MEM_IMAGE"}[r.Type]] += r.Size
		}
	}
	m := take(t, parse(t, b.Dump.Bytes())).Memory
	if !m.Known || m.Saved != saved || len(m.States) != len(states) || len(m.Types) != len(types) {
		t.Errorf("%+v, want %d bytes saved, %v, %v", m, saved, states, types)
	}
	for i, s := range m.States {
		if s != states[s.Name] || i > 0 && s.Bytes > m.States[i-1].Bytes {
			t.Errorf("state %d: %+v, want %+v", i, s, states[s.Name])
		}
	}
	for _, s := range m.Types {
		if s.Bytes != types[s.Name] {
			t.Errorf("type %+v, want %d bytes", s, types[s.Name])
		}
	}
	committed := uint64(0)
	for _, s := range m.Protections {
		committed += s.Bytes
	}
	if committed != states["MEM_COMMIT"].Bytes {
		t.Errorf("protections of %d bytes, want those of the committed %d", committed, states["MEM_COMMIT"].Bytes)
	}
	b.Dump.Omit = []uint32{synth.StreamMemoryInfoList}
	if m := take(t, parse(t, b.Dump.Bytes())).Memory; m.Known || m.Saved != saved || m.States != nil || m.Types != nil || m.Protections != nil {
		t.Errorf("without the list of regions: %+v", m)
	}
}

// TestRangesOnNoList: reserved pages that the segment's list of uncommitted
// ranges does not name, or names in part, are uncommitted all the same.
func TestRangesOnNoList(t *testing.T) {
	for _, a := range []synth.Arch{synth.X86, synth.X64} {
		p := synth.NewProcess(synth.Win7, a)
		p.AddHeap(&synth.Heap{Address: 0x1d0000, Segments: []synth.Segment{
			{Items: []synth.Item{synth.Busy(100), synth.Uncommitted(0x3000), synth.Busy(50), synth.Uncommitted(0x2000)}}}})
		b := p.Build()
		h := b.Heaps[0]
		head := h.SegmentFieldAddr(0, "UCRSegmentList")
		b.Image.PutPtr(head, head)
		b.Image.PutPtr(head+a.PtrSize(), head)
		got := take(t, parse(t, b.Redump().Bytes())).Heaps[0]
		law(t, &got)
		truth := h.Truth()
		if got.SegmentCommitted != truth.Reserved-truth.Uncommitted || got.Unaccounted != 0 || got.BusyUser != truth.BusyUser || len(got.Problems) == 0 {
			t.Errorf("%v: committed %d of %d, unaccounted %d, %q", a, got.SegmentCommitted, got.Reserved, got.Unaccounted, got.Problems)
		}
	}
}
