package target_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/heapdump/heapdump/internal/analysis/census"
	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/process"
)

// fingerprint is all that is known of a dump's heaps, without where in the
// file anything stands.
type fingerprint struct {
	pebs     []process.PEB
	refs     []process.HeapRef
	whys     []string
	heaps    []census.Heap
	memory   census.Memory
	problems []diag.Problem
}

func fingerprintOf(t testing.TB, data []byte) fingerprint {
	t.Helper()
	tg, err := target.Parse("test.dmp", data)
	if err != nil {
		t.Fatal(err)
	}
	c := take(t, tg)
	f := fingerprint{pebs: tg.PEBs, memory: c.Memory, problems: tg.Problems}
	for i, h := range tg.Heaps {
		f.refs, f.whys = append(f.refs, h.HeapRef), append(f.whys, h.Why)
		c.Heaps[i].Target = nil
		f.heaps = append(f.heaps, c.Heaps[i])
	}
	return f
}

// damaged is a WOW64 process of random heaps, some of whose words and pages
// are not as they were.
func damaged(seed uint64) *synth.Built {
	r := rand.New(rand.NewPCG(seed, 1))
	p := synth.NewWOW64(synth.Win10v1809)
	p.ImagePath = `C:\Orchard\press.exe`
	for i := range uint64(2) {
		p.AddHeap(synth.RandomHeap(r, p.Family, synth.X64, 0x4000000+i*0x2000000))
		p.AddHeap32(synth.RandomHeap(r, p.Family, synth.X86, 0x14000000+i*0x2000000))
	}
	p.AddOther(0x700000, synth.SegmentHeap)
	p.Prepare = func(b *synth.Built) {
		for _, h := range append(b.Heaps[1:], b.Heaps32[1:]...) {
			for k, blk := range h.Blocks {
				switch {
				case k%41 == 7:
					b.Image.PutU64(blk.Entry, r.Uint64())
				case k%101 == 50 && blk.State == synth.StateBusy:
					b.Image.Drop(blk.Entry)
				}
			}
		}
	}
	return p.Build()
}

// TestSameBytesOtherwiseSaved: what a dump says does not depend on how its
// writer laid it out.
func TestSameBytesOtherwiseSaved(t *testing.T) {
	for seed := range uint64(1) {
		built := damaged(seed)
		want := fingerprintOf(t, built.Dump.Bytes())
		problems := 0
		for _, h := range want.heaps {
			problems += len(h.Problems)
		}
		if problems < 5 || len(want.refs) != 5 || len(want.problems) != 0 {
			t.Fatalf("%d problems in %d heaps, %q", problems, len(want.refs), want.problems)
		}
		for name, change := range layouts(seed) {
			t.Run(fmt.Sprint(name, " ", seed), func(t *testing.T) {
				d := *built.Redump()
				change(&d)
				if got := fingerprintOf(t, d.Bytes()); !reflect.DeepEqual(got, want) {
					t.Errorf("another report\n%+v, want\n%+v", got, want)
				}
			})
		}
	}
}

// layouts is ways to write the same dump.
func layouts(seed uint64) map[string]func(*synth.Dump) {
	each := func(d *synth.Dump, change func(int, *synth.MemRange)) {
		out := append([]synth.MemRange(nil), d.Memory...)
		for i := range out {
			change(i, &out[i])
		}
		d.Memory = out
	}
	split := func(d *synth.Dump, size func() int) {
		var out []synth.MemRange
		for _, m := range d.Memory {
			for len(m.Data) > 0 {
				n := min(size(), len(m.Data))
				out = append(out, synth.MemRange{Addr: m.Addr, Data: m.Data[:n], In: m.In})
				m.Addr, m.Data = m.Addr+uint64(n), m.Data[n:]
			}
		}
		d.Memory = out
	}
	r := rand.New(rand.NewPCG(seed, 3))
	odd := func() int { return 1 + r.IntN(20000) }
	return map[string]func(*synth.Dump){
		"streams in another order": func(d *synth.Dump) { d.Shuffle = seed + 5 },
		"ranges in another order":  func(d *synth.Dump) { d.ShuffleMemory = seed + 6 },
		"odd offsets":              func(d *synth.Dump) { d.Unaligned = true },
		"padded thread list":       func(d *synth.Dump) { d.ThreadListPad8 = true },
		"MemoryList":               func(d *synth.Dump) { each(d, func(_ int, m *synth.MemRange) { m.In = synth.InMemory }) },
		"both lists":               func(d *synth.Dump) { each(d, func(_ int, m *synth.MemRange) { m.In = synth.InBoth }) },
		"half in each list": func(d *synth.Dump) {
			each(d, func(i int, m *synth.MemRange) { m.In = synth.In(1 + i%2) })
		},
		"pages":      func(d *synth.Dump) { split(d, func() int { return 0x1000 }); d.ShuffleMemory = 9 },
		"odd pieces": func(d *synth.Dump) { split(d, odd); d.ShuffleMemory, d.Unaligned = 8, true },
		"pieces in alternate lists": func(d *synth.Dump) {
			split(d, odd)
			each(d, func(i int, m *synth.MemRange) { m.In = synth.In(1 + i%2) })
		},
		"overlapping pieces": func(d *synth.Dump) {
			whole := d.Memory
			split(d, odd)
			for i := range whole {
				m := whole[i]
				if n := len(m.Data); n < 0x40000 { // the file holds these twice
					d.Memory = append(d.Memory, synth.MemRange{Addr: m.Addr, Data: m.Data[:n-n/3], In: synth.InMemory})
				}
			}
			d.ShuffleMemory = 4
		},
	}
}

// TestWithoutRegions: a dump without MemoryInfoList has the same heaps, found
// at multiples of 64 KiB.
func TestWithoutRegions(t *testing.T) {
	built := damaged(3)
	want := fingerprintOf(t, built.Dump.Bytes())
	d := *built.Redump()
	d.Omit = []uint32{synth.StreamMemoryInfoList}
	got := fingerprintOf(t, d.Bytes())
	if !reflect.DeepEqual(got.refs, want.refs) || !reflect.DeepEqual(got.pebs, want.pebs) {
		t.Errorf("%+v, want %+v", got.refs, want.refs)
	}
	for i := range got.heaps {
		if got.heaps[i].BusyUser != want.heaps[i].BusyUser || got.heaps[i].Reserved != want.heaps[i].Reserved {
			t.Errorf("heap %d: %+v, want %+v", i, got.heaps[i], want.heaps[i])
		}
	}
}

// TestMovedBase builds the same heaps at other addresses, 4 GiB up on x64: the
// census is the same.
func TestMovedBase(t *testing.T) {
	for _, f := range synth.Families() {
		for _, a := range []synth.Arch{synth.X86, synth.X64} {
			build := func(base uint64) fingerprint {
				r := rand.New(rand.NewPCG(11, uint64(f)))
				p := synth.NewProcess(f, a)
				for i := range uint64(2) {
					p.AddHeap(synth.RandomHeap(r, f, a, base+i*0x2000000))
				}
				fp := fingerprintOf(t, p.Build().Dump.Bytes())
				for i := range fp.refs {
					fp.refs[i].Address -= memory.Addr(base)
				}
				fp.memory, fp.pebs = census.Memory{}, nil
				return fp
			}
			up := uint64(0x30000000)
			if a == synth.X64 {
				up = 0x1_f0000000
			}
			if low, high := build(0x4000000), build(up); !reflect.DeepEqual(low, high) {
				t.Errorf("%v %v: another census when moved\n%+v\n%+v", f, a, low, high)
			}
		}
	}
}

// TestHeapWithinWOW64: a 32-bit heap is the same in a 32-bit process and in
// one on 64-bit Windows.
func TestHeapWithinWOW64(t *testing.T) {
	for _, f := range []synth.Family{synth.Vista, synth.Win7, synth.Win8, synth.Win10v1607, synth.Win10v1809, synth.Win11v24H2} {
		heap32 := func() *synth.Heap {
			return synth.RandomHeap(rand.New(rand.NewPCG(21, uint64(f))), f, synth.X86, 0x14000000)
		}
		plain := synth.NewProcess(f, synth.X86)
		plain.AddHeap(heap32())
		wow := synth.NewWOW64(f)
		wow.AddHeap(synth.RandomHeap(rand.New(rand.NewPCG(22, 0)), f, synth.X64, 0x4000000))
		wow.AddHeap32(heap32())
		want, got := fingerprintOf(t, plain.Build().Dump.Bytes()), fingerprintOf(t, wow.Build().Dump.Bytes())
		if len(got.refs) != 2 || !reflect.DeepEqual(got.refs[0], want.refs[0]) || !reflect.DeepEqual(got.heaps[0], want.heaps[0]) {
			t.Errorf("%v:\n%+v %+v, want\n%+v %+v", f, got.refs, got.heaps[0], want.refs, want.heaps[0])
		}
	}
}
