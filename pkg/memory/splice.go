package memory

import (
	"cmp"
	"container/heap"
	"slices"
)

// Run is a piece of the process's memory that the dump saved: the bytes at
// Start and after it. Bytes usually aliases the dump file and must not be
// written.
type Run struct {
	Start Addr
	Bytes []byte
}

// End returns the address after the run's last byte.
func (r Run) End() Addr { return r.Start + Addr(len(r.Bytes)) }

// Range returns the addresses that the run covers.
func (r Run) Range() Range { return Range{r.Start, r.End()} }

// within returns the part of r in [start, end), which r must hold.
func (r Run) within(start, end Addr) Run {
	return Run{start, r.Bytes[start-r.Start : end-r.Start]}
}

// Splice makes one sorted list of runs without overlaps of any runs, in any
// order; where runs overlap, the later one of the list wins. Empty runs are
// dropped, and what reaches past the top of the address space is cut. Runs
// that are adjacent both in the process and in the file become one, so that a
// view across them need not copy. The bytes are aliased, never copied, and the
// argument is left as it is.
func Splice(runs []Run) []Run {
	n, tidy := survey(runs)
	if tidy {
		return join(make([]Run, 0, n), runs)
	}
	return sorted(runs, n)
}

// splice is Splice of runs that nobody else has: it may use their room.
func splice(runs []Run) []Run {
	n, tidy := survey(runs)
	if tidy {
		return join(runs[:0], runs)
	}
	return sorted(runs, n)
}

// survey counts the runs that are not empty, and reports whether they are
// sorted and without overlaps, as Windows writes them.
func survey(runs []Run) (n int, tidy bool) {
	tidy = true
	last := Addr(0)
	for _, r := range runs {
		if len(r.Bytes) == 0 {
			continue
		}
		n++
		tidy = tidy && r.Start >= last && r.End() > r.Start
		last = r.End()
	}
	return n, tidy
}

// join appends tidy runs to out, which may be their own room.
func join(out, runs []Run) []Run {
	for _, r := range runs {
		out = add(out, r)
	}
	return out
}

// sorted splices n runs that are not tidy.
func sorted(runs []Run, n int) []Run {
	order := make([]place, 0, n)
	for i, r := range runs {
		if len(r.Bytes) > 0 {
			order = append(order, place{r.Start, i})
		}
	}
	slices.SortFunc(order, place.compare)
	return sweep(make([]Run, 0, n), runs, order)
}

// place is where a run of a list begins.
type place struct {
	start Addr
	run   int // its index
}

func (p place) compare(q place) int {
	if p.start != q.start {
		return cmp.Compare(p.start, q.start)
	}
	return cmp.Compare(p.run, q.run)
}

// sweep splices runs that overlap or are unsorted: it goes up through the
// starts and keeps the runs that reach the current address in a heap, the
// latest of the list on top. Each round pushes or pops a run, so its work is
// n log n whatever the overlaps. A run that no other overlaps does not go
// through the heap.
func sweep(out, runs []Run, order []place) []Run {
	var live latest
	at := Addr(0)
	for i := 0; i < len(order) || len(live) > 0; {
		if len(live) == 0 {
			at = order[i].start
			if r := clip(runs[order[i].run]); i+1 == len(order) || order[i+1].start >= r.End() {
				out = add(out, r)
				i++
				continue
			}
		}
		for ; i < len(order) && order[i].start <= at; i++ {
			heap.Push(&live, order[i].run)
		}
		top := clip(runs[live[0]])
		if top.End() <= at {
			heap.Pop(&live)
			continue
		}
		end := top.End()
		if i < len(order) {
			end = min(end, order[i].start)
		}
		out = add(out, top.within(at, end))
		at = end
	}
	return out
}

// clip cuts a run that reaches past the top of the address space.
func clip(r Run) Run {
	if end := r.End(); end < r.Start {
		r.Bytes = r.Bytes[:^Addr(0)-r.Start]
	}
	return r
}

// add appends r to out, or lengthens the last run when r continues it both in
// memory and in the file.
func add(out []Run, r Run) []Run {
	if len(r.Bytes) == 0 {
		return out
	}
	if len(out) > 0 {
		p := &out[len(out)-1]
		n := len(p.Bytes)
		if p.End() == r.Start && cap(p.Bytes)-n >= len(r.Bytes) && &p.Bytes[:n+1][n] == &r.Bytes[0] {
			p.Bytes = p.Bytes[:n+len(r.Bytes)]
			return out
		}
	}
	return append(out, r)
}

// latest is a heap of indexes with the greatest on top.
type latest []int

// Len returns how many there are.
func (l latest) Len() int { return len(l) }

// Less puts the greater index first.
func (l latest) Less(i, j int) bool { return l[i] > l[j] }

// Swap exchanges two.
func (l latest) Swap(i, j int) { l[i], l[j] = l[j], l[i] }

// Push appends an index, for container/heap.
func (l *latest) Push(x any) { *l = append(*l, x.(int)) }

// Pop takes the last one, for container/heap.
func (l *latest) Pop() any {
	old := *l
	x := old[len(old)-1]
	*l = old[:len(old)-1]
	return x
}
