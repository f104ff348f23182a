package check_test

import (
	"context"
	"maps"
	"testing"

	"github.com/heapdump/heapdump/internal/analysis/check"
	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/ntheap"
	"github.com/heapdump/heapdump/pkg/process"
)

// rule is a rule of check's that is no walk's, a damage that it speaks of, and
// the nearest innocent twin. The walks' rules have theirs beside the walks.
type rule struct {
	code      diag.Code
	lacking   bool // the damage is the dump's lack, and no finding
	do, spare func(p *synth.Process, b *synth.Built)
}

// fillsOf are the first busy and the first free block of the heap.
func fillsOf(b *synth.Built) (busy, free synth.Block) {
	return b.Heaps[0].Only(synth.StateBusy)[0], b.Heaps[0].Only(synth.StateFree)[0]
}

var rules = []rule{
	{process.CodePEBMissing, true,
		func(p *synth.Process, b *synth.Built) {
			for _, teb := range p.TEBs {
				b.Image.PutPtr(teb+12*p.Arch.PtrSize(), 0)
			}
		},
		func(p *synth.Process, b *synth.Built) { b.Image.Drop(p.TEBs[1]) }},
	{process.CodePEBHeaps, false,
		func(p *synth.Process, b *synth.Built) { b.Image.PutU32(p.PEBFieldAddr("NumberOfHeaps"), 17) },
		func(p *synth.Process, b *synth.Built) { b.Image.PutU32(p.PEBFieldAddr("MaximumNumberOfHeaps"), 1) }},
	{process.CodePEBHeapsMissing, true,
		func(p *synth.Process, b *synth.Built) { b.Image.Drop(p.ProcessHeaps &^ 0xfff) },
		func(p *synth.Process, b *synth.Built) {
			b.Image.PutPtr(p.ProcessHeaps+p.Arch.PtrSize(), 0xdead0000) // behind the last
		}},
	{process.CodeTEB, false,
		func(p *synth.Process, b *synth.Built) { b.Image.PutPtr(p.TEBs[1]+6*p.Arch.PtrSize(), 1) },
		func(p *synth.Process, b *synth.Built) { b.Image.PutPtr(p.TEBs[1]+5*p.Arch.PtrSize(), 1) }}, // ArbitraryUserPointer
	{ntheap.CodeTailFill, false,
		func(_ *synth.Process, b *synth.Built) { x, _ := fillsOf(b); b.Image.PutU8(x.User+x.Size, 'x') },
		func(_ *synth.Process, b *synth.Built) { x, _ := fillsOf(b); b.Image.PutU8(x.User+x.Size-1, 'x') }},
	{ntheap.CodeFreeFill, false,
		func(_ *synth.Process, b *synth.Built) { _, x := fillsOf(b); b.Image.PutU8(x.End()-1, 'x') },
		func(_ *synth.Process, b *synth.Built) {
			x, _ := fillsOf(b)
			b.Image.Fill(x.User, x.Size, []byte{0xee, 0xfe})
		}},
}

// ruled checks a process of two threads with a heap of the debug heap's kind.
func ruled(t *testing.T, a synth.Arch, do func(p *synth.Process, b *synth.Built)) *check.Result {
	t.Helper()
	p := synth.NewProcess(synth.Win7, a)
	p.TEBs = append(p.TEBs, p.TEBs[0]-0x10000)
	p.AddHeap(&synth.Heap{Address: 0x250000, Flags: synth.FlagGrowable | synth.FlagTailChecking | synth.FlagFreeChecking, Segments: []synth.Segment{{Items: []synth.Item{
		synth.Busy(0x48), synth.Free(0x200), synth.Busy(0x38), synth.Free(0x300), synth.Busy(8),
	}}}})
	p.Prepare = func(b *synth.Built) { do(p, b) }
	tg, err := target.Parse("test.dmp", p.Build().Dump.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	r, err := check.Take(context.Background(), tg, tg.Heaps, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestRules: a rule speaks of its damage, alone and with a title, and is
// silent of the twin.
func TestRules(t *testing.T) {
	for _, c := range rules {
		for _, a := range []synth.Arch{synth.X86, synth.X64} {
			r := ruled(t, a, c.do)
			told := map[diag.Code]int{}
			for _, f := range r.Findings {
				if told[f.Code]++; f.Title == "" {
					t.Errorf("%s, %v: no title", c.code, a)
				}
			}
			if c.lacking {
				for _, p := range r.NotChecked {
					told[p.Code]++
				}
			}
			if told[c.code] != 1 || len(told) != 1 || c.lacking != (len(r.Findings) == 0) {
				t.Errorf("%s, %v: findings %v, not checked %v", c.code, a, r.Findings, r.NotChecked)
			}
			if r := ruled(t, a, c.spare); len(r.Findings) != 0 || len(r.NotChecked) != 0 || r.Heaps != 1 {
				t.Errorf("the twin of %s, %v: findings %v, not checked %v", c.code, a, r.Findings, r.NotChecked)
			}
		}
	}
}

func TestEveryCodeHasADamage(t *testing.T) {
	codes := process.Codes()
	maps.Copy(codes, ntheap.FillCodes())
	maps.Copy(codes, ntheap.FailureCodes())
	delete(codes, ntheap.CodeFailure) // TestDetected has its damages and twins
	delete(codes, process.CodeLoader) // the loader's list is not read by check: see TestLoaderDamage
	for _, c := range rules {
		if _, ok := codes[c.code]; !ok || c.do == nil || c.spare == nil {
			t.Errorf("%s has no damage or twin, or is not in Codes", c.code)
		}
		delete(codes, c.code)
	}
	for c, words := range codes {
		t.Errorf("no damage and no twin for %s: %s", c, words)
	}
}
