package triage_test

import (
	"context"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/heapdump/heapdump/internal/analysis/triage"
	"github.com/heapdump/heapdump/internal/finding"
	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/internal/target"
)

// run is a run of one buggy program: where things lie, and how long it ran.
type run struct {
	image, heap, trace uint64
	leaked             int // blocks that nothing points to
	listed             int // blocks of a list from a variable
	change             func(*synth.Built)
}

var first = run{image: 0x7ff6c0010000, heap: 0x1c0aa400000, trace: 0x1c0b0000000, leaked: 200, listed: 300}

// program builds a run of a program that leaks where it is at +0x1a2c, keeps
// all that it ever read in a list from +0x4010, and writes over the end of a
// block that it allocates at +0x2b10.
func program(r run) *synth.Process {
	ntdll := r.image + 0x7d250000
	p := synth.NewProcess(synth.Win10v1809, synth.X64)
	p.NtGlobalFlag = 0x1000 // +ust
	p.ImagePath, p.ImageBase = `C:\orchard\Orchard.exe`, r.image
	pe := &synth.PE{Arch: synth.X64, Base: r.image, Sections: []synth.PESection{
		{Name: ".text", RVA: 0x1000, Size: 0x2000, Flags: synth.SecCode}, {Name: ".data", RVA: 0x4000, Size: 0x1000, Flags: synth.SecData}}}
	p.Modules = []synth.Module{{Base: r.image, Size: pe.Size(), Name: p.ImagePath, PE: pe}, {Base: ntdll, Size: 0x1f8000, Name: `C:\Windows\System32\ntdll.dll`}}
	var items []synth.Item
	for range r.listed {
		items = append(items, synth.Busy(48))
	}
	for range r.leaked {
		items = append(items, synth.Busy(1000).WithStack(r.trace+0x100))
	}
	items = append(items, synth.Busy(40).WithStack(r.trace+0x200).WithContent([]byte("a list of fruit: apple, quince, medlar, ")),
		synth.Busy(24), synth.Busy(24).WithStack(r.trace+0x200))
	p.AddHeap(&synth.Heap{Address: r.heap, Flags: synth.FlagGrowable | synth.FlagStackTrace, Segments: []synth.Segment{{Reserve: 0x200000, Items: items}}})
	p.Prepare = func(b *synth.Built) {
		b.Image.Reserve(r.trace, 0x10000, synth.MemPrivate, synth.PageReadWrite)
		synth.StackTrace(b.Image, synth.X64, r.trace+0x100, 1, ntdll+0x2a883, r.image+0x1a2c, r.image+0x1f40)
		synth.StackTrace(b.Image, synth.X64, r.trace+0x200, 2, ntdll+0x2a883, r.image+0x2b10, r.image+0x1010)
		var list []uint64
		for _, x := range b.Heaps[0].Blocks {
			switch {
			case x.State == synth.StateBusy && x.Size == 48:
				list = append(list, x.User)
			case x.State == synth.StateBusy && x.Size == 40:
				b.Image.Write(x.User+40, []byte("plum, damson, sloe, red "))
			}
		}
		b.Image.PutU64(r.image+0x4010, list[0])
		for i := range list[:len(list)-1] {
			b.Image.PutU64(list[i], list[i+1])
		}
		b.Dump.Exception = &synth.Exception{ThreadID: 1, Code: 0xc0000005, Address: r.image + 0x2210, Params: []uint64{1, 0x18}}
		if r.change != nil {
			r.change(b)
		}
	}
	return p
}

func take(t *testing.T, r run, o triage.Options) *triage.Result {
	t.Helper()
	return of(t, program(r), o)
}

func of(t *testing.T, p *synth.Process, o triage.Options) *triage.Result {
	t.Helper()
	tg, err := target.Parse("test.dmp", p.Build().Dump.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return triage.Take(context.Background(), tg, o)
}

func fingerprints(r *triage.Result) (out []string) {
	for _, f := range r.Findings {
		out = append(out, f.Fingerprint)
	}
	slices.Sort(out)
	return out
}

// byRule is the only finding of a rule.
func byRule(t *testing.T, r *triage.Result, rule string) finding.Finding {
	t.Helper()
	var out []finding.Finding
	for _, f := range r.Findings {
		if f.Rule == rule {
			out = append(out, f)
		}
	}
	if len(out) != 1 {
		t.Fatalf("%d findings of %s among %q", len(out), rule, fingerprints(r))
	}
	return out[0]
}

// address is what no title or fingerprint may have.
var address = regexp.MustCompile(`0x[0-9a-f]{7,}`)

// TestFingerprints: the bugs of a program have the same fingerprints in another
// run, at other addresses and after another time; a bug elsewhere has another.
func TestFingerprints(t *testing.T) {
	want := []string{
		"HD1001/orchard.exe/c0000005/orchard.exe+0x2210/writing-the-null-page",
		"HD1101/orchard.exe/entry-overwritten/_HEAP_ENTRY./linear-overrun-from-the-block-before/to-64",
		"HD1201/orchard.exe/list/48/orchard.exe!.data+0x10",
		"HD1202/orchard.exe/stack/orchard.exe+0x1a2c",
	}
	a := take(t, first, triage.Options{})
	b := take(t, run{image: 0x7ff7123f0000, heap: 0x23e00010000, trace: 0x23f10000000, leaked: 377, listed: 512}, triage.Options{})
	for i, r := range []*triage.Result{a, b} {
		if got := fingerprints(r); !slices.Equal(got, want) {
			t.Errorf("run %d: %q", i, got)
		}
		for _, f := range r.Findings {
			if address.MatchString(f.Title) || address.MatchString(f.Fingerprint) || f.Title == "" || f.Evidence == "" {
				t.Errorf("run %d: %+v", i, f)
			}
		}
	}
	other := take(t, run{image: first.image, heap: first.heap, trace: first.trace, leaked: 200, listed: 300, change: func(b *synth.Built) {
		b.Dump.Exception.Address += 0x40
		b.Dump.Exception.Params = []uint64{0, 0x18}
		synth.StackTrace(b.Image, synth.X64, first.trace+0x100, 1, first.image+0x7d250000+0x2a883, first.image+0x1a55, first.image+0x1f40)
	}}, triage.Options{})
	got := fingerprints(other)
	if len(got) != 4 || got[0] != "HD1001/orchard.exe/c0000005/orchard.exe+0x2250/reading-the-null-page" || got[3] != "HD1202/orchard.exe/stack/orchard.exe+0x1a55" {
		t.Errorf("other bugs: %q", got)
	}
}

// TestNumbers: severities, figures and evidence against what was built.
func TestNumbers(t *testing.T) {
	r := take(t, first, triage.Options{})
	leak := byRule(t, r, finding.Unreachable)
	// What is behind the overrun is lost, and what the blocks there would lead
	// to with it: the leak is the 200 blocks of 1,000 bytes.
	if leak.Bytes != 200_000 || leak.Blocks != 200 || leak.Severity != finding.Low || !strings.HasPrefix(leak.Evidence, "No root leads to 200 blocks of 200,000 bytes together,") {
		t.Errorf("%+v", leak)
	}
	if r.Figures["leaked_bytes"] < 200_000 || r.Figures["leaked_bytes"] > 200_000+88 || r.Figures["corruption"] != 1 {
		t.Errorf("%v", r.Figures)
	}
	if d := byRule(t, r, finding.HeapStructure); d.Severity != finding.High || d.Confidence != finding.Sure || d.Places != 1 {
		t.Errorf("%+v", d)
	}
	many := first
	many.leaked, many.change = 1100, nil
	if leak := byRule(t, take(t, many, triage.Options{}), finding.Unreachable); leak.Bytes != 1_100_000 || leak.Severity < finding.Medium {
		t.Errorf("%+v", leak)
	}
}

// TestInnocent: a sound program of the same make has no finding.
func TestInnocent(t *testing.T) {
	r := first
	r.leaked, r.listed = 60, 99 // below what is worth a word
	p := program(r)
	items := p.Heaps[0].Segments[0].Items
	items[len(items)-3] = synth.Busy(32) // nothing overruns
	prepare := p.Prepare
	p.Prepare = func(b *synth.Built) { prepare(b); b.Dump.Exception = nil }
	if got := of(t, p, triage.Options{}); len(got.Findings) != 0 || got.Stopped || got.Figures["corruption"] != 0 {
		t.Errorf("%+v", got.Findings)
	}
}

// TestExceptions: which exceptions are crashes.
func TestExceptions(t *testing.T) {
	for _, c := range []struct {
		code     uint32
		rule     string
		severity finding.Severity
	}{
		{0xc0000005, finding.AccessViolation, finding.High}, {0xc0000006, finding.AccessViolation, finding.High},
		{0xc00000fd, finding.StackOverflow, finding.High}, {0xe06d7363, finding.Exception, finding.High}, {0xc0000409, finding.Exception, finding.High},
		{0x80000003, finding.NoCrash, finding.Info}, {0x80000004, finding.NoCrash, finding.Info}, {0x40010005, finding.NoCrash, finding.Info}, {0, finding.NoCrash, finding.Info},
	} {
		r := first
		r.change = func(b *synth.Built) { b.Dump.Exception.Code = c.code }
		if f := byRule(t, take(t, r, triage.Options{}), c.rule); f.Severity != c.severity {
			t.Errorf("%#x: %+v", c.code, f)
		}
	}
	r := first
	r.change = func(b *synth.Built) { b.Dump.Exception.Code = 0xc0000374 }
	got := take(t, r, triage.Options{})
	for _, f := range got.Findings {
		if strings.HasPrefix(f.Rule, "HD10") {
			t.Errorf("%+v beside %+v", f, byRule(t, got, finding.DetectedDamage))
		}
	}
}

// TestHandles: ten thousand handles are a finding, one fewer are none.
func TestHandles(t *testing.T) {
	for n, want := range map[int]finding.Severity{9_999: 0, 10_000: finding.Medium, 100_000: finding.High} {
		r := first
		r.change = func(b *synth.Built) {
			h := &synth.HandleData{}
			for i := range n {
				h.Handles = append(h.Handles, synth.Handle{Handle: uint64(4 * (i + 1)), TypeName: []string{"Event", "Event", "File"}[i%3]})
			}
			b.Dump.Handles = h
		}
		got := take(t, r, triage.Options{})
		if got.Figures["handles"] != float64(n) {
			t.Errorf("%d: figure %v", n, got.Figures["handles"])
		}
		if want == 0 {
			if strings.Contains(strings.Join(fingerprints(got), " "), "HD15") {
				t.Errorf("%d: %q", n, fingerprints(got))
			}
			continue
		}
		if f := byRule(t, got, finding.ManyHandles); f.Severity != want || f.Fingerprint != "HD1501/orchard.exe/Event" {
			t.Errorf("%d: %+v", n, f)
		}
	}
	if _, ok := take(t, first, triage.Options{}).Figures["handles"]; ok {
		t.Error("a dump without handles has a number of them")
	}
}

// TestStopped: with too little memory, and without time, what was found is
// kept and the rest is said to be missing.
func TestStopped(t *testing.T) {
	r := take(t, first, triage.Options{MaxMemory: 1000})
	if !r.Stopped || len(r.Missing) != 1 || !strings.Contains(r.Missing[0], "--max-memory") {
		t.Errorf("%+v", r)
	}
	byRule(t, r, finding.HeapStructure)
	if _, ok := r.Figures["leaked_bytes"]; ok {
		t.Error("leaks were not looked for, and have a figure")
	}
	tg, err := target.Parse("test.dmp", program(first).Build().Dump.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithDeadline(context.Background(), time.Unix(1, 0))
	defer cancel()
	if r := triage.Take(ctx, tg, triage.Options{}); !r.Stopped {
		t.Errorf("%+v", r)
	}
}

// TestSameAgain: the result is the same whenever it is taken.
func TestSameAgain(t *testing.T) {
	a, b := take(t, first, triage.Options{}), take(t, first, triage.Options{})
	if !reflect.DeepEqual(a.Findings, b.Findings) || fmt.Sprint(a.Figures) != fmt.Sprint(b.Figures) {
		t.Errorf("%+v\n%+v", a.Findings, b.Findings)
	}
}
