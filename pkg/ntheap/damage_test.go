package ntheap_test

import (
	"fmt"
	"testing"

	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/ntheap"
)

const damagedAt = 0x4000000

// patient is a heap to be damaged: the script is the same for every damage.
type patient struct {
	*synth.BuiltHeap
	built *synth.Built
	busy  []synth.Block // of the first segment's committed runs, in order
	free  []synth.Block // likewise
	fx    effect
}

// effect is what one damage is allowed to change in a walk.
type effect struct {
	lost    map[uint64]bool // entries of blocks that are lost
	mended  map[uint64]bool // entries whose block is repaired or doubtful, and else the same
	page    uint64          // the page is missing, and with it the blocks that touch it
	options ntheap.Options
}

func newPatient(family synth.Family, arch synth.Arch, plain bool) *patient {
	return newPatientOf(family, arch, plain, func(*synth.Heap) {})
}

// newPatientOf is newPatient with a script that was changed.
func newPatientOf(family synth.Family, arch synth.Arch, plain bool, change func(*synth.Heap)) *patient {
	p := synth.NewProcess(family, arch)
	script := &synth.Heap{Address: damagedAt, Plain: plain, Segments: []synth.Segment{
		{Items: []synth.Item{
			synth.Busy(100), synth.Free(0x200), synth.Busy(24), synth.Busy(0x300), synth.Busy(31), synth.Free(0x400), synth.Busy(40),
			synth.Busy(0x1800), synth.Free(0x200), synth.Busy(60), synth.Uncommitted(0x3000),
			synth.Busy(56), synth.Free(0x180), synth.Busy(200), synth.Busy(72), synth.Uncommitted(0x2000),
		}},
		{Address: damagedAt + 0x100000, Reserve: 0x10000, Items: []synth.Item{
			synth.Busy(64), synth.Free(0x500), synth.Busy(0x1000), synth.Busy(33), synth.Busy(48), synth.Free(0x100), synth.Busy(16),
		}},
		{Address: damagedAt + 0x200000, Reserve: 0x8000, Items: []synth.Item{synth.Busy(1000), synth.Free(0x300), synth.Busy(1001)}},
	}, Virtual: []synth.Virtual{
		{Address: damagedAt + 0x800000, Size: 0x81234, FirstPage: true}, {Address: damagedAt + 0xa00000, Size: 0x90000, FirstPage: true}, {Address: damagedAt + 0xc00000, Size: 0x88001, FirstPage: true},
	}}
	change(script)
	p.AddHeap(script)
	b := p.Build()
	return &patient{BuiltHeap: b.Heaps[0], built: b, busy: b.Heaps[0].Only(synth.StateBusy), free: b.Heaps[0].Only(synth.StateFree),
		fx: effect{lost: map[uint64]bool{}, mended: map[uint64]bool{}}}
}

// damage is a row of the table: one thing that is wrong, and what is said of it.
type damage struct {
	name  string
	code  diag.Code
	also  map[diag.Code]string // consequences that cannot be told apart from damage of their own, and why
	class diag.Class
	in    func(family synth.Family, plain bool) bool // nil: every family, encoded
	do    func(p *patient)
}

func allDamages() []damage { return append(append([]damage{}, headerDamages...), entryDamages...) }

func vista(f synth.Family, plain bool) bool { return f != synth.XP && !plain }
func xp(f synth.Family, plain bool) bool    { return f == synth.XP && !plain }
func plainToo(synth.Family, bool) bool      { return true }

// eachPatient runs f for every family, and for plain headers of two.
func eachPatient(t *testing.T, f func(t *testing.T, family synth.Family, make func() *patient, plain bool)) {
	for _, family := range synth.Families() {
		for _, arch := range []synth.Arch{synth.X86, synth.X64} {
			for _, plain := range []bool{false, true} {
				if plain && family != synth.Win7 && family != synth.Win10v1809 {
					continue
				}
				name := fmt.Sprintf("%v-%v", family, arch)
				if plain {
					name += "-plain"
				}
				t.Run(name, func(t *testing.T) {
					f(t, family, func() *patient { return newPatient(family, arch, plain) }, plain)
				})
			}
		}
	}
}

func TestHealthyPatient(t *testing.T) {
	eachPatient(t, func(t *testing.T, _ synth.Family, make func() *patient, _ bool) {
		p := make()
		w := open(t, space(t, p.built.Dump), damagedAt, ntheap.Options{})
		healthy(t, w)
		agree(t, w, p.Blocks)
	})
}

func TestOneDamageOneCode(t *testing.T) {
	eachPatient(t, func(t *testing.T, family synth.Family, make func() *patient, plain bool) {
		for _, d := range allDamages() {
			if in := d.in; in == nil && plain || in != nil && !in(family, plain) {
				continue
			}
			t.Run(string(d.code)+"/"+d.name, func(t *testing.T) {
				p := make()
				d.do(p)
				w := open(t, space(t, p.built.Redump()), damagedAt, p.fx.options)
				told := 0
				for _, pr := range w.all() {
					if pr.Class != d.class {
						t.Errorf("class %v: %v", pr.Class, pr)
					}
					if pr.Code == d.code {
						told++
					} else if d.also[pr.Code] == "" {
						t.Errorf("unexpected: %v", pr)
					}
				}
				if told != 1 {
					t.Errorf("told %d times of %s, want once: %v", told, d.code, w.all())
				}
				p.compare(t, w)
			})
		}
	})
}

// compare holds the walk of a damaged heap against the truth: every block but
// those that the damage is allowed to touch is as it was.
func (p *patient) compare(t *testing.T, w walked) {
	t.Helper()
	got := map[uint64]heap.Block{}
	for _, b := range w.blocks {
		got[uint64(b.Addr)] = b
	}
	for _, x := range p.Blocks {
		if page := p.fx.page; page != 0 && x.Entry < page+0x1000 && x.End() >= page && x.State != synth.StateUncommitted {
			continue
		}
		g, ok := got[x.Entry]
		delete(got, x.Entry)
		want := states[x.State]
		if p.fx.lost[x.Entry] {
			want = heap.Lost
		}
		if !ok || g.Size != x.Bytes || g.State != want {
			t.Errorf("block %#x of %#x bytes, %v: got %+v", x.Entry, x.Bytes, want, g)
			continue
		}
		if (g.Trust != heap.Sound) != (p.fx.mended[x.Entry] || p.fx.lost[x.Entry]) {
			t.Errorf("block %#x is %v", x.Entry, g.Trust)
		}
		if g.State == heap.Busy && !p.fx.mended[x.Entry] && (uint64(g.User()) != x.User || g.UserBytes() != x.Size) {
			t.Errorf("block %#x: user %v of %d bytes, want %#x of %d", x.Entry, g.User(), g.UserBytes(), x.User, x.Size)
		}
	}
	for a, b := range got {
		if page := p.fx.page; page == 0 || b.State != heap.Lost || a >= page+0x1000 || uint64(b.End()) <= page {
			t.Errorf("block %#x was invented: %+v", a, b)
		}
	}
}

func addr(a uint64) memory.Addr { return memory.Addr(a) }
