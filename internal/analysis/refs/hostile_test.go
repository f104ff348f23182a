package refs_test

import (
	"context"
	"testing"

	"github.com/heapdump/heapdump/internal/analysis/refs"
	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/internal/target"
)

// TestHugeRegion: a region that claims most of the address space costs no more
// than the bytes that the dump has of it, and what it lacks is missing.
func TestHugeRegion(t *testing.T) {
	p := synth.NewProcess(synth.Win10v1809, synth.X64)
	p.AddHeap(&synth.Heap{Address: 0x3500000, Flags: synth.FlagGrowable, Segments: []synth.Segment{{Items: []synth.Item{synth.Busy(64)}}}})
	b := p.Build()
	const size = 1 << 60
	b.Dump.Regions = append(b.Dump.Regions, synth.Region{Base: 1 << 50, AllocBase: 1 << 50, Size: size, AllocProtect: synth.PageReadWrite,
		State: synth.MemCommit, Protect: synth.PageReadWrite, Type: synth.MemPrivate})
	tg, err := target.Parse("huge", b.Dump.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	r, err := refs.Take(context.Background(), tg, refs.Steps{})
	if err != nil {
		t.Fatal(err)
	}
	if c := r.Counts[refs.Private]; c.Missing < size || c.Bytes > uint64(len(b.Dump.Bytes())) {
		t.Errorf("private memory: %d bytes looked at, %d missing", c.Bytes, c.Missing)
	}
}
