package ntheap_test

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/ntheap"
)

// A container that the heap keeps for later use is whole and no finding.
func TestCachedContainers(t *testing.T) {
	eachLFH(t, func(t *testing.T, family synth.Family, arch synth.Arch) {
		p := synth.NewProcess(family, arch)
		l := synth.NewLFH(family, arch, frontEndAt, 0x1234567)
		used := &synth.Container{Units: 4, SizeIndex: 3, Slots: lfhSlots(arch, 20, 4)}
		last := &synth.Container{Units: 6, SizeIndex: 5, Slots: make([]synth.Slot, 12), Cached: true}
		first := &synth.Container{Units: 6, SizeIndex: 5, Slots: make([]synth.Slot, 12), Cached: true, Next: last}
		h := p.AddHeap(&synth.Heap{Address: damagedAt, Segments: []synth.Segment{{Items: []synth.Item{l.Add(first), synth.Busy(8), l.Add(used), l.Add(last), synth.Internal(0x400)}}}})
		l.Install(p, h)
		w := open(t, space(t, p.Build().Dump), damagedAt, ntheap.Options{})
		healthy(t, w)
		agreeLFH(t, w, l)
		// A subsegment that was given up may still name what is no container now.
		b := p.Build()
		for _, x := range b.Heaps[0].Blocks {
			if x.State == synth.StateInternal && x.Bytes == 0x400 {
				b.Image.PutPtr(first.FieldAddr("UserBlocks"), x.User)
				b.Image.PutU16(first.FieldAddr("BlockSize"), 6)
				b.Image.PutU16(first.FieldAddr("BlockCount"), 5)
			}
		}
		stale := open(t, space(t, b.Redump()), damagedAt, ntheap.Options{})
		healthy(t, stale)
		if len(stale.blocks) != len(w.blocks) {
			t.Errorf("%d blocks, and %d before", len(stale.blocks), len(w.blocks))
		}
		if cs := w.heap.Containers(); len(cs) != 1 || uint64(cs[0].UserBlocks) != used.UserBlocks {
			t.Errorf("containers %+v", cs)
		}
	})
}

// User data that look like a container are user data.
func TestLFHDecoys(t *testing.T) {
	eachLFH(t, func(t *testing.T, family synth.Family, arch synth.Arch) {
		p := newLFHPatient(family, arch, false)
		h := p.lfh.Heap
		n := int(p.c.Slot(8) - p.c.UserBlocks)
		copied := h.Image.Read(p.c.UserBlocks, n)
		big, _ := h.At(p.other.Slot(0))
		h.Image.Write(big.User, copied[:80]) // in a slot
		for _, b := range p.busy {
			if b.Origin == synth.OriginBackEnd && b.Size == 100 {
				h.Image.Write(b.User, copied[:96]) // in a block
			}
		}
		w := open(t, space(t, p.built.Redump()), damagedAt, ntheap.Options{})
		healthy(t, w)
		agreeLFH(t, w, p.lfh)
	})
}

// A page that the dump lacks costs the slots whose headers lie in it what
// their headers say, and nothing else.
func TestLFHPagesMissing(t *testing.T) {
	eachLFH(t, func(t *testing.T, family synth.Family, arch synth.Arch) {
		p := newLFHPatient(family, arch, false)
		m := space(t, p.built.Dump)
		big := p.lfh.Containers[2]
		from, to := big.UserBlocks, big.Slot(len(big.Slots))
		for page := (from + 0xfff) &^ 0xfff; page < to; page += 0x1000 {
			w := open(t, without(m, memory.Addr(page)), damagedAt, ntheap.Options{})
			var slots, busy, lost uint64
			for _, b := range w.blocks {
				a := uint64(b.Addr)
				if a >= from && a < to {
					if b.State == heap.Lost {
						lost += b.Size
					} else if b.Origin == heap.LFH {
						slots++
					}
					if touches := a < page+0x1000 && uint64(b.End()) > page; b.Trust == heap.Doubtful && !touches {
						t.Errorf("page %#x: %+v", page, b)
					}
				}
				if b.Origin == heap.LFH && b.State == heap.Busy {
					busy++
				}
			}
			stride := big.Units * arch.Unit()
			if slots+lost/stride != 150 || win8(family) && (lost != 0 || busy != 24+21+90) {
				t.Errorf("page %#x: %d slots, %d lost bytes, %d busy", page, slots, lost, busy)
			}
			missing := 0
			for _, pr := range w.all() {
				if pr.Class != diag.Incomplete {
					t.Errorf("page %#x: %v is %v", page, pr, pr.Class)
				}
				if pr.Code == ntheap.CodeMemoryMissing && uint64(pr.At.Off) >= from && uint64(pr.At.Off) < to {
					missing++
				}
			}
			if missing != 1 {
				t.Errorf("page %#x: told %d times: %v", page, missing, w.all())
			}
		}
		zone := p.c.SubSegment &^ 0xfff // no subsegments at all
		w := open(t, without(m, memory.Addr(zone)), damagedAt, ntheap.Options{})
		for _, pr := range w.all() {
			if pr.Class != diag.Incomplete {
				t.Errorf("without zones: %v is %v", pr, pr.Class)
			}
		}
	})
}

// The vote is over all heaps of one ntdll, and a few liars do not win it.
func TestLFHKeyVote(t *testing.T) {
	eachLFH(t, func(t *testing.T, family synth.Family, arch synth.Arch) {
		p := newLFHPatient(family, arch, false)
		per := 4
		if win8(family) {
			per = 5
		}
		one := open(t, space(t, p.built.Dump), damagedAt, ntheap.Options{}).heap
		if k := ntheap.RecoverLFHKey(one, one); k.Value != p.lfh.Key || k.For != 2*3*per || k.Against != 0 || !k.Known() {
			t.Errorf("%+v", k)
		}
		p.xor(p.header(0)+1, 0x40)
		p.xor(p.header(39)+2, 0x40)
		liars := open(t, space(t, p.built.Redump()), damagedAt, ntheap.Options{}).heap
		if k := ntheap.RecoverLFHKey(one, liars); k.Value != p.lfh.Key || k.For != 2*3*per-2 || k.Against != 2 || !k.Known() {
			t.Errorf("%+v", k)
		}
		if k := ntheap.RecoverLFHKey(); k.Known() || k != (ntheap.LFHKey{}) {
			t.Errorf("of nothing: %+v", k)
		}
		p.Image.Write(p.lfh.Address, make([]byte, 0x50)) // neither zones nor Heap
		blind := open(t, space(t, p.built.Redump()), damagedAt, ntheap.Options{}).heap
		if k := ntheap.RecoverLFHKey(blind); k.Value != p.lfh.Key || !k.Known() {
			t.Errorf("without zones: %+v", k)
		}
		if (ntheap.LFHKey{For: 1}).Known() || (ntheap.LFHKey{For: 6, Against: 2}).Known() || !(ntheap.LFHKey{For: 7, Against: 2}).Known() {
			t.Error("Known")
		}
	})
}

func TestContainersAndBuckets(t *testing.T) {
	eachLFH(t, func(t *testing.T, family synth.Family, arch synth.Arch) {
		p := newLFHPatient(family, arch, false)
		h := open(t, space(t, p.built.Dump), damagedAt, ntheap.Options{}).heap
		cs := h.Containers()
		if len(cs) != 3 {
			t.Fatalf("%+v", cs)
		}
		u := arch.Unit()
		want := ntheap.Container{UserBlocks: addr(p.c.UserBlocks), SubSegment: addr(p.c.SubSegment), SizeIndex: 7, BlockSize: 8 * u,
			Blocks: 40, Busy: 24, Free: 16, Depth: 16, Bytes: p.c.Slot(40) + p.c.Spare - p.c.UserBlocks + u}
		if cs[0] != want {
			t.Errorf("got %+v, want %+v", cs[0], want)
		}
		if cs[1].Affinity != 1 || cs[1].Busy != 21 {
			t.Errorf("%+v", cs[1])
		}
		bs := h.Buckets(append(cs, cs[0]))
		if len(bs) != 3 || bs[0].SubSegments != 2 || bs[0].Blocks != 80 || bs[0].Unused != 32*8*u || bs[0].Affinity || !bs[2].Affinity || bs[2].BlockSize != 24*u {
			t.Errorf("%+v", bs)
		}
		w := open(t, space(t, p.built.Dump), damagedAt, ntheap.Options{})
		n := 0
		for range w.heap.Blocks(nil) { // a consumer that stops is obeyed
			if n++; n == 9 {
				break
			}
		}
	})
}

// lfhMutated is mutated, of a heap with containers.
func lfhMutated(t testing.TB, seed uint64, edits []byte) (*memory.Space, *synth.BuiltHeap) {
	rng := rand.New(rand.NewPCG(seed, 3))
	all := synth.Families()[1:]
	family := all[rng.IntN(len(all))]
	arch := []synth.Arch{synth.X86, synth.X64}[rng.IntN(2)]
	p := synth.NewProcess(family, arch)
	s := synth.RandomHeap(rng, family, arch, damagedAt)
	l := synth.RandomLFH(rng, s, frontEndAt)
	l.Install(p, p.AddHeap(s))
	b := p.Build()
	h := b.Heaps[0]
	for ; len(edits) >= 7; edits = edits[7:] {
		where, how := binary.LittleEndian.Uint32(edits)&0xffffff, edits[3]
		n := len(l.Containers)
		if how&8 == 0 || n == 0 {
			change(h, where, how, edits[4:7])
			continue
		}
		c := l.Containers[int(how>>4)%n]
		at := c.UserBlocks + uint64(where)%0x400
		if how&4 != 0 {
			at = c.SubSegment + uint64(where)%0x40
		}
		if how&2 != 0 {
			at = l.Address + uint64(where)%0x2000
		}
		if h.Image.Committed(at) {
			h.Image.Write(at, edits[4:4+1+int(how&1)])
		}
	}
	return space(t, b.Redump()), h
}

func FuzzLFH(f *testing.F) {
	for seed := range uint64(12) {
		f.Add(seed, []byte{byte(seed), 0, 0, 0x18, 1, 2, 3, 0x08, 0, 0, 0x2c, 0xff, 0xff, 7, 9, 0, 0, 0x3d, 0x41, 0x41, 30, 0x40, 1, 0, 0x1a, 9, 9, 9})
	}
	f.Fuzz(func(t *testing.T, seed uint64, edits []byte) {
		m, h := lfhMutated(t, seed, edits[:min(len(edits), 7*40)])
		hints := ntheap.Options{}
		for _, s := range h.Segs {
			hints.Segments = append(hints.Segments, memory.Addr(s.Header))
		}
		lawful(t, m, damagedAt, hints, savedBytes(m))
		nt, err := ntheap.Open(m, damagedAt, hints)
		if err != nil {
			return
		}
		cs := nt.Containers()
		nt.Buckets(cs)
		nt.SetLFHKey(ntheap.RecoverLFHKey(nt))
		n := 0
		for b := range nt.Blocks(nil) {
			if b.Origin == heap.LFH {
				n++
			}
		}
		for _, c := range cs {
			if c.Busy+c.Free > c.Blocks {
				t.Errorf("%+v", c)
			}
		}
	})
}
