package cli

import (
	"context"
	"errors"
	"io"
	"math"

	"github.com/spf13/cobra"

	"github.com/heapdump/heapdump/internal/analysis/census"
	"github.com/heapdump/heapdump/internal/analysis/roles"
	"github.com/heapdump/heapdump/internal/analysis/stacks"
	"github.com/heapdump/heapdump/internal/progress"
	"github.com/heapdump/heapdump/internal/render"
	"github.com/heapdump/heapdump/internal/report"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/ntheap"
)

// shownFree is how many blocks of each free list, and how many subsegments, the
// text and Markdown name; all are counted, and JSON and CSV name them all.
const shownFree = 32

// heap is heapdump heap.
func (a *app) heap() *cobra.Command {
	return a.command(&cobra.Command{
		Use:   "heap ADDR [DUMP]",
		Short: "One heap in full: flags, thresholds, segments, free lists, virtual blocks, lock",
		Long:  "ADDR is a heap's address, its index in `heapdump heaps`, or the word process.",
		Example: lines("heapdump heap 0x29fb0000 app.dmp", "heapdump heap process --format json app.dmp",
			"heapdump heap 2c0000 --style windbg app.dmp"),
		Args: anAddressAndADump,
		RunE: func(cmd *cobra.Command, args []string) error {
			format, err := a.check(true, "text", "json", "csv", "markdown")
			if err != nil {
				return err
			}
			spec, path, err := a.addressAndDump(args)
			if err != nil {
				return err
			}
			if spec == "all" {
				return usagef("heap shows one heap; `heapdump heaps` lists them all")
			}
			ctx := cmd.Context()
			t, w, err := a.open(ctx, path)
			if err != nil {
				return err
			}
			defer t.Close()
			found, err := a.heaps(t, []string{spec})
			if err != nil {
				return err
			}
			if len(found) > 1 && spec == "process" {
				a.note("this process has %d process heaps, of %d and %d bits: showing the first", len(found), found[0].Bits, found[1].Bits)
			}
			h := found[0]
			if a.windbg() {
				if err := errors.Join(writeFailed(windbgHeap(ctx, w, h)), ctx.Err()); err != nil {
					return err
				}
				return a.complete(report.Coverage(t, nil))
			}
			return a.heapDocument(ctx, t, w, h, format)
		},
	}, groupInspect, "")
}

// heapDocument counts one heap and writes all there is to say of it.
func (a *app) heapDocument(ctx context.Context, t *target.Target, w io.Writer, h *target.Heap, format render.Format) error {
	cs, err := a.census(ctx, t, []*target.Heap{h})
	if err != nil {
		return err
	}
	rs, err := roles.Take(ctx, t)
	if err != nil {
		return err
	}
	s := stacks.New(t)
	lock, _ := s.OfLock(h)
	return a.writeFor(w, format, report.Coverage(t, pointers(cs.Heaps)), func(people bool) (*report.Document, error) {
		shown := math.MaxInt
		if people {
			shown = shownFree
		}
		lists := freeLists(ctx, h.NT, shown)
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		doc := report.Heap(t, &cs.Heaps[0], rs, lists)
		if front, ok := census.LFH(t, h); ok {
			doc.LFH(front, shown)
		}
		doc.Creation(s.Frames(s.OfHeap(h)), s.Frames(lock), s.Notes())
		return doc, nil
	})
}

// freeLists reads the free lists of a heap that are not empty, and the first
// shown blocks of each. What is wrong with them is in the census already.
func freeLists(ctx context.Context, nt *ntheap.Heap, shown int) []report.FreeList {
	if nt == nil {
		return nil
	}
	var out []report.FreeList
	for _, l := range nt.FreeLists() {
		if l.Empty() {
			continue
		}
		r := report.FreeList{Index: l.Index, Head: l.Head, Flink: l.Flink, Blink: l.Blink}
		for b := range progress.Watch(ctx, nil, l.Blocks(nil)) {
			r.Blocks++
			r.Bytes += b.Size
			r.Largest = max(r.Largest, b.Size)
			if len(r.Entries) < shown {
				r.Entries = append(r.Entries, b)
			}
		}
		out = append(out, r)
	}
	return out
}
