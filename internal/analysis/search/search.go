// Package search finds bytes, text and pointers in the memory that a dump has.
package search

import (
	"bytes"
	"context"
	"encoding/binary"
	"runtime"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/heapdump/heapdump/internal/progress"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/memory"
)

// Match says what was looked for at a hit.
type Match uint8

// The kinds of match.
const (
	Bytes   Match = iota // a sequence of bytes
	ASCII                // text, one byte a character (UTF-8 beyond ASCII)
	UTF16                // text, UTF-16LE
	Pointer              // an aligned pointer into a range
	Number               // an aligned number of 32 bits
)

// String returns the word for a match: bytes, ascii, utf16, pointer, number.
func (m Match) String() string {
	return [...]string{"bytes", "ascii", "utf16", "pointer", "number"}[m]
}

// Pattern is one thing to look for: bytes, or aligned words in a range.
type Pattern struct {
	Match Match
	Bytes []byte // of Bytes, ASCII and UTF16; never empty
	Fold  bool   // ASCII letters match in either case
	// Of Pointer and Number: words with First <= value <= Last, at addresses
	// that are multiples of Width, 4 or 8 bytes.
	First, Last uint64
	Width       uint64
}

// Hit is one place where a pattern matches.
type Hit struct {
	Address memory.Addr
	Pattern int    // index into the patterns
	Value   uint64 // of Pointer and Number
}

// Result is what was found, in order of address.
type Result struct {
	Hits     []Hit
	Total    int    // hits, also those not kept
	Searched uint64 // bytes
}

// MaxHits is how many hits are kept at most.
const MaxHits = 1 << 20

// chunk is how many bytes one worker searches at a time.
const chunk = 4 << 20

// Take looks for patterns in what the dump has of the ranges, and keeps the
// first limit hits (0 is MaxHits). Hits may overlap. tick may be nil; it is
// told how many of how many bytes are done. The result does not depend on the
// number of processors. The error is the context's.
func Take(ctx context.Context, t *target.Target, patterns []Pattern, ranges []memory.Range, limit int, tick func(done, total uint64)) (*Result, error) {
	if limit <= 0 || limit > MaxHits {
		limit = MaxHits
	}
	work, total := split(t.Space, ranges, longest(patterns))
	q := &queue{work: work, patterns: patterns, limit: limit, tick: tick, total: total, found: make([]part, len(work))}
	g, ctx := errgroup.WithContext(ctx)
	for range runtime.GOMAXPROCS(0) {
		g.Go(progress.Guard(func() error { return q.run(ctx) }))
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	r := &Result{Searched: total}
	for _, p := range q.found {
		r.Total += p.total
		r.Hits = append(r.Hits, p.hits[:min(len(p.hits), limit-len(r.Hits))]...)
	}
	return r, nil
}

// queue hands out stretches, in order.
type queue struct {
	work     []stretch
	patterns []Pattern
	limit    int
	tick     func(done, total uint64)
	total    uint64

	mu          sync.Mutex
	next, first int    // the next to search; the first that is not done
	kept        int    // hits of those before first
	done        uint64 // bytes
	found       []part
	finished    []bool
}

// run searches stretches until there are no more.
func (q *queue) run(ctx context.Context) error {
	for ctx.Err() == nil {
		i, limit := q.take()
		if i < 0 {
			return nil
		}
		q.put(i, q.work[i].search(q.patterns, limit))
	}
	return ctx.Err()
}

// take returns the next stretch and how many of its hits are worth keeping;
// -1 when there are no more.
func (q *queue) take() (i, limit int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.next >= len(q.work) {
		return -1, 0
	}
	q.next++
	return q.next - 1, max(q.limit-q.kept, 0)
}

func (q *queue) put(i int, p part) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.finished == nil {
		q.finished = make([]bool, len(q.work))
	}
	q.found[i], q.finished[i] = p, true
	for q.first < len(q.work) && q.finished[q.first] {
		q.kept += len(q.found[q.first].hits)
		q.first++
	}
	q.done += q.work[i].starts
	if q.tick != nil {
		q.tick(q.done, q.total)
	}
}

// longest is the length of the longest pattern of bytes.
func longest(patterns []Pattern) uint64 {
	n := uint64(1)
	for _, p := range patterns {
		n = max(n, uint64(len(p.Bytes)), p.Width)
	}
	return n
}

// stretch is a piece of memory in which matches may start, and what follows.
type stretch struct {
	at     memory.Addr
	starts uint64 // so many bytes from at on may begin a match
	bytes  []byte // these and what a match may reach into
}

// split cuts what the dump has of the ranges into stretches. A match may reach
// across the border of two runs that touch.
func split(s *memory.Space, ranges []memory.Range, longest uint64) ([]stretch, uint64) {
	var out []stretch
	total := uint64(0)
	for _, r := range ranges {
		for run := range s.Runs(r) {
			total += uint64(len(run.Bytes))
			for off := 0; off < len(run.Bytes); off += chunk {
				n := min(chunk, len(run.Bytes)-off)
				end := min(n+int(longest)-1, len(run.Bytes)-off)
				x := stretch{run.Start.Add(uint64(off)), uint64(n), run.Bytes[off : off+end]}
				if end < n+int(longest)-1 {
					out = append(out, x.across(s, longest)...)
					continue
				}
				out = append(out, x)
			}
		}
	}
	return out, total
}

// across adds to the last stretch of a run what follows in the next run.
func (x stretch) across(s *memory.Space, longest uint64) []stretch {
	edge := min(longest-1, x.starts)
	// The bytes of a run are the dump's and must not be written: the border is
	// copied.
	border := bytes.Clone(x.bytes[x.starts-edge:])
	for end, want := x.at.Add(uint64(len(x.bytes))), edge+longest-1; uint64(len(border)) < want; {
		next := s.Tail(end)
		if len(next) == 0 {
			break
		}
		next = next[:min(uint64(len(next)), want-uint64(len(border)))]
		border = append(border, next...)
		end = end.Add(uint64(len(next)))
	}
	if edge == 0 || uint64(len(border)) == uint64(len(x.bytes))-x.starts+edge {
		return []stretch{x}
	}
	last := stretch{x.at.Add(x.starts - edge), edge, border}
	x.starts -= edge
	return []stretch{x, last}
}

// part is what one stretch holds.
type part struct {
	hits  []Hit
	total int
}

// search looks for all patterns in the stretch.
func (x stretch) search(patterns []Pattern, limit int) part {
	var out part
	for i, p := range patterns {
		var one part
		switch {
		case p.Match == Pointer || p.Match == Number:
			x.words(p, i, limit, &one)
		case p.Fold:
			x.folded(p, i, limit, &one)
		default:
			x.plain(p, i, limit, &one)
		}
		out.hits = append(out.hits, one.hits...)
		out.total += one.total
	}
	if len(patterns) > 1 {
		slices.SortStableFunc(out.hits, func(a, b Hit) int {
			switch {
			case a.Address < b.Address:
				return -1
			case a.Address > b.Address:
				return 1
			}
			return a.Pattern - b.Pattern
		})
	}
	return out
}

func (p *part) hit(h Hit, limit int) {
	p.total++
	if len(p.hits) < limit {
		p.hits = append(p.hits, h)
	}
}

// plain looks for bytes as they are.
func (x stretch) plain(p Pattern, n, limit int, out *part) {
	for off := 0; uint64(off) < x.starts; off++ {
		i := bytes.Index(x.bytes[off:], p.Bytes)
		if i < 0 || uint64(off+i) >= x.starts {
			return
		}
		off += i
		out.hit(Hit{Address: x.at.Add(uint64(off)), Pattern: n}, limit)
	}
}

// folded looks for bytes whose ASCII letters may be of either case.
func (x stretch) folded(p Pattern, n, limit int, out *part) {
	want := bytes.Clone(p.Bytes)
	for i := range want {
		want[i] = lower(want[i])
	}
	for off := 0; uint64(off) < x.starts && off+len(want) <= len(x.bytes); off++ {
		i := 0
		for i < len(want) && lower(x.bytes[off+i]) == want[i] {
			i++
		}
		if i == len(want) {
			out.hit(Hit{Address: x.at.Add(uint64(off)), Pattern: n}, limit)
		}
	}
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// words looks for aligned words in a range.
func (x stretch) words(p Pattern, n, limit int, out *part) {
	off := (p.Width - uint64(x.at)%p.Width) % p.Width
	for ; off < x.starts && off+p.Width <= uint64(len(x.bytes)); off += p.Width {
		v := uint64(binary.LittleEndian.Uint32(x.bytes[off:]))
		if p.Width == 8 {
			v = binary.LittleEndian.Uint64(x.bytes[off:])
		}
		if p.First <= v && v <= p.Last {
			out.hit(Hit{x.at.Add(off), n, v}, limit)
		}
	}
}
