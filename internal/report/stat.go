package report

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/heapdump/heapdump/internal/analysis/census"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/internal/thousands"
	"github.com/heapdump/heapdump/pkg/heap"
)

// StatOptions say how the sizes of blocks are shown.
type StatOptions struct {
	PerHeap bool   // a row for each heap and size, not one for each size
	Sort    string // bytes, blocks or size; the largest first
	Top     int    // most rows; 0 is all
}

// sizeRow is one row of stat.
type sizeRow struct {
	census.SizeCount
	heap *target.Heap // nil over all heaps
	busy census.Count // of the heap, or of all
}

// share is the row's part of the bytes in use; not known for blocks that are
// not in use, and where nothing is.
func (r sizeRow) share() any {
	if r.State != heap.Busy || r.busy.User == 0 {
		return nil
	}
	return 100 * float64(r.User) / float64(r.busy.User)
}

// sizeBytes is what a row is ordered by: bytes asked for, of other blocks
// theirs.
func sizeBytes(r census.SizeCount) uint64 {
	if r.State == heap.Busy {
		return r.User
	}
	return r.Bytes
}

// Stat is the document of the blocks by size. picked says that flags chose
// among the blocks.
func Stat(t *target.Target, heaps []census.Sizes, o StatOptions, picked bool) *Document {
	rows := statRows(heaps, o.PerHeap)
	sortSizes(rows, o.Sort, func(r sizeRow) census.SizeCount { return r.SizeCount })
	all := len(rows)
	if o.Top > 0 && all > o.Top {
		rows = rows[:o.Top]
	}
	fields := statFields()
	if o.PerHeap {
		fields = append([]field[sizeRow]{f("heap", "Heap", Address, func(r sizeRow) any { return addr(r.heap.Address) })}, fields...)
	}
	sizes := fill(Table{Key: "sizes", Title: statTitle(heaps, o, picked), Main: true, Empty: "no block is of this kind"}, fields, rows)
	if n := all - len(rows); n > 0 {
		sizes.Notes = append(sizes.Notes, fmt.Sprintf("%s: --top 0 shows all.", plural(n, "size more", "sizes more")))
	}
	x := Describe(t)
	d := &Document{Title: x.title()}
	d.add(header(x)[0])
	d.add(statTotal(heaps, all), sizes)
	for _, h := range heaps {
		if h.Lost > 0 {
			d.warn("lost", fmt.Sprintf("%v", h.Target.Address), fmt.Sprintf("Of heap %v, %s bytes could not be read as blocks and are in no row.", h.Target.Address, thousands.Grouped(h.Lost)))
		}
	}
	d.add(coverage(t, nil))
	return d
}

func statTitle(heaps []census.Sizes, o StatOptions, picked bool) string {
	what, where := "Blocks by size", "all heaps"
	if picked {
		what = "Blocks picked, by size"
	}
	if len(heaps) == 1 {
		where = fmt.Sprintf("heap %v", heaps[0].Target.Address)
	}
	by := map[string]string{"bytes": "the most bytes first", "blocks": "the most blocks first", "size": "the largest first"}[o.Sort]
	return fmt.Sprintf("%s, %s, %s", what, where, by)
}

func statRows(heaps []census.Sizes, perHeap bool) []sizeRow {
	var rows []sizeRow
	if !perHeap {
		merged, busy := census.MergeSizes(heaps)
		for _, r := range merged {
			rows = append(rows, sizeRow{r, nil, busy})
		}
		return rows
	}
	for _, h := range heaps {
		for _, r := range h.Rows {
			rows = append(rows, sizeRow{r, h.Target, h.Busy})
		}
	}
	return rows
}

// SortedSizes returns the sizes in the order of StatOptions.Sort, largest
// first; equal ones by size.
func SortedSizes(rows []census.SizeCount, by string) []census.SizeCount {
	out := slices.Clone(rows)
	sortSizes(out, by, func(r census.SizeCount) census.SizeCount { return r })
	return out
}

func sortSizes[T any](rows []T, by string, of func(T) census.SizeCount) {
	key := map[string]func(census.SizeCount) uint64{
		"bytes":  sizeBytes,
		"blocks": func(r census.SizeCount) uint64 { return uint64(r.Blocks) },
		"size":   func(r census.SizeCount) uint64 { return r.Size },
	}[by]
	slices.SortStableFunc(rows, func(x, y T) int {
		a, b := of(x), of(y)
		return cmp.Or(cmp.Compare(key(b), key(a)), cmp.Compare(b.Size, a.Size))
	})
}

func statFields() []field[sizeRow] {
	return []field[sizeRow]{
		f("size_bytes", "Size", Bytes, func(r sizeRow) any { return r.Size }),
		f("state", "State", Text, func(r sizeRow) any { return r.State.String() }),
		f("blocks", "Blocks", Count, func(r sizeRow) any { return r.Blocks }),
		f("user_bytes", "User bytes", Bytes, func(r sizeRow) any { return known(r.State == heap.Busy, r.User) }),
		f("block_bytes", "Block bytes", Bytes, func(r sizeRow) any { return r.Bytes }),
		f("share_percent", "Share of\nbusy %", Percent, sizeRow.share),
	}
}

// statTotal is what all rows come to, shown or not.
func statTotal(heaps []census.Sizes, sizes int) Table {
	_, busy := census.MergeSizes(heaps)
	var sum census.Count
	walked := 0
	for _, h := range heaps {
		if h.Walked {
			walked++
		}
		for _, r := range h.Rows {
			sum.Blocks += r.Blocks
			sum.Bytes += r.Bytes
			sum.User += r.User
		}
	}
	return record("total", "Total", []pair{
		{Column{"heaps", "Heaps walked", Count}, walked},
		{Column{"sizes", "Different sizes", Count}, sizes},
		{Column{"blocks", "Blocks", Count}, sum.Blocks},
		{Column{"user_bytes", "Bytes asked for", Bytes}, sum.User},
		{Column{"block_bytes", "Bytes of blocks", Bytes}, sum.Bytes},
		{Column{"busy_blocks", "Busy blocks of these heaps", Count}, busy.Blocks},
		{Column{"busy_bytes", "Busy bytes of these heaps", Bytes}, busy.User},
	})
}
