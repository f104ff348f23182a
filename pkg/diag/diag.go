// Package diag is the vocabulary for what is wrong with a dump: a Problem is a
// fact about the dump, found by a reader that could go on. It is not an error,
// which means that the caller's operation could not be done.
package diag

import (
	"fmt"

	"github.com/heapdump/heapdump/pkg/memory"
)

// Code names a kind of problem. Codes are stable: scripts match them.
type Code string

// Class says whose fault a problem is.
type Class uint8

// The classes of problem.
const (
	Corrupt     Class = iota // the target's memory contradicts itself
	Incomplete               // the dump does not hold what is needed
	Unsupported              // heapdump does not know this structure or Windows version
)

// String returns corrupt, incomplete or unsupported.
func (c Class) String() string {
	switch c {
	case Corrupt:
		return "corrupt"
	case Incomplete:
		return "incomplete"
	case Unsupported:
		return "unsupported"
	}
	return fmt.Sprintf("class %d", uint8(c))
}

// MarshalText makes the class a word in JSON.
func (c Class) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// Place is where a problem was seen: in the dump file or in the process.
type Place struct {
	In  In
	Off uint64 // bytes from the file's start, or a virtual address
}

// In tells what a Place's offset counts in.
type In uint8

// The two spaces that a place can be in.
const (
	InMemory In = iota
	InFile
)

// At is the place of an address in the process.
func At(a memory.Addr) Place { return Place{InMemory, uint64(a)} }

// AtFile is the place of a byte in the dump file.
func AtFile(off uint64) Place { return Place{InFile, off} }

// Format prints 0x1f for an address and "file offset 0x1f" for a file place.
func (p Place) Format(f fmt.State, _ rune) {
	if p.In == InFile {
		fmt.Fprintf(f, "file offset %#x", p.Off)
		return
	}
	fmt.Fprintf(f, "%#x", p.Off)
}

// Problem is one fact about a dump that its reader should know of.
type Problem struct {
	Code   Code
	Class  Class
	At     Place
	Heap   memory.Addr // the heap it was found in, 0 when in none
	Object string      // the Windows structure or stream, for example _HEAP_ENTRY
	Field  string      // the field in it, empty when it is about the whole
	Want   string      // what was expected, in words or hex
	Got    string      // what is there
	Lost   uint64      // bytes that are unaccounted for because of it
}

// String renders the problem as one line of text.
func (p Problem) String() string {
	s := fmt.Sprintf("%s at %v", p.Code, p.At)
	if p.Object != "" {
		s += ": " + p.Object
		if p.Field != "" {
			s += "." + p.Field
		}
	}
	switch {
	case p.Want != "" && p.Got != "":
		s += fmt.Sprintf(": want %s, got %s", p.Want, p.Got)
	case p.Got != "":
		s += ": " + p.Got
	case p.Want != "":
		s += ": want " + p.Want
	}
	if p.Lost > 0 {
		s += fmt.Sprintf(" (%d bytes lost)", p.Lost)
	}
	return s
}

// Sink receives problems as they are found. A nil Sink may be passed wherever
// one is taken; use [Sink.Put].
type Sink func(Problem)

// Put hands p to the sink, if there is one.
func (s Sink) Put(p Problem) {
	if s != nil {
		s(p)
	}
}

// List collects problems up to a limit, so that a hostile dump cannot fill the
// memory with them. The zero List keeps DefaultLimit.
type List struct {
	Problems []Problem
	Limit    int    // how many are kept; 0 means DefaultLimit
	Dropped  int    // how many were not kept
	Lost     uint64 // bytes lost over all, the dropped ones included
}

// DefaultLimit is how many problems a List keeps when no limit is set.
const DefaultLimit = 10000

// Add is the List's Sink.
func (l *List) Add(p Problem) {
	l.Lost += p.Lost
	limit := l.Limit
	if limit == 0 {
		limit = DefaultLimit
	}
	if len(l.Problems) >= limit {
		l.Dropped++
		return
	}
	l.Problems = append(l.Problems, p)
}
