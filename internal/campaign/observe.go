package main

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"time"

	"github.com/heapdump/heapdump/internal/analysis/census"
	"github.com/heapdump/heapdump/internal/analysis/check"
	"github.com/heapdump/heapdump/internal/analysis/triage"
	"github.com/heapdump/heapdump/internal/analysis/vmmap"
	"github.com/heapdump/heapdump/internal/progress"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/minidump"
)

const (
	// watchdog is how long one run may take.
	watchdog = 2 * time.Second
	// floor is what a run may allocate besides four times the file: tables of
	// a fixed size, most of them the walk's and the check's.
	floor = 24 << 20
)

// figure is one number that an analysis gave.
type figure struct{ name, value string }

// observation is what the analysis of one file came to.
type observation struct {
	refused string // the error of opening it
	figures []figure
	notices map[string]bool // what was said to be wrong
	broken  []string        // laws that were broken; empty when all is well
	took    time.Duration
	bytes   uint64 // allocated meanwhile, in all: more than was in use at once
}

// observe analyses a file under the watchdog; deep asks for the map of the
// address space and for triage too, which looks for leaks.
func observe(data []byte, deep bool) observation {
	done := make(chan observation, 1)
	go func() { done <- guarded(data, deep) }()
	select {
	case o := <-done:
		if limit := 4*uint64(len(data)) + floor; o.bytes > limit {
			o.broken = append(o.broken, fmt.Sprintf("memory: %d bytes allocated for a file of %d", o.bytes, len(data)))
		}
		return o
	case <-time.After(watchdog):
		return observation{broken: []string{"hang: no end within " + watchdog.String()}, took: watchdog}
	}
}

// guarded turns a panic into a broken law.
func guarded(data []byte, deep bool) (o observation) {
	start, before := time.Now(), allocated()
	defer func() {
		if p := recover(); p != nil {
			o.broken = append(o.broken, fmt.Sprintf("panic: %v\n%s", p, debug.Stack()))
		}
		o.took, o.bytes = time.Since(start), allocated()-before
	}()
	o.notices = map[string]bool{}
	o.analyse(data, deep)
	return o
}

// allocated is how many bytes of Go memory were handed out so far.
func allocated() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

// analyse opens, counts, checks and walks; deep also maps and triages.
func (o *observation) analyse(data []byte, deep bool) {
	t, err := target.Parse("campaign.dmp", data)
	if err != nil {
		o.refused = err.Error()
		return
	}
	r, err := check.Take(context.Background(), t, t.Heaps, nil)
	if err != nil {
		var p *progress.Panic
		if errors.As(err, &p) {
			o.broken = append(o.broken, fmt.Sprintf("panic: %v\n%s", p.Value, p.Stack))
			return
		}
		o.broken = append(o.broken, "check: "+err.Error())
		return
	}
	if deep {
		vmmap.Sum(vmmap.Take(t).Pieces)
		triage.Take(context.Background(), t, triage.Options{})
	}
	o.said(t.Problems)
	o.said(r.NotChecked)
	for i := range r.Findings {
		o.said([]diag.Problem{r.Findings[i].Problem})
	}
	for i := range t.Heaps {
		if h := t.Heaps[i]; h.Why != "" {
			o.notices[fmt.Sprintf("heap %v is not walked", h.Address)] = true
		}
	}
	for i := range r.Census.Heaps {
		o.count(&r.Census.Heaps[i])
	}
	o.add("heaps", len(t.Heaps))
	for _, want := range []minidump.StreamType{minidump.ThreadListStream, minidump.ModuleListStream, minidump.MemoryInfoListStream} {
		if !slices.ContainsFunc(t.File.Streams(), func(s minidump.Stream) bool { return s.Type == want }) {
			o.notices["the dump has no "+want.String()] = true // the reports' notes say so
		}
	}
	told := func(p diag.Problem) { o.said([]diag.Problem{p}) }
	o.add("modules", len(t.File.Modules(told)))
	o.add("threads", len(t.File.Threads(told)))
}

// add notes a figure.
func (o *observation) add(name string, value any) {
	o.figures = append(o.figures, figure{name, fmt.Sprint(value)})
}

// said notes problems, each by what it is about and not by its numbers.
func (o *observation) said(list []diag.Problem) {
	for i := range list {
		p := &list[i]
		o.notices[fmt.Sprintf("%s %v %s %s", p.Code, p.At, p.Object, p.Field)] = true
	}
}

// count checks the accounting of a heap, walks it once more to hold the walk to
// its law, and notes the figures.
func (o *observation) count(h *census.Heap) {
	at := h.Target.Address
	o.said(h.Problems)
	if !h.Walked {
		o.add(fmt.Sprint(at), "not walked")
		if h.Target.Why == "" {
			o.law("%v is not walked and nothing says why", at)
		}
		return
	}
	parts := h.BusyUser + h.Overhead + h.Free + h.Internal + h.Lost
	if h.Reserved != h.Committed+h.Uncommitted || h.Committed != parts || h.Unaccounted != 0 {
		o.law("%v: reserved %d, committed %d, uncommitted %d, parts %d, unaccounted %d", at, h.Reserved, h.Committed, h.Uncommitted, parts, h.Unaccounted)
	}
	w := walk(h.Target, o.law)
	if w.busy != h.BusyBlocks || w.free != h.FreeBlocks {
		o.law("%v: the walk has %d busy and %d free blocks, the count %d and %d", at, w.busy, w.free, h.BusyBlocks, h.FreeBlocks)
	}
	o.add(fmt.Sprintf("%v segments", at), h.Segments)
	o.add(fmt.Sprintf("%v reserved, committed", at), [2]uint64{h.Reserved, h.Committed})
	o.add(fmt.Sprintf("%v busy blocks", at), h.BusyBlocks)
	o.add(fmt.Sprintf("%v free blocks", at), h.FreeBlocks)
	o.add(fmt.Sprintf("%v lost bytes", at), h.Lost)
	o.add(fmt.Sprintf("%v busy bytes", at), h.BusyUser)
	o.add(fmt.Sprintf("%v blocks", at), w.sum)
}

func (o *observation) law(format string, args ...any) {
	o.broken = append(o.broken, "law: "+fmt.Sprintf(format, args...))
}

// walked is what a walk came to.
type walked struct {
	busy, free int
	sum        uint64 // of all blocks' places, sizes and states
}

// walk walks a heap and checks the law: each segment covered from end to end,
// in order, each byte once, and the lost bytes told of.
func walk(h *target.Heap, broken func(string, ...any)) walked {
	var w walked
	var told, lost uint64
	next := map[uint32]memory.Addr{}
	for b := range h.Walkable().Blocks(func(p diag.Problem) { told += p.Lost }) {
		switch b.State {
		case heap.Busy:
			w.busy++
		case heap.Free:
			w.free++
		case heap.Lost:
			lost += b.Size
		}
		for _, v := range [...]uint64{uint64(b.Addr), b.Size, uint64(b.Unused), uint64(b.State)<<16 | uint64(b.Origin)<<8 | uint64(b.Header)} {
			w.sum = (w.sum ^ v) * 0x9e3779b97f4a7c15
		}
		if b.Segment == heap.NoSegment {
			continue
		}
		want, seen := next[b.Segment]
		if !seen {
			want, _ = h.SegmentStart(b.Segment)
		}
		if b.Addr != want || b.Size == 0 {
			broken("%v: a block of %#x bytes at %v, where the one before ends at %v", h.Address, b.Size, b.Addr, want)
		}
		next[b.Segment] = b.End()
	}
	if h.NT != nil {
		for i, s := range h.NT.Segments {
			if s.Size() > 0 && next[uint32(i)] != s.End {
				broken("%v: segment %d of %v is covered up to %v", h.Address, i, s.Range, next[uint32(i)])
			}
		}
		if told != lost {
			broken("%v: problems tell of %d lost bytes, the blocks of %d", h.Address, told, lost)
		}
	}
	return w
}
