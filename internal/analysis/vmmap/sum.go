package vmmap

import (
	"cmp"
	"slices"

	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/memory"
)

// Row is one line of a sum: how many pieces share a property, and their bytes.
type Row struct {
	Name    string
	Bits    int // of a usage with a width: 32 or 64; else 0
	Regions int
	Bytes   uint64
}

// Largest is the largest piece of a usage.
type Largest struct {
	Name  string
	Bits  int
	Base  memory.Addr
	Bytes uint64
}

// Summary adds pieces up. Its laws: the usages add up to Bytes, and so do the
// states; the types to Bytes without what is free; the protections to what is
// committed. Each is sorted by bytes, the most first.
type Summary struct {
	Regions                     int
	Bytes                       uint64 // of all pieces
	FreeBytes                   uint64
	Usage, Type, State, Protect []Row
	Largest                     []Largest // one for each row of Usage, in its order
	// Kinds divides the usages Other and Unknown by what is known of the
	// pieces; those of which nothing is have no row.
	Kinds []Row
	// UnusableBytes is free address space that no allocation can use, since
	// allocations begin at multiples of 64 KiB: from the start of each free
	// region to the next of them.
	UnusableBytes uint64
}

// granularity is what address space is handed out in (SYSTEM_INFO's
// dwAllocationGranularity, the same on every Windows).
const granularity = 0x10000

// unknownName stands for a type or protection that the dump does not say.
const unknownName = "unknown"

// Sum adds pieces up.
func Sum(pieces []Piece) Summary {
	s := newSummer()
	for i := range pieces {
		s.add(&pieces[i])
	}
	return s.sum()
}

// TakeSum classifies the address space of a dump and adds up the pieces that
// want says yes to, all of them where it is nil. It is Sum of Take's pieces,
// without keeping them.
func TakeSum(t *target.Target, want func(*Piece) bool) Summary {
	s := newSummer()
	split(t.Space.Regions(), collect(t).owners, func(p *Piece) {
		if want == nil || want(p) {
			s.add(p)
		}
	})
	return s.sum()
}

// summer adds up pieces, one after the other.
type summer struct {
	Summary                           // its figures; the tables are made at the end
	usage, typ, state, protect, kinds tally
	largest                           map[rowKey]Largest
	words                             names
}

func newSummer() *summer { return &summer{largest: map[rowKey]Largest{}} }

func (s *summer) add(p *Piece) {
	n := p.Size()
	s.Regions++
	s.Bytes += n
	key := rowKey{p.Usage.String(), p.Bits()}
	s.usage.add(key, n)
	if l := s.largest[key]; n > l.Bytes {
		s.largest[key] = Largest{key.name, key.bits, p.Start, n}
	}
	s.state.add(rowKey{name: p.State.String()}, n)
	if p.State == memory.MemFree {
		s.FreeBytes += n
		s.UnusableBytes += Unusable(p.Range)
		return
	}
	s.typ.add(rowKey{name: orUnknown(p.Type.String())}, n)
	if p.State == memory.MemCommit {
		s.protect.add(rowKey{name: s.words.of(p.Protect)}, n)
	}
	if p.Owner != nil && (p.Usage == Other || p.Usage == Unknown) {
		s.kinds.add(rowKey{name: p.Owner.Kind}, n)
	}
}

// sum makes the tables of what was added.
func (s *summer) sum() Summary {
	out := s.Summary
	out.Usage, out.Type, out.State, out.Protect, out.Kinds = s.usage.rows(), s.typ.rows(), s.state.rows(), s.protect.rows(), s.kinds.rows()
	for _, r := range out.Usage {
		out.Largest = append(out.Largest, s.largest[rowKey{r.Name, r.Bits}])
	}
	return out
}

// names remembers the name of the protection that was asked for last: most
// regions have that of the one before.
type names struct {
	last memory.Protect
	name string
}

func (n *names) of(p memory.Protect) string {
	if n.name == "" || p != n.last {
		n.last, n.name = p, orUnknown(p.String())
	}
	return n.name
}

// Unusable returns how many bytes at the start of a free range no allocation
// can use.
func Unusable(r memory.Range) uint64 {
	skip := -uint64(r.Start) % granularity
	return min(skip, r.Size())
}

func orUnknown(s string) string {
	if s == "" {
		return unknownName
	}
	return s
}

type rowKey struct {
	name string
	bits int
}

// tally adds rows up. The first few are looked for in turn, which is faster
// than a map; there seldom are more.
type tally struct {
	all  []Row
	more map[rowKey]int // of the rows behind the first few
}

const few = 16

func (t *tally) add(k rowKey, n uint64) {
	r := t.row(k)
	r.Regions++
	r.Bytes += n
}

func (t *tally) row(k rowKey) *Row {
	for i := range t.all[:min(len(t.all), few)] {
		if r := &t.all[i]; r.Bits == k.bits && r.Name == k.name {
			return r
		}
	}
	if i, ok := t.more[k]; ok {
		return &t.all[i]
	}
	if len(t.all) >= few {
		if t.more == nil {
			t.more = map[rowKey]int{}
		}
		t.more[k] = len(t.all)
	}
	t.all = append(t.all, Row{Name: k.name, Bits: k.bits})
	return &t.all[len(t.all)-1]
}

// rows returns the rows by bytes, the most first, then by name and width.
func (t *tally) rows() []Row {
	slices.SortFunc(t.all, func(a, b Row) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Bits, b.Bits))
	})
	return t.all
}
