package stackdb

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/heapdump/heapdump/pkg/memory"
)

// Query says where to look for a database. It needs no symbols.
type Query struct {
	// Traces are stack trace pointers of blocks: the reservation that has one
	// begins with the database's header, or has its entries.
	Traces []memory.Addr
	// Data are ranges that may hold the pointer to the database: the writable
	// data of ntdll.
	Data []memory.Range
}

// maxData is how many bytes of data are searched for a pointer.
const maxData = 16 << 20

// Locate finds the process's stack trace database: by the traces, then at the
// start of each private reservation, then by pointers in the data. All the
// facts of the header have to agree. The error is ErrNoDatabase and says what
// was looked at; when traces lead to memory that the dump lacks, it says
// that.
func Locate(s *memory.Space, r Reader, q Query) (*Database, error) {
	l := locator{s: s, r: r, tried: map[memory.Addr]bool{}}
	if d := l.byTraces(q.Traces); d != nil {
		return d, nil
	}
	if d := l.byReservations(); d != nil {
		return d, nil
	}
	if d := l.byData(q.Data); d != nil {
		return d, nil
	}
	if l.missing != "" {
		return nil, fmt.Errorf("%w: %s", ErrNoDatabase, l.missing)
	}
	return nil, fmt.Errorf("%w: the dump has no header of one (%d places looked at)", ErrNoDatabase, len(l.tried))
}

type locator struct {
	s       *memory.Space
	r       Reader
	tried   map[memory.Addr]bool
	missing string // why the most likely place could not be read
}

// try reads a header at a.
func (l *locator) try(a memory.Addr, found string) *Database {
	if l.tried[a] || uint64(a)%l.r.ptr() != 0 {
		return nil
	}
	l.tried[a] = true
	d, err := OpenDatabase(l.r, a, l.reservation(a))
	if err != nil {
		return nil
	}
	d.Found = found
	return d
}

// reservation returns the reservation that has a, as far as the dump's memory
// map tells; empty when it does not.
func (l *locator) reservation(a memory.Addr) memory.Range {
	r, ok := l.s.Region(a)
	if !ok || !l.s.RegionsKnown() || r.State == memory.MemFree {
		return memory.Range{}
	}
	all := l.s.Regions()
	i, _ := slices.BinarySearchFunc(all, r.AllocationBase, func(x memory.Region, b memory.Addr) int {
		switch {
		case x.Start < b:
			return -1
		case x.Start > b:
			return 1
		}
		return 0
	})
	out := memory.Range{Start: r.AllocationBase, End: r.End}
	for ; i < len(all) && all[i].AllocationBase == r.AllocationBase && all[i].State != memory.MemFree; i++ {
		out.End = max(out.End, all[i].End)
	}
	return out
}

func (l *locator) byTraces(traces []memory.Addr) *Database {
	for _, p := range traces {
		base := p.Align(0x10000)
		if r := l.reservation(p); !r.Empty() {
			base = r.Start
		}
		if d := l.try(base, "at the start of the reservation that blocks' stack trace pointers lead to"); d != nil {
			return d
		}
		if why := l.s.Why(p); why != memory.Present && l.missing == "" {
			l.missing = fmt.Sprintf("blocks' stack traces are at %v, which is %v", p, why)
		}
	}
	return nil
}

func (l *locator) byReservations() *Database {
	if !l.s.RegionsKnown() {
		for _, run := range l.s.AllRuns() {
			if d := l.try(run.Start, "at the start of saved memory"); d != nil {
				return d
			}
		}
		return nil
	}
	for _, r := range l.s.Regions() {
		if r.State != memory.MemCommit || r.Type == memory.MemImage || r.Start != r.AllocationBase {
			continue
		}
		if d := l.try(r.Start, "at the start of a reservation"); d != nil {
			return d
		}
	}
	return nil
}

func (l *locator) byData(data []memory.Range) *Database {
	left, p := uint64(maxData), l.r.ptr()
	for _, rg := range data {
		for run := range l.s.Runs(rg) {
			b := run.Bytes
			if off := uint64(run.Start) % p; off != 0 {
				b = b[min(p-off, uint64(len(b))):]
			}
			for ; uint64(len(b)) >= p && left >= p; b, left = b[p:], left-p {
				a := memory.Addr(binary.LittleEndian.Uint32(b))
				if p == 8 {
					a = memory.Addr(binary.LittleEndian.Uint64(b))
				}
				if a < 0x10000 || len(l.s.Tail(a)) == 0 {
					continue
				}
				if d := l.try(a, "by a pointer in ntdll's data"); d != nil {
					return d
				}
			}
		}
	}
	return nil
}
