package memory

import (
	"errors"
	"fmt"
)

// ErrMissing is what every [MissingError] is under errors.Is.
var ErrMissing = errors.New("bytes are not in the dump")

// Reason says why a byte of the process is not in the dump.
type Reason uint8

// The reasons. Only NotSaved and FileTruncated are a fault of the dump: in a
// heap's reservation, Reserved is an ordinary uncommitted range.
const (
	Unknown       Reason = iota // the dump does not say what was there
	NotSaved                    // committed in the process, left out of the dump
	Reserved                    // reserved address space, without storage
	Free                        // nothing was there
	FileTruncated               // the dump lists it beyond the end of the file
	Present                     // not missing: the dump has the byte
)

// String returns the reason as it reads in a sentence.
func (r Reason) String() string {
	switch r {
	case Unknown:
		return "unknown: the dump does not say what was there"
	case NotSaved:
		return "committed in the process but not saved in the dump"
	case Reserved:
		return "reserved address space without storage"
	case Free:
		return "free address space"
	case FileTruncated:
		return "the dump file is cut short"
	case Present:
		return "present"
	}
	return fmt.Sprintf("reason %d", uint8(r))
}

// MarshalText makes the reason one word in JSON: unknown, not-saved, reserved,
// free, file-truncated, present.
func (r Reason) MarshalText() ([]byte, error) {
	words := [...]string{"unknown", "not-saved", "reserved", "free", "file-truncated", "present"}
	if int(r) < len(words) {
		return []byte(words[r]), nil
	}
	return fmt.Appendf(nil, "reason-%d", uint8(r)), nil
}

// MissingError says that bytes which were asked for are not in the dump. It
// is [ErrMissing].
type MissingError struct {
	Want Range  // what was asked for, cut at the top of the address space
	At   Addr   // the first byte of it that is missing
	Why  Reason // why that byte is missing
}

// Error names what was wanted, the first byte that is missing, and why.
func (e *MissingError) Error() string {
	return fmt.Sprintf("memory %v: byte %v is missing: %v", e.Want, e.At, e.Why)
}

// Is reports whether target is ErrMissing.
func (e *MissingError) Is(target error) bool { return target == ErrMissing }
