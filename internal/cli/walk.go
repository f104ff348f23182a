package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"

	"github.com/spf13/cobra"

	"github.com/heapdump/heapdump/internal/pick"
	"github.com/heapdump/heapdump/internal/progress"
	"github.com/heapdump/heapdump/internal/render"
	"github.com/heapdump/heapdump/internal/report"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/heap"
)

// walkFlags are the flags of walk.
type walkFlags struct {
	blockFlags
	sort, crt string
	limit     int
	stacks    bool
}

// walk is heapdump walk.
func (a *app) walk() *cobra.Command {
	var f walkFlags
	c := a.command(&cobra.Command{
		Use:   "walk [DUMP]",
		Short: "Every block of every heap, or of those that --heap names, as a stream",
		Long: `Blocks come in the order of the walk: heap by heap, the segments in the heap's own order and in each
the blocks by address, then the blocks outside the segments; of a page heap, its ranges in order of address.
With --sort they come in one order over all heaps. The size that --size means is what the program asked
for when a block is busy, else its bytes.`,
		Example: lines("heapdump walk --heap 0x29fb0000 app.dmp", "heapdump walk --state busy --size 64KiB.. --sort -size --limit 20 app.dmp",
			"heapdump walk --stacks --state busy app.dmp", "heapdump walk --format ndjson app.dmp | jq -r 'select(.state==\"busy\") | .user'"),
		Args: onlyADump,
		RunE: func(cmd *cobra.Command, args []string) error { return a.runWalk(cmd.Context(), args, f) },
	}, groupWalk, "")
	fs := c.Flags()
	fs.SortFlags = false
	f.register(fs)
	fs.StringVar(&f.sort, "sort", "", "`order`: addr, size or user_size, with a minus for the reverse")
	fs.StringVar(&f.crt, "crt", "auto", "`when` JSON and NDJSON have the debug C runtime's key: always, never, or auto, which looks\nfor its module or for a block of it among the first 16384 in use of each heap")
	fs.BoolVar(&f.stacks, "stacks", false, "the names of each block's allocation stack, innermost first, in text and CSV;\nJSON and NDJSON always have them")
	fs.IntVar(&f.limit, "limit", 0, "at most this `number` of blocks; 0 is all")
	return c
}

// checkWalk looks at what the flags of walk say together.
func (a *app) checkWalk(f walkFlags) (render.Format, error) {
	format, err := a.check(true, "text", "json", "csv", "ndjson")
	switch {
	case err != nil:
		return 0, err
	case a.flags.budget != "":
		return 0, usagef("walk streams; --limit bounds it, and --budget is for the other commands")
	case a.flags.table != "":
		return 0, usagef("walk has one table; --table is for the other commands")
	case f.crt != "auto" && f.crt != "always" && f.crt != "never":
		return 0, usagef("--crt %q: write auto, always or never", f.crt)
	case f.limit < 0:
		return 0, usagef("--limit %d is below 0", f.limit)
	}
	return format, nil
}

func (a *app) runWalk(ctx context.Context, args []string, f walkFlags) error {
	format, err := a.checkWalk(f)
	if err != nil {
		return err
	}
	filter, err := f.filter(a.windbg())
	if err != nil {
		return err
	}
	var order *pick.Order
	if f.sort != "" {
		o, err := pick.ParseOrder(f.sort)
		if err != nil {
			return &failure{exitUsage, err}
		}
		order = &o
	}
	path, err := a.dumpFile(args)
	if err != nil {
		return err
	}
	t, w, err := a.open(ctx, path)
	if err != nil {
		return err
	}
	defer t.Close()
	heaps, err := a.heaps(t, f.heaps)
	if err != nil {
		return err
	}
	wk := &walker{app: a, ctx: ctx, filter: filter, limit: f.limit}
	if a.hasFormat(render.FormatJSON, render.FormatNDJSON) { // which have all layers
		wk.layers = newLayers(ctx, t, heaps, f.crt)
	} else if f.stacks {
		wk.layers = newStackLayers(t, heaps)
	}
	if a.windbg() {
		if f.stacks {
			return usagef("--stacks is not for --style windbg; its !heap -p -a is heapdump find")
		}
		if order != nil {
			return usagef("--style windbg lists blocks as they lie; it cannot be sorted")
		}
		err = wk.debugger(w, heaps)
	} else {
		err = wk.stream(wk.streams(w, heaps, format, f.stacks), heaps, order)
	}
	if err != nil {
		return err
	}
	wk.remarks(path)
	return a.complete(report.Coverage(t, nil))
}

// walker goes over the blocks of heaps.
type walker struct {
	app      *app
	ctx      context.Context
	filter   pick.Filter
	limit    int
	layers   *layers // nil when they are not wanted, or there are none
	problems uint64
	skipped  []*target.Heap
}

// each hands every block of the heaps that is wanted to do, until it says no
// more; a cancelled context is an error.
func (wk *walker) each(heaps []*target.Heap, do func(h *target.Heap, i int, b *heap.Block) (more bool, err error)) error {
	m := wk.app.meter("walking")
	defer m.Done()
	done, total := uint64(0), uint64(0)
	for _, h := range heaps {
		if x := h.Walkable(); x != nil {
			total += x.Size()
		}
	}
	for i, h := range heaps {
		x := h.Walkable()
		if x == nil {
			wk.skipped = append(wk.skipped, h)
			continue
		}
		sink := func(diag.Problem) { wk.problems++ }
		in := uint64(0)
		var b heap.Block // one for all: what do is given a pointer to is allocated
		for b = range progress.Watch(wk.ctx, func(uint64) { m.Set(done+in, total) }, wk.blocks(h, sink)) {
			in += b.Size
			if !wk.filter.Match(&b) {
				continue
			}
			more, err := do(h, i, &b)
			if err != nil || !more {
				return err
			}
		}
		if err := wk.ctx.Err(); err != nil {
			return err
		}
		done += x.Size()
	}
	return nil
}

// blocks walks a heap; the bytes of a block are at hand for its layers.
func (wk *walker) blocks(h *target.Heap, sink diag.Sink) iter.Seq[heap.Block] {
	if h.NT != nil && wk.layers != nil {
		return h.NT.BlocksNear(wk.layers.near, sink)
	}
	return h.Walkable().Blocks(sink)
}

// streams are the streams of blocks of all outputs.
type streams []*render.Blocks

// streams begins the stream of each output.
func (wk *walker) streams(w io.Writer, heaps []*target.Heap, format render.Format, stacks bool) streams {
	digits := 8
	for _, h := range heaps {
		if h.Bits == 64 {
			digits = 16
		}
	}
	out := streams{render.NewBlocks(w, format, digits, stacks)}
	for _, x := range wk.app.also {
		out = append(out, render.NewBlocks(x.w, x.format, digits, stacks))
	}
	return out
}

// put writes a block to each.
func (s streams) put(r *render.BlockRow) error {
	for _, out := range s {
		if err := out.Put(r); err != nil {
			return writeFailed(err)
		}
	}
	return nil
}

// end ends them.
func (s streams) end() error {
	for _, out := range s {
		if err := out.Close(); err != nil {
			return writeFailed(err)
		}
	}
	return nil
}

// stream writes blocks as they come, or sorted.
func (wk *walker) stream(out streams, heaps []*target.Heap, order *pick.Order) error {
	var err error
	if order != nil {
		err = wk.sorted(out, heaps, *order)
	} else {
		n := 0
		var row render.BlockRow
		err = wk.each(heaps, func(h *target.Heap, _ int, b *heap.Block) (bool, error) {
			fillRow(&row, h, b)
			wk.layers.fill(&row, h, b)
			n++
			return n != wk.limit, out.put(&row)
		})
	}
	if err != nil {
		return err
	}
	return out.end()
}

func (wk *walker) sorted(out streams, heaps []*target.Heap, order pick.Order) error {
	s := pick.NewSorter(order, wk.limit)
	err := wk.each(heaps, func(_ *target.Heap, i int, b *heap.Block) (bool, error) {
		return true, s.Add(pick.Found{Block: *b, Heap: uint32(i)})
	})
	if errors.Is(err, pick.ErrTooMany) {
		return usagef("--sort keeps at most %d blocks, and there are more: add --limit, or narrow it with --heap, --state or --size", pick.MaxSorted)
	}
	if err != nil {
		return err
	}
	var row render.BlockRow
	for _, f := range s.Sorted() {
		fillRow(&row, heaps[f.Heap], &f.Block)
		wk.layers.fill(&row, heaps[f.Heap], &f.Block)
		if err := out.put(&row); err != nil {
			return err
		}
	}
	return nil
}

// fillRow makes the line of a block. A busy block is one that the program can
// use; only it has a user pointer.
func fillRow(r *render.BlockRow, h *target.Heap, b *heap.Block) {
	r.Heap, r.Entry = uint64(h.Address), uint64(b.Addr)
	start, ok := h.SegmentStart(b.Segment)
	r.Segment, r.InSegment = uint64(start), ok
	r.Busy = b.State == heap.Busy
	if r.Busy {
		r.User, r.UserBytes = uint64(b.User()), b.UserBytes()
	}
	r.BlockBytes = b.Size
	r.State, r.Origin, r.Trust = b.State.String(), b.Origin.String(), b.Trust.String()
	r.Flags = uint8(b.Flags)
	r.LFH, r.BucketKnown, r.Bucket = b.Origin == heap.LFH, b.Bucket != heap.NoBucket, b.Bucket
}

// shownSkipped is how many heaps that were not walked a note names.
const shownSkipped = 4

// remarks says on stderr what the stream has no place for.
func (wk *walker) remarks(path string) {
	var whys []string
	byWhy := map[string][]string{}
	for _, h := range wk.skipped {
		if byWhy[h.Why] == nil {
			whys = append(whys, h.Why)
		}
		byWhy[h.Why] = append(byWhy[h.Why], fmt.Sprintf("%v (%s)", h.Address, h.Kind))
	}
	if wk.layers != nil {
		for _, n := range wk.layers.stacks.Notes() {
			wk.app.note("%s", n)
		}
	}
	for _, why := range whys {
		list, more := byWhy[why], ""
		if n := len(list) - shownSkipped; n > 0 {
			list, more = list[:shownSkipped], fmt.Sprintf(" and %d more", n)
		}
		wk.app.note("not walked: heap %s%s: %s", strings.Join(list, ", "), more, why)
	}
	if wk.problems > 0 {
		wk.app.note("%d problems were met; `heapdump summary %s` shows them", wk.problems, path)
	}
}
