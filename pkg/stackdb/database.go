package stackdb

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/heapdump/heapdump/pkg/memory"
)

// ErrNoDatabase says that a user-mode stack trace database is not where it
// was looked for; the error round it says why.
var ErrNoDatabase = errors.New("no stack trace database")

// Database is one STACK_TRACE_DATABASE: what its header says, and the way
// from an index to a trace.
type Database struct {
	Address memory.Addr
	Layout  string // xp-x86, 2003-x64, vista-x86, vista-x64, win7-x86, win7-x64
	Found   string // how it was found, in words
	// Region is the reservation that has its entries.
	Region           memory.Range
	CommitBase       memory.Addr
	CurrentLower     memory.Addr // committed from below up to here
	CurrentUpper     memory.Addr // and from here on up
	NextFreeLower    memory.Addr // where the next entry goes
	NextFreeUpper    memory.Addr // where the next slot of the index goes
	EntryIndexArray  memory.Addr // slot i is i pointers below it
	EntriesLookedUp  uint32      // how often a stack was captured
	EntriesAdded     uint32      // distinct stacks
	Buckets          uint32      // of the hash table
	PreCommitted     bool
	LowerMemoryStart memory.Addr // Windows 7 and later

	r Reader
}

// dbLayout places the fields of STACK_TRACE_DATABASE. Those of XP x86, Vista,
// Windows 7 x86 and Windows 8 and later x64 are from public symbols; that of
// 2003 x64 is XP's with pointers of eight bytes, and Windows 7 x64 is taken
// to be like Windows 8 (both inferred).
type dbLayout struct {
	name string
	bits int
	old  bool
	lowerStart, preCommitted, commitBase, lower, upper, nextLower, nextUpper,
	lookedUp, added, index, buckets, table uint64
	stride uint64 // bytes of a bucket
}

var dbLayouts = [...]dbLayout{
	{name: "win7-x64", bits: 64, lowerStart: 0x78, preCommitted: 0x80, commitBase: 0x88, lower: 0x90, upper: 0x98, nextLower: 0xa0, nextUpper: 0xa8,
		lookedUp: 0xb0, added: 0xb4, index: 0xb8, buckets: 0x2d0, table: 0x2d8, stride: 0x10},
	{name: "vista-x64", bits: 64, preCommitted: 0x80, commitBase: 0x88, lower: 0x90, upper: 0x98, nextLower: 0xa0, nextUpper: 0xa8,
		lookedUp: 0xb0, added: 0xb4, index: 0xb8, buckets: 0x1d0, table: 0x1d8, stride: 8},
	{name: "2003-x64", bits: 64, old: true, preCommitted: 0x80, commitBase: 0x88, lower: 0x90, upper: 0x98, nextLower: 0xa0, nextUpper: 0xa8,
		lookedUp: 0xb0, added: 0xb4, index: 0xb8, buckets: 0xc0, table: 0xc8, stride: 8},
	{name: "win7-x86", bits: 32, lowerStart: 0x40, preCommitted: 0x44, commitBase: 0x48, lower: 0x4c, upper: 0x50, nextLower: 0x54, nextUpper: 0x58,
		lookedUp: 0x5c, added: 0x60, index: 0x64, buckets: 0x178, table: 0x17c, stride: 8},
	{name: "vista-x86", bits: 32, preCommitted: 0x44, commitBase: 0x48, lower: 0x4c, upper: 0x50, nextLower: 0x54, nextUpper: 0x58,
		lookedUp: 0x5c, added: 0x60, index: 0x64, buckets: 0xf8, table: 0xfc, stride: 4},
	{name: "xp-x86", bits: 32, old: true, preCommitted: 0x44, commitBase: 0x48, lower: 0x4c, upper: 0x50, nextLower: 0x54, nextUpper: 0x58,
		lookedUp: 0x5c, added: 0x60, index: 0x64, buckets: 0x68, table: 0x6c, stride: 4},
}

const (
	maxEntries   = 10_000_000 // more distinct stacks than a database has room for
	maxBuckets   = 1 << 20
	bucketsToTry = 256
)

// OpenDatabase reads the header of a database at a, in whichever layout of
// the reader's pointer size all its facts agree. Where several do, the newest
// whose hash table has most entries is taken. region is the reservation that
// has a, as far as it is known; empty when it is not.
func OpenDatabase(r Reader, a memory.Addr, region memory.Range) (*Database, error) {
	var best *Database
	most, why := -1, error(nil)
	for i := range dbLayouts {
		l := &dbLayouts[i]
		if l.bits != r.Bits {
			continue
		}
		d, n, err := openLayout(r, a, region, l)
		if err != nil {
			if why == nil {
				why = err
			}
			continue
		}
		if n > most {
			best, most = d, n
		}
	}
	if best == nil {
		if why == nil {
			why = ErrNoDatabase
		}
		return nil, why
	}
	return best, nil
}

// openLayout reads the header in one layout and says how many buckets of its
// hash table lead to entries.
func openLayout(r Reader, a memory.Addr, region memory.Range, l *dbLayout) (*Database, int, error) {
	b, err := r.Memory.View(a, l.table)
	if err != nil {
		return nil, 0, fmt.Errorf("%v: %w: its header: %w", a, ErrNoDatabase, err)
	}
	ptr := func(off uint64) memory.Addr {
		if l.bits == 32 {
			return memory.Addr(binary.LittleEndian.Uint32(b[off:]))
		}
		return memory.Addr(binary.LittleEndian.Uint64(b[off:]))
	}
	num := func(off uint64) uint32 { return binary.LittleEndian.Uint32(b[off:]) }
	r.Old = l.old
	d := &Database{Address: a, Layout: l.name, Region: region, CommitBase: ptr(l.commitBase), CurrentLower: ptr(l.lower), CurrentUpper: ptr(l.upper),
		NextFreeLower: ptr(l.nextLower), NextFreeUpper: ptr(l.nextUpper), EntryIndexArray: ptr(l.index), EntriesLookedUp: num(l.lookedUp),
		EntriesAdded: num(l.added), Buckets: num(l.buckets), PreCommitted: b[l.preCommitted] != 0, r: r}
	if l.lowerStart != 0 {
		d.LowerMemoryStart = ptr(l.lowerStart)
	}
	if why := d.contradiction(); why != "" {
		return nil, 0, fmt.Errorf("%v: %w: %s", a, ErrNoDatabase, why)
	}
	if !d.Region.Contains(d.EntryIndexArray-1) || !d.Region.Contains(d.NextFreeLower) { // the header stands apart, or the region is not known
		d.Region = memory.Range{Start: min(d.CommitBase, d.NextFreeLower), End: d.EntryIndexArray}
	}
	n, why := d.hash(l)
	if why != "" {
		return nil, 0, fmt.Errorf("%v: %w: %s", a, ErrNoDatabase, why)
	}
	return d, n, nil
}

// contradiction says which fact of the header cannot be; empty when none.
// The entries grow from below, their index from above, and what lies between
// is not committed yet.
func (d *Database) contradiction() string {
	slots := uint64(d.EntriesAdded) * d.r.ptr()
	switch {
	case d.CommitBase == 0 || d.EntryIndexArray == 0 || d.Buckets == 0:
		return "null where a database has pointers"
	case d.CurrentLower < d.CommitBase || d.CurrentUpper < d.CurrentLower || d.EntryIndexArray < d.CurrentUpper:
		return "its limits are not in order"
	case d.NextFreeLower > d.CurrentLower || d.NextFreeLower < min(d.CommitBase, max(d.LowerMemoryStart, 1)):
		return "NextFreeLowerMemory is not below its limit"
	case d.NextFreeUpper < d.CurrentUpper || d.NextFreeUpper > d.EntryIndexArray:
		return "NextFreeUpperMemory is not above its limit"
	case uint64(d.EntryIndexArray)%d.r.ptr() != 0 || d.EntryIndexArray.Sub(d.CommitBase) > 1<<36:
		return "EntryIndexArray is out of place"
	case d.EntriesAdded > maxEntries || slots > d.EntryIndexArray.Sub(d.CommitBase):
		return fmt.Sprintf("%d entries do not fit", d.EntriesAdded)
	case d.Buckets > maxBuckets:
		return fmt.Sprintf("%d hash buckets", d.Buckets)
	}
	return ""
}

// hash looks at the first buckets of the hash table: each is empty or leads
// to an entry of the database.
func (d *Database) hash(l *dbLayout) (int, string) {
	n := 0
	table := d.Address.Add(l.table)
	for i := range uint64(min(d.Buckets, bucketsToTry)) {
		f := d.r.frames(table.Add(i*l.stride), 1)
		switch {
		case len(f) == 0:
			return 0, "its hash table is not in the dump"
		case f[0] == 0:
		case !d.entries().Contains(f[0]) || uint64(f[0])%4 != 0:
			return 0, fmt.Sprintf("hash bucket %d leads to %v", i, f[0])
		default:
			n++
		}
	}
	if n == 0 && d.EntriesAdded > bucketsToTry*8 {
		return 0, "its hash table is empty"
	}
	return n, ""
}

// entries returns where entries can be.
func (d *Database) entries() memory.Range {
	return memory.Range{Start: d.Region.Start, End: max(d.NextFreeLower, d.Region.Start)}
}

// Contains reports whether a stack trace pointer leads into the database.
func (d *Database) Contains(a memory.Addr) bool { return d.entries().Contains(a) }

// Entry returns the address of the entry with an index, which counts from 1:
// the index array grows downward from EntryIndexArray (two secondary
// sources).
func (d *Database) Entry(index uint32) (memory.Addr, error) {
	if index == 0 || index > d.EntriesAdded {
		return 0, fmt.Errorf("stack trace %d: %w: the database has %d", index, ErrNoTrace, d.EntriesAdded)
	}
	slot := d.EntryIndexArray - memory.Addr(uint64(index)*d.r.ptr())
	f := d.r.frames(slot, 1)
	if len(f) == 0 {
		return 0, fmt.Errorf("stack trace %d: its slot at %v: %w", index, slot, d.r.missing(slot))
	}
	if !d.entries().Contains(f[0]) {
		return 0, fmt.Errorf("stack trace %d: %w: its slot at %v has %v, which is outside of the database", index, ErrNoTrace, slot, f[0])
	}
	return f[0], nil
}

// Trace decodes the trace with an index: a block's
// HEAP_ENTRY_EXTRA.AllocatorBackTraceIndex, a heap's or segment's, or a
// critical section's CreatorBackTraceIndex, with its high part where there is
// one. The entry has to name the same index.
func (d *Database) Trace(index uint32) (Trace, error) {
	a, err := d.Entry(index)
	if err != nil {
		return Trace{}, err
	}
	head, err := d.r.Memory.View(a, d.r.head())
	if err != nil {
		return Trace{}, fmt.Errorf("stack trace %d at %v: %w", index, a, err)
	}
	t, err := d.r.entry(a, head, true)
	if err != nil {
		return Trace{}, err
	}
	if t.Index != index && !(t.Index == index&0xffff && d.r.Old) {
		return Trace{}, fmt.Errorf("stack trace %d at %v: %w: the entry says that its index is %d", index, a, ErrNoTrace, t.Index)
	}
	return t, nil
}
