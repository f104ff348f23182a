// Package target holds one opened dump: the file, the address space, the
// process environment blocks and the heaps. It holds and does not think.
package target

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/heapdump/heapdump/internal/input"
	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/minidump"
	"github.com/heapdump/heapdump/pkg/ntheap"
	"github.com/heapdump/heapdump/pkg/pageheap"
	"github.com/heapdump/heapdump/pkg/process"
)

// Options say how a dump is opened.
type Options struct {
	NoMmap   bool            // read the file whole instead of mapping it
	MaxInput uint64          // most bytes that a compressed dump may unpack to; 0 is the default limit
	Context  context.Context // cancels decompression; nil never does
	Symbols  []string        // folders of symbol files, in the order they are looked at; the dump's own comes last
}

// Target is one opened dump.
type Target struct {
	Path       string
	Size       uint64 // bytes of the dump, unpacked
	Compressed string // "zstd", "gzip", "zip", empty when plain
	File       *minidump.File
	Space      *memory.Space
	PEBs       []process.PEB
	Heaps      []*Heap        // each PEB's order, then those found otherwise by address
	Problems   []diag.Problem // of the file, its streams, the PEBs and the heap list
	Dropped    int            // problems beyond those kept
	Truncated  string         // why the unpacked dump is only a first part; empty when it is whole
	Symbols    []string       // as in Options
	NoMmap     bool           // as in Options

	in     *input.Input
	shared shared
}

// Heap is one heap of the dump.
type Heap struct {
	process.HeapRef
	Position int            // place in Target.Heaps, from 0: what --heap takes as an index
	NT       *ntheap.Heap   // nil when it is no NT heap, or was not walked
	Page     *pageheap.Heap // nil when it is no page heap, or was not walked
	Why      string         // why it was not walked
	NormalOf memory.Addr    // the page heap whose normal heap it is; 0 when it is none
}

// Walkable is a heap that was opened, of whatever kind.
type Walkable interface {
	heap.Heap
	Size() uint64 // bytes that a walk passes over
}

// Walkable returns the heap to walk; nil when it was not opened.
func (h *Heap) Walkable() Walkable {
	switch {
	case h.NT != nil:
		return h.NT
	case h.Page != nil:
		return h.Page
	}
	return nil
}

// SegmentStart returns the base of the segment, of a page heap the start of
// the range, that a block's Segment names.
func (h *Heap) SegmentStart(i uint32) (memory.Addr, bool) {
	switch {
	case h.NT != nil && uint64(i) < uint64(len(h.NT.Segments)):
		return h.NT.Segments[i].Start, true
	case h.Page != nil && uint64(i) < uint64(len(h.Page.Ranges)):
		return h.Page.Ranges[i].Start, true
	}
	return 0, false
}

// Open opens the dump at path and finds its heaps; no heap is walked. The
// error begins with the path and is a *minidump.KindError below when the file
// is no Windows minidump.
func Open(path string, o Options) (*Target, error) {
	in, err := input.Open(path, input.Options{NoMmap: o.NoMmap, MaxInput: o.MaxInput, Context: o.Context})
	if err != nil {
		return nil, err
	}
	t := &Target{Path: path, Size: in.Size, Compressed: in.Compressed, Truncated: in.Truncated, Symbols: o.Symbols, NoMmap: o.NoMmap, in: in}
	if err := t.load(in.Data, in.File); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), in.Close())
	}
	return t, nil
}

// Parse is Open for a dump whose bytes are at hand. name stands for its path.
func Parse(name string, data []byte) (*Target, error) {
	t := &Target{Path: name, Size: uint64(len(data))}
	if err := t.load(data, nil); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return t, nil
}

// Close releases the file, and what was given to Keep. Nothing that came from
// the target may be used afterwards.
func (t *Target) Close() error {
	err := t.shared.close()
	if t.in == nil {
		return err
	}
	return errors.Join(err, t.in.Close())
}

func (t *Target) load(data []byte, file io.ReaderAt) error {
	f, err := minidump.Parse(data)
	if err != nil {
		return err
	}
	var list diag.List
	t.File = f
	f.Check(list.Add)
	t.Space = f.Memory(list.Add).WithFile(data, file)
	src := process.Source{Space: t.Space, Bits: f.Arch().Bits()}
	for _, th := range f.Threads(list.Add) {
		src.Threads = append(src.Threads, process.Thread{ID: th.ID, TEB: th.TEB})
	}
	t.PEBs = process.PEBs(src, list.Add)
	found := process.Scan(t.Space)
	for _, ref := range process.Heaps(src, t.PEBs, found, list.Add) {
		t.Heaps = append(t.Heaps, &Heap{HeapRef: ref})
	}
	t.pageHeaps()
	virtuals := map[memory.Addr]bool{}
	for i, h := range t.Heaps {
		h.Position = i
		t.open(h, ntheap.Options{Bits: h.Bits, Build: t.Build(), Segments: found.Segments[h.Address], Virtuals: virtuals})
	}
	t.keys()
	t.Problems, t.Dropped = list.Problems, list.Dropped
	return nil
}

// keys lets the heaps of each ntdll agree on the key of their low-fragmentation
// heaps, when the first of them is walked.
func (t *Target) keys() {
	for _, bits := range [...]int{32, 64} {
		var heaps []*ntheap.Heap
		for _, h := range t.Heaps {
			if h.NT != nil && h.Bits == bits && h.NT.Header.FrontEndHeapType == 2 {
				heaps = append(heaps, h.NT)
			}
		}
		ask := sync.OnceValue(func() ntheap.LFHKey { return ntheap.SampleLFHKey(heaps...) })
		for _, h := range heaps {
			h.AskLFHKey(ask)
		}
	}
}

// open opens the heap, or says why it cannot be walked.
func (t *Target) open(h *Heap, o ntheap.Options) {
	switch {
	case h.Foreign:
		h.Why = "it belongs to another process (CSRSS shares it), and its addresses are that process's"
		return
	case h.Kind == heap.Segment:
		h.Why = "segment heaps cannot be walked yet"
		return
	case h.Page != nil:
		return
	case h.Kind == heap.Page:
		h.Why = fmt.Sprintf("the root of the page heap, behind its handle %v, is not whole in the dump", h.Address)
		return
	case h.Kind == heap.Wine:
		h.Why = "Wine's own heaps cannot be walked yet"
		return
	}
	nt, err := ntheap.Open(t.Space, h.Address, o)
	var missing *memory.MissingError
	switch {
	case err == nil:
		h.NT, h.Bits = nt, nt.Header.Bits
	case errors.As(err, &missing):
		h.Why = fmt.Sprintf("its header at %v is not whole in the dump: byte %v is missing (%v)", h.Address, missing.At, missing.Why)
	default:
		h.Why = err.Error()
	}
}

// Own returns the heaps that are the process's own, and no other process's.
func (t *Target) Own() []*Heap {
	var out []*Heap
	for _, h := range t.Heaps {
		if !h.Foreign {
			out = append(out, h)
		}
	}
	return out
}

// Build returns the Windows build number: the PEB's word before SystemInfo's,
// which compatibility settings can make lie; 0 when neither is there.
func (t *Target) Build() int {
	for _, p := range t.PEBs {
		if p.OSBuildNumber != 0 {
			return int(p.OSBuildNumber)
		}
	}
	if si, err := t.File.SystemInfo(); err == nil {
		return int(si.Build)
	}
	return 0
}
