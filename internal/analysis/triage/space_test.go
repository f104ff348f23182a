package triage_test

import (
	"strings"
	"testing"

	"github.com/heapdump/heapdump/internal/analysis/triage"
	"github.com/heapdump/heapdump/internal/finding"
	"github.com/heapdump/heapdump/internal/synth"
)

// tight is a 32-bit process of which everything from 0x10000000 up is taken
// but for a hole of so many bytes, and below it small is.
func tight(a synth.Arch, hole uint64) *synth.Process {
	p := synth.NewProcess(synth.Win7, a)
	p.ImageBase, p.ImagePath = 0x400000, `C:\app\app.exe`
	pe := &synth.PE{Arch: a, Base: p.ImageBase, Sections: []synth.PESection{{Name: ".text", RVA: 0x1000, Size: 0x1000, Flags: synth.SecCode}}}
	p.Modules = []synth.Module{{Base: p.ImageBase, Size: pe.Size(), Name: p.ImagePath, PE: pe}}
	p.AddHeap(&synth.Heap{Address: 0x250000, Flags: synth.FlagGrowable, Segments: []synth.Segment{{Items: []synth.Item{synth.Busy(100)}}}})
	p.Prepare = func(b *synth.Built) {
		for base := uint64(0x1000000); base < 0x10000000; base += 0x1000000 { // at most 16 MiB less 64 KiB between
			b.Image.Reserve(base, 0x10000, synth.MemPrivate, synth.PageReadWrite)
		}
		b.Image.Reserve(0x10000000+hole, 0x6f000000-hole, synth.MemPrivate, synth.PageReadWrite)
	}
	return p
}

// TestAddressSpace: the largest hole decides, of 32-bit processes alone.
func TestAddressSpace(t *testing.T) {
	for _, c := range []struct {
		arch     synth.Arch
		hole     uint64
		severity finding.Severity
		found    bool
	}{
		{synth.X86, 0, finding.High, true}, {synth.X86, 32 << 20, finding.Medium, true}, {synth.X86, 200 << 20, 0, false}, {synth.X64, 0, 0, false},
	} {
		r := of(t, tight(c.arch, c.hole), triage.Options{})
		largest, known := r.Figures["address.largest_free"]
		if known != (c.arch == synth.X86) {
			t.Errorf("%v: figure %v, %v", c.arch, largest, known)
		}
		if !c.found {
			if strings.Contains(strings.Join(fingerprints(r), " "), "HD14") {
				t.Errorf("%v, %d: %q", c.arch, c.hole, fingerprints(r))
			}
			continue
		}
		if f := byRule(t, r, finding.AddressSpace); f.Severity != c.severity || f.Fingerprint != "HD1401/app.exe" {
			t.Errorf("%v, %d: %+v, largest %v", c.arch, c.hole, f, largest)
		}
	}
}

// TestUnusable: what begins off a multiple of 64 KiB is lost.
func TestUnusable(t *testing.T) {
	p := tight(synth.X86, 512<<20)
	prepare := p.Prepare
	p.Prepare = func(b *synth.Built) {
		prepare(b)
		for i := range uint64(4096) { // of each 64 KiB, 60 are lost
			b.Image.Reserve(0x10000000+i*0x10000, 0x1000, synth.MemPrivate, synth.PageReadWrite)
		}
	}
	r := of(t, p, triage.Options{})
	if n := r.Figures["address.unusable"]; n < 4096*0xf000 || n > 4096*0xf000+16<<20 {
		t.Errorf("%v unusable", n)
	}
	byRule(t, r, finding.Unusable)
}
