package target_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/minidump"
)

// twoHeaps is a process of two heaps.
func twoHeaps(f synth.Family, a synth.Arch) *synth.Process {
	p := synth.NewProcess(f, a)
	for _, at := range []uint64{0x1d0000, 0x3d0000} {
		p.AddHeap(&synth.Heap{Address: at, Segments: []synth.Segment{{Items: []synth.Item{synth.Busy(100), synth.Free(0x200)}}}})
	}
	return p
}

func parse(t *testing.T, d *synth.Dump) *target.Target {
	t.Helper()
	tg, err := target.Parse("test.dmp", d.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return tg
}

func TestOpen(t *testing.T) {
	d := twoHeaps(synth.Win7, synth.X86).Build().Dump
	path := filepath.Join(t.TempDir(), "app.dmp")
	if err := os.WriteFile(path, d.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, o := range []target.Options{{}, {NoMmap: true}} {
		tg, err := target.Open(path, o)
		if err != nil {
			t.Fatal(err)
		}
		if tg.Path != path || tg.Size != uint64(len(d.Bytes())) || len(tg.Heaps) != 2 || tg.Compressed != "" || tg.Truncated != "" {
			t.Errorf("%+v", tg)
		}
		for i, h := range tg.Heaps {
			if h.Position != i || h.NT == nil || h.Why != "" || h.Bits != 32 || h.NT.Header.Layout != "win7-x86" {
				t.Errorf("heap %d: %+v", i, h)
			}
		}
		if err := tg.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := parse(t, d).Close(); err != nil {
		t.Error("a target without a file:", err)
	}
}

func TestOpenErrorsBeginWithThePath(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x.dmp")
	if err := os.WriteFile(path, []byte("\x7fELF and more that is no dump at all"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := target.Open(path, target.Options{})
	var kind *minidump.KindError
	if !errors.As(err, &kind) || !strings.HasPrefix(err.Error(), path+": ") || strings.Count(err.Error(), path) != 1 {
		t.Errorf("%v", err)
	}
	_, err = target.Open(filepath.Join(dir, "none.dmp"), target.Options{})
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
	_, err = target.Parse("piece", nil)
	if !errors.As(err, &kind) || !strings.HasPrefix(err.Error(), "piece: ") {
		t.Errorf("%v", err)
	}
}

func TestOpenCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	path := realPath(t, "real-win10-11082-wow64-full.dmp.zst")
	if _, err := target.Open(path, target.Options{Context: ctx}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// TestBuild: compatibility settings make SystemInfo lie; the PEB does not.
func TestBuild(t *testing.T) {
	b := twoHeaps(synth.Win10v1809, synth.X64).Build()
	b.Dump.Major, b.Dump.Minor, b.Dump.Build = 6, 2, 9200
	tg := parse(t, b.Dump)
	if tg.Build() != 19041 || tg.Heaps[0].NT.Header.Layout != "win10-17763-x64" {
		t.Errorf("build %d, layout %s", tg.Build(), tg.Heaps[0].NT.Header.Layout)
	}
	b.Image.Drop(b.Process.PEB)
	if got := parse(t, b.Redump()).Build(); got != 9200 {
		t.Errorf("build %d without a PEB", got)
	}
	b.Dump.Omit = []uint32{synth.StreamSystemInfo}
	if got := parse(t, b.Dump).Build(); got != 0 {
		t.Errorf("build %d without both", got)
	}
}

// TestLayoutOfAnyBuild: a dump whose build is wrong or unknown walks the same.
func TestLayoutOfAnyBuild(t *testing.T) {
	for _, f := range synth.Families() {
		for _, a := range []synth.Arch{synth.X86, synth.X64} {
			for _, build := range []uint32{0, 2600, 7601, 14393, 26100, 99999} {
				p := twoHeaps(f, a)
				p.BuildNumber = build
				c := take(t, parse(t, p.Build().Dump))
				for _, h := range c.Heaps {
					if !h.Walked || len(h.Problems) != 0 || h.Lost != 0 || h.BusyBlocks != 1 || h.BusyUser != 100 {
						t.Errorf("%v %v as build %d: %+v", f, a, build, h)
					}
				}
			}
		}
	}
}

func TestWhyNotWalked(t *testing.T) {
	p := twoHeaps(synth.Win10v1809, synth.X64)
	p.AddOther(0x700000, synth.SegmentHeap)
	p.AddOther(0x710000, synth.PageHeap)
	p.AddOther(0x730000, synth.Wine)
	p.AddOther(0x740000, func(m *synth.Image, _ synth.Arch, at uint64) {
		m.Reserve(at, 0x10000, synth.MemPrivate, synth.PageReadWrite)
		m.Commit(at, 0x1000, synth.PageReadWrite)
	})
	p.AddOther(0x750000, func(m *synth.Image, _ synth.Arch, at uint64) {
		m.Reserve(at, 0x10000, synth.MemPrivate, synth.PageReadWrite)
		m.Commit(at, 0x1000, synth.PageReadWrite)
		m.Drop(at)
	})
	p.Prepare = func(b *synth.Built) {
		const shared = 0x7feb0000
		b.Image.Reserve(shared, 0x10000, synth.MemMapped, synth.PageReadOnly)
		b.Image.Write(shared, b.Image.Read(0x3d0000, 0x1000))
		b.Image.PutU64(p.PEBFieldAddr("ReadOnlySharedMemoryBase"), shared)
	}
	tg := parse(t, p.Build().Dump)
	want := map[uint64]struct {
		kind heap.Kind
		why  string
	}{
		0x1d0000: {heap.NT, ""}, 0x3d0000: {heap.NT, ""}, 0x700000: {heap.Segment, "segment heap"}, 0x710000: {heap.Page, ""},
		0x730000: {heap.Wine, "Wine"}, 0x740000: {heap.Unknown, "no heap of a known kind"}, 0x750000: {heap.Unknown, "not saved"},
		0x7feb0000: {heap.NT, "another process"},
	}
	if len(tg.Heaps) != len(want) {
		t.Errorf("%q", rows(tg))
	}
	for _, h := range tg.Heaps {
		w := want[uint64(h.Address)]
		if h.Kind != w.kind || (w.why == "") != (h.Walkable() != nil) || !strings.Contains(h.Why, w.why) {
			t.Errorf("%v: %v, %q, want %v, %q", h.Address, h.Kind, h.Why, w.kind, w.why)
		}
	}
}

// TestSegmentOnNoList: a segment that its heap's list lost is found by the
// scan and walked all the same.
func TestSegmentOnNoList(t *testing.T) {
	for _, f := range synth.Families() {
		for _, a := range []synth.Arch{synth.X86, synth.X64} {
			p := twoHeaps(f, a)
			p.Heaps[1].Segments = append(p.Heaps[1].Segments, synth.Segment{Address: 0x4d0000, Items: []synth.Item{synth.Busy(77)}})
			b := p.Build()
			if f == synth.XP {
				b.Image.PutPtr(b.Heaps[1].FieldAddr("Segments")+a.PtrSize(), 0)
			} else {
				head, link := b.Heaps[1].FieldAddr("SegmentList"), b.Heaps[1].SegmentFieldAddr(0, "SegmentListEntry")
				b.Image.PutPtr(head+a.PtrSize(), link)
				b.Image.PutPtr(link, head)
			}
			h := take(t, parse(t, b.Redump())).Heaps[1]
			if h.Segments != 2 || h.BusyBlocks != 2 || len(h.Problems) != 1 || h.Unaccounted != 0 {
				t.Errorf("%v %v: %d segments, %d blocks, %q", f, a, h.Segments, h.BusyBlocks, h.Problems)
			}
		}
	}
}
