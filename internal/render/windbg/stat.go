package windbg

import (
	"fmt"
	"io"
)

// Stat is the answer of !heap -stat -h for one heap. Sizes are bytes.
type Stat struct {
	Bits  int
	Heap  uint64
	Group string // TOTSIZE, BLOCKCOUNT or SIZE
	Max   int    // most rows; 0 is all
	Busy  uint64 // bytes in use, of which the rows are shares
	Rows  []StatRow
}

// StatRow is the blocks of one size.
type StatRow struct{ Size, Blocks uint64 }

// StatGroup is the debugger's word for an order: bytes, blocks or size.
func StatGroup(order string) string {
	return map[string]string{"bytes": "TOTSIZE", "blocks": "BLOCKCOUNT", "size": "SIZE"}[order]
}

// WriteStat prints !heap -stat -h.
func WriteStat(w io.Writer, s Stat) error {
	p := &printer{w: w}
	shown := s.Rows
	if s.Max > 0 && len(shown) > s.Max {
		shown = shown[:s.Max]
	}
	most := s.Max
	if most == 0 {
		most = len(s.Rows)
	}
	p.line(" heap @ " + pointer(s.Heap, s.Bits))
	p.line(fmt.Sprintf("group-by: %s max-display: %d", s.Group, most))
	p.line("    size     #blocks     total     ( %) (percent of total busy bytes)")
	for _, r := range shown {
		p.line(r.line(s.Busy))
	}
	return p.err
}

// line is one row. The share is rounded: of eight published listings no total
// fits shares that are cut.
func (r StatRow) line(busy uint64) string {
	total := r.Size * r.Blocks
	share := 0.0
	if busy > 0 {
		share = 100 * float64(total) / float64(busy)
	}
	return fmt.Sprintf("    %x %x - %x  (%.2f)", r.Size, r.Blocks, total, share)
}
