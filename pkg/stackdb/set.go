package stackdb

import (
	"cmp"
	"encoding/binary"
	"errors"
	"hash/maphash"
	"slices"

	"github.com/heapdump/heapdump/pkg/memory"
)

// ID is a stack in a Set: 4 bytes that a block costs more. 0 is no stack.
type ID uint32

// Set keeps distinct stacks, each once, with the number of blocks that have
// it. The zero Set is empty and ready for use. It is not for several
// goroutines at once while stacks are added.
type Set struct {
	seed   maphash.Seed
	first  map[uint64]ID // by hash, the newest; older ones by next
	next   []ID
	frames []memory.Addr // of all stacks, one after another
	ends   []uint32      // of stack i+1 in frames
	counts []uint64
	at     map[source]ID // what pointers and indexes were found to lead to
	facts  Facts
}

// source is where a stack was looked for: at a pointer, or under an index of
// a database.
type source struct {
	at    memory.Addr
	index uint32
}

// Failure is a pointer that led to no stack, or an index of the database at
// the address.
type Failure struct {
	At    memory.Addr
	Index uint32
	Err   error
}

// Facts counts what a Set was asked for.
type Facts struct {
	Stacks  int               // distinct stacks
	Frames  int               // frames of all of them
	Uses    uint64            // blocks with a stack
	Traces  [DepthSources]int // distinct structures read, by the field that gave the depth
	Failed  int               // distinct pointers that led to no stack
	Missing uint64            // blocks whose pointer did
	Why     []Failure         // the first few of these, by Compare, and what was wrong
}

// keptErrors is how many errors a Set remembers.
const keptErrors = 16

// maxTotal is how many frames a Set holds at most: its index is 32 bits wide.
const maxTotal = 1<<32 - 1

// Add interns a stack and counts one use of it. No frames are no stack.
func (s *Set) Add(frames []memory.Addr) ID {
	id := s.intern(frames)
	s.use(id)
	return id
}

func (s *Set) use(id ID) {
	if id != 0 {
		s.counts[id-1]++
		s.facts.Uses++
	}
}

func (s *Set) intern(frames []memory.Addr) ID {
	if len(frames) == 0 || uint64(len(s.frames))+uint64(len(frames)) > maxTotal {
		return 0
	}
	if s.first == nil {
		s.seed, s.first = maphash.MakeSeed(), map[uint64]ID{}
	}
	var h maphash.Hash
	h.SetSeed(s.seed)
	var word [8]byte
	for _, f := range frames {
		binary.LittleEndian.PutUint64(word[:], uint64(f))
		h.Write(word[:])
	}
	sum := h.Sum64()
	for id := s.first[sum]; id != 0; id = s.next[id-1] {
		if slices.Equal(s.Frames(id), frames) {
			return id
		}
	}
	s.frames = append(s.frames, frames...)
	s.ends = append(s.ends, uint32(len(s.frames)))
	s.counts = append(s.counts, 0)
	s.next = append(s.next, s.first[sum])
	id := ID(len(s.ends))
	s.first[sum] = id
	return id
}

// At interns the stack that a pointer leads to and counts one use of it. Each
// pointer is decoded once. The ID is 0 when it leads to no stack; Facts says
// how many did, and of some of them why.
func (s *Set) At(r Reader, p memory.Addr) ID {
	if p == 0 {
		return 0
	}
	id, ok := s.at[source{at: p}]
	if !ok {
		t, err := r.Trace(p)
		id = s.note(source{at: p}, t, err)
	}
	s.use(id)
	if id == 0 {
		s.facts.Missing++
	}
	return id
}

// Index interns the stack with an index in a database and counts one use of
// it.
func (s *Set) Index(d *Database, index uint32) ID {
	if index == 0 {
		return 0
	}
	key := source{d.Address, index}
	id, ok := s.at[key]
	if !ok {
		t, err := d.Trace(index)
		id = s.note(key, t, err)
	}
	s.use(id)
	if id == 0 {
		s.facts.Missing++
	}
	return id
}

// note remembers what a pointer or index led to.
func (s *Set) note(key source, t Trace, err error) ID {
	if s.at == nil {
		s.at = map[source]ID{}
	}
	id := ID(0)
	if err == nil {
		id = s.intern(t.Frames)
		s.facts.Traces[t.Depth]++
	} else {
		s.facts.Failed++
		s.facts.Why = keep(s.facts.Why, Failure{key.at, key.index, err})
	}
	s.at[key] = id
	return id
}

// keep puts a failure where it belongs in the order of Compare, and forgets the
// last one when they are too many: what is kept does not depend on the order
// in which blocks were asked for.
func keep(why []Failure, f Failure) []Failure {
	at, _ := slices.BinarySearchFunc(why, f, Failure.Compare)
	if why = slices.Insert(why, at, f); len(why) > keptErrors {
		why = why[:keptErrors]
	}
	return why
}

// Compare orders failures: first those by bytes that the dump lacks, then by
// where they are.
func (f Failure) Compare(g Failure) int {
	return cmp.Or(cmp.Compare(f.rank(), g.rank()), cmp.Compare(f.At, g.At), cmp.Compare(f.Index, g.Index))
}

func (f Failure) rank() int {
	if errors.Is(f.Err, memory.ErrMissing) {
		return 0
	}
	return 1
}

// Len returns how many distinct stacks there are: their IDs are 1 to Len.
func (s *Set) Len() int { return len(s.ends) }

// Frames returns the frames of a stack, innermost first; nil for 0. The slice
// is the Set's own.
func (s *Set) Frames(id ID) []memory.Addr {
	if id == 0 || int(id) > len(s.ends) {
		return nil
	}
	from := uint32(0)
	if id > 1 {
		from = s.ends[id-2]
	}
	return s.frames[from:s.ends[id-1]:s.ends[id-1]]
}

// Count returns how often the stack was used.
func (s *Set) Count(id ID) uint64 {
	if id == 0 || int(id) > len(s.counts) {
		return 0
	}
	return s.counts[id-1]
}

// Facts returns what the Set has seen.
func (s *Set) Facts() Facts {
	f := s.facts
	f.Why = slices.Clone(f.Why)
	f.Stacks, f.Frames = len(s.ends), len(s.frames)
	return f
}
