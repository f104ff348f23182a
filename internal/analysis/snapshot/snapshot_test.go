package snapshot_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/heapdump/heapdump/internal/analysis/delta"
	"github.com/heapdump/heapdump/internal/analysis/snapshot"
	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/internal/target"
)

// left is how much of the address space the side of a process says is left;
// it has taken more bytes beside its one heap.
func left(t *testing.T, p *synth.Process, more uint64) (uint64, bool) {
	t.Helper()
	p.AddHeap(&synth.Heap{Address: 0x250000, Segments: []synth.Segment{{Items: []synth.Item{synth.Busy(100)}}}})
	p.Prepare = func(b *synth.Built) { b.Image.Reserve(0x1000000, more, synth.MemPrivate, synth.PageReadWrite) }
	path := filepath.Join(t.TempDir(), "x.dmp")
	if err := os.WriteFile(path, p.Build().Dump.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	tg, err := target.Open(path, target.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tg.Close() })
	s, err := snapshot.OfProcess(tg, delta.ByUsage)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range s.Limits {
		if l.Name == "the end of the address space" {
			return l.Left, true
		}
	}
	return 0, false
}

// TestAddressSpaceLeft: 1 MiB more that is taken is 1 MiB less that is left, of
// 4 GiB at most, in a 32-bit process on 32-bit and on 64-bit Windows. Nobody
// runs out of 64 bits.
func TestAddressSpaceLeft(t *testing.T) {
	for name, process := range map[string]func() *synth.Process{
		"x86":   func() *synth.Process { return synth.NewProcess(synth.Win7, synth.X86) },
		"WOW64": func() *synth.Process { return synth.NewWOW64(synth.Win7) },
	} {
		few, ok := left(t, process(), 0x100000)
		more, _ := left(t, process(), 0x200000)
		if !ok || few >= 1<<32 || few-more != 0x100000 {
			t.Errorf("%s: %#x left, then %#x", name, few, more)
		}
	}
	if n, ok := left(t, synth.NewProcess(synth.Win7, synth.X64), 0x100000); ok {
		t.Errorf("%#x left of 64 bits", n)
	}
}
