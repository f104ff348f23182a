package vmmap_test

import (
	"math/rand/v2"
	"testing"

	"github.com/heapdump/heapdump/internal/analysis/vmmap"
	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/pkg/memory"
)

// TestThreadAreas: what a TEB's fields lead to in private memory, and beside
// each what they cannot mean.
func TestThreadAreas(t *testing.T) {
	const slots, array = "TLS slots beyond the first 64", "array of pointers to thread-local data"
	for _, a := range []synth.Arch{synth.X86, synth.X64} {
		more, tls, word := uint64(0xf94), uint64(0x2c), uint64(4)
		if a == synth.X64 {
			more, tls, word = 0x1780, 0x58, 8
		}
		for _, x := range []struct {
			name      string
			field, to uint64
			typ, prot uint32
			look      uint64
			usage     vmmap.Usage
			kind      string
		}{
			{"slots", more, place, synth.MemPrivate, synth.PageReadWrite, place + 1023*word, vmmap.Unknown, slots},
			{"the word behind them has its page", more, place, synth.MemPrivate, synth.PageReadWrite, place + 0x2000, vmmap.Unknown, ""},
			{"the array", tls, place, synth.MemPrivate, synth.PageReadWrite, place, vmmap.Unknown, array},
			{"not aligned", more, place + 2, synth.MemPrivate, synth.PageReadWrite, place + 8, vmmap.Unknown, ""},
			{"mapped", more, place, synth.MemMapped, synth.PageReadWrite, place, vmmap.MappedFile, ""},
			{"read only", more, place, synth.MemPrivate, synth.PageReadOnly, place, vmmap.Unknown, ""},
			{"no room for 1,024", more, place + 0x2000, synth.MemPrivate, synth.PageReadWrite, place + 0x2000, vmmap.Unknown, ""},
			{"another field", more + 2*word, place, synth.MemPrivate, synth.PageReadWrite, place, vmmap.Unknown, ""},
		} {
			to := x.to
			if x.name == "no room for 1,024" {
				to += 8 // 1,024 words are a page of x86, two of x64: from here they end beyond the region
			}
			p := process(synth.Win10v1809, a)
			u, kind := kindAt(t, p, x.look, func(m *synth.Image) {
				m.Reserve(place, 0x3000, x.typ, x.prot)
				m.Commit(place, 0x3000, x.prot)
				m.PutPtr(p.TEBs[0]+x.field, to)
			})
			if u != x.usage || kind != x.kind {
				t.Errorf("%v, %s: %v, %q; want %v, %q", a, x.name, u, kind, x.usage, x.kind)
			}
		}
	}
}

// TestThreadAreaInHeap: slots in a heap's block are the heap's memory, and
// the address is explained by both.
func TestThreadAreaInHeap(t *testing.T) {
	p := process(synth.Win10v1809, synth.X86)
	p.Prepare = func(b *synth.Built) { b.Image.PutPtr(p.TEBs[0]+0x2c, 0x2000800) }
	m := vmmap.Take(open(t, p.Build().Dump))
	o := m.Owners(0x2000800)
	if len(o) != 2 || o[0].Usage != vmmap.Heap || o[1].Kind != "array of pointers to thread-local data" || !o[1].HasThread {
		t.Fatalf("%d owners", len(o))
	}
	if o = m.Owners(0x2000804); len(o) != 1 {
		t.Errorf("%d owners of the word behind the first: the TEB does not say that the array is so long", len(o))
	}
}

// TestRandomAddresses: of 500 random addresses of each process, At gives the
// piece that a scan of all pieces gives, every owner holds the address, and
// what no region describes has none.
func TestRandomAddresses(t *testing.T) {
	for _, a := range []synth.Arch{synth.X86, synth.X64} {
		for _, w := range []synth.Family{synth.Win7, synth.Win10v1809} {
			m := vmmap.Take(open(t, process(w, a).Build().Dump))
			rng := rand.New(rand.NewPCG(7, uint64(a)))
			for range 500 {
				p := m.Pieces[rng.IntN(len(m.Pieces))]
				at := p.Start.Add(rng.Uint64N(p.Size()))
				if rng.IntN(10) == 0 {
					at = memory.Addr(rng.Uint64())
				}
				n := 0
				for _, q := range m.Pieces {
					if q.Contains(at) {
						n, p = n+1, q
					}
				}
				got, ok := m.At(at)
				if n > 1 || ok != (n == 1) || ok && (got.Range != p.Range || got.Usage != p.Usage || got.Owner != p.Owner) {
					t.Fatalf("%v: %v of %d pieces: %+v, %v", a, at, n, got, ok)
				}
				owners := m.Owners(at)
				if (!ok || p.State == memory.MemFree) && len(owners) > 0 || p.Owner != nil && ok && owners[0] != p.Owner {
					t.Fatalf("%v: %v has %d owners", a, at, len(owners))
				}
				for _, o := range owners[min(1, len(owners)):] {
					if !o.Contains(at) || o.Usage < owners[0].Usage {
						t.Fatalf("%v: %v is explained by %+v", a, at, o)
					}
				}
			}
		}
	}
}

// TestExpansionSlots: 1,024 pointers, no more, and none where they would lie
// in two regions.
func TestExpansionSlots(t *testing.T) {
	for _, ends := range []uint64{0x3000, 0x1000} {
		p := process(synth.Win10v1809, synth.X64)
		p.Prepare = func(b *synth.Built) {
			b.Image.Reserve(place, 0x3000, synth.MemPrivate, synth.PageReadWrite)
			b.Image.Commit(place, ends, synth.PageReadWrite)
			if ends < 0x3000 {
				b.Image.Commit(place+ends, 0x3000-ends, synth.PageReadOnly)
			}
			b.Image.PutPtr(p.TEBs[0]+0x1780, place)
		}
		o := vmmap.Take(open(t, p.Build().Dump)).Owners(place)
		if ends == 0x1000 && len(o) != 0 || ends == 0x3000 && (len(o) != 1 || o[0].Size() != 8192) {
			t.Errorf("committed to %#x: %d owners", ends, len(o))
		}
	}
}
