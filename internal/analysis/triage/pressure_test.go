package triage_test

import (
	"strings"
	"testing"

	"github.com/heapdump/heapdump/internal/analysis/triage"
	"github.com/heapdump/heapdump/internal/finding"
	"github.com/heapdump/heapdump/internal/synth"
)

// holed is a process with one heap of which the items are given, and others
// that are small.
func holed(base uint64, process string, items []synth.Item, reserve uint64) *synth.Process {
	p := synth.NewProcess(synth.Win10v1809, synth.X64)
	p.ImageBase, p.ImagePath = 0x7ff600000000+base, `C:\app\`+process
	p.AddHeap(&synth.Heap{Address: 0x10000000000 + base, Flags: synth.FlagGrowable, Segments: []synth.Segment{{Items: []synth.Item{synth.Busy(100), synth.Free(0x200), synth.Busy(24)}}}})
	p.AddHeap(&synth.Heap{Address: 0x20000000000 + base, Flags: synth.FlagGrowable, Segments: []synth.Segment{{Reserve: reserve, Items: items}}})
	return p
}

// alternate is so many pairs of a block in use and a free one.
func alternate(n int, busy, free uint64) []synth.Item {
	var out []synth.Item
	for range n {
		out = append(out, synth.Busy(busy), synth.Free(free))
	}
	return append(out, synth.Busy(24))
}

// TestFragmented: more than half of the committed memory free, and 32 MiB or
// more of it, is a finding; a little less of either is none.
func TestFragmented(t *testing.T) {
	const free = 0xf0000 // 960 KiB
	for _, c := range []struct {
		name  string
		items []synth.Item
		found bool
	}{
		{"33 MiB free, little in use", alternate(36, 64, free), true},
		{"31 MiB free, little in use", alternate(33, 64, free), false},
		{"33 MiB free, more in use", alternate(36, free+0x8000, free), false},
	} {
		r := of(t, holed(0, "a.exe", c.items, 0x4800000), triage.Options{})
		if got := strings.Contains(strings.Join(fingerprints(r), " "), "HD1301"); got != c.found {
			t.Errorf("%s: %q", c.name, fingerprints(r))
		}
		if !c.found {
			continue
		}
		f := byRule(t, r, finding.Fragmented)
		if f.Severity != finding.Medium || f.Fingerprint != "HD1301/a.exe/a-private-heap" || !strings.Contains(f.Evidence, "in 37 blocks of which the largest has 983,040 bytes") &&
			!strings.Contains(f.Evidence, "in 36 blocks of which the largest has 983,040 bytes") {
			t.Errorf("%s: %+v", c.name, f)
		}
		again := of(t, holed(0x5550000, "a.exe", alternate(37, 64, free), 0x4800000), triage.Options{})
		if g := byRule(t, again, finding.Fragmented); g.Fingerprint != f.Fingerprint {
			t.Errorf("another run: %s and %s", g.Fingerprint, f.Fingerprint)
		}
		other := of(t, holed(0, "b.exe", c.items, 0x4800000), triage.Options{})
		if g := byRule(t, other, finding.Fragmented); g.Fingerprint == f.Fingerprint {
			t.Errorf("another program: %s", g.Fingerprint)
		}
	}
}

// TestManyRanges: a thousand uncommitted ranges that are most of the heap are a
// finding; fewer, or small ones among much that is committed, are none.
func TestManyRanges(t *testing.T) {
	ranges := func(n int, busy, uncommitted uint64) (out []synth.Item) {
		for range n {
			out = append(out, synth.Busy(busy), synth.Uncommitted(uncommitted))
		}
		return append(out, synth.Busy(100))
	}
	for _, c := range []struct {
		name  string
		items []synth.Item
		found bool
	}{
		{"many and most", ranges(1010, 100, 0x8000), true},
		{"most but few", ranges(900, 100, 0x8000), false},
		{"many but half", ranges(1010, 0x1800, 0x2000), false},
	} {
		r := of(t, holed(0, "a.exe", c.items, 0), triage.Options{})
		if got := strings.Contains(strings.Join(fingerprints(r), " "), "HD1302"); got != c.found {
			t.Errorf("%s: %q", c.name, fingerprints(r))
		}
		if c.found {
			if f := byRule(t, r, finding.ManyRanges); f.Severity != finding.Low || f.Fingerprint != "HD1302/a.exe/a-private-heap" {
				t.Errorf("%+v", f)
			}
		}
	}
}

// TestUsable: as many small reservations as lose much address space lose none
// where each fills its 64 KiB.
func TestUsable(t *testing.T) {
	p := tight(synth.X86, 512<<20)
	prepare := p.Prepare
	p.Prepare = func(b *synth.Built) {
		prepare(b)
		for i := range uint64(4096) {
			b.Image.Reserve(0x10000000+i*0x10000, 0x10000, synth.MemPrivate, synth.PageReadWrite)
		}
	}
	r := of(t, p, triage.Options{})
	if n, ok := r.Figures["address.unusable"]; !ok || n > 16<<20 {
		t.Errorf("%v unusable, known: %v", n, ok)
	}
	for _, f := range r.Findings {
		if f.Rule == finding.Unusable {
			t.Errorf("%+v", f)
		}
	}
}
