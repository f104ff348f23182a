// Package memory holds the bytes of a dumped process: addresses, the ranges
// that the dump saved, the regions that the process had, and, for every byte
// that is not there, why it is missing. It knows no file format and no heap.
package memory

import (
	"fmt"
	"strconv"
)

// PageSize is the page size of every Windows architecture that dumps are read
// from (x86, x64, ARM64), in bytes.
const PageSize = 0x1000

// Addr is an address in the dumped process. It prints as 0x and hex digits
// under %v and %s; the integer verbs print it as a number.
type Addr uint64

// Add returns a+n. It wraps like the machine does; use [Addr.Span] where n
// comes from a dump.
func (a Addr) Add(n uint64) Addr { return a + Addr(n) }

// Sub returns the distance from b up to a in bytes. a must not be below b.
func (a Addr) Sub(b Addr) uint64 { return uint64(a - b) }

// Align returns a rounded down to a multiple of n, which must be a power of two.
func (a Addr) Align(n uint64) Addr { return a &^ Addr(n-1) }

// Span returns [a, a+n), cut at the top of the address space.
func (a Addr) Span(n uint64) Range {
	end := a + Addr(n)
	if end < a {
		end = ^Addr(0)
	}
	return Range{a, end}
}

// Format implements fmt.Formatter: %v and %s give 0x1f, every other verb
// formats the number. It is not a String method, since with one %016x would
// print the hex of the text.
func (a Addr) Format(f fmt.State, verb rune) {
	switch verb {
	case 'v', 's':
		fmt.Fprint(f, "0x"+strconv.FormatUint(uint64(a), 16))
	default:
		fmt.Fprintf(f, fmt.FormatString(f, verb), uint64(a))
	}
}

// MarshalText renders the address for JSON as "0x…": JSON numbers are exact
// to 53 bits only.
func (a Addr) MarshalText() ([]byte, error) {
	return strconv.AppendUint([]byte("0x"), uint64(a), 16), nil
}

// Range is a half-open interval of addresses.
type Range struct{ Start, End Addr }

// Size returns the length in bytes; a reversed range has none.
func (r Range) Size() uint64 {
	if r.End < r.Start {
		return 0
	}
	return uint64(r.End - r.Start)
}

// Empty reports whether no address is in r.
func (r Range) Empty() bool { return r.End <= r.Start }

// Contains reports whether a is in r.
func (r Range) Contains(a Addr) bool { return r.Start <= a && a < r.End }

// Holds reports whether all of b is in r; an empty b at r.End is.
func (r Range) Holds(b Range) bool { return r.Start <= b.Start && b.End <= r.End && b.Start <= b.End }

// Overlaps reports whether r and b share an address.
func (r Range) Overlaps(b Range) bool { return r.Start < b.End && b.Start < r.End }

// Intersect returns what r and b share; empty when they share nothing.
func (r Range) Intersect(b Range) Range {
	out := Range{max(r.Start, b.Start), min(r.End, b.End)}
	if out.End < out.Start {
		out.End = out.Start
	}
	return out
}

// Format prints [0x1000, 0x2000) under %v and %s.
func (r Range) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "[%v, %v)", r.Start, r.End) }
