package minidump

import (
	"encoding/binary"
	"fmt"
)

// AssertionInfoStream is a stream of Breakpad's handler for Windows: what the
// C runtime told of a call that it refused.
const AssertionInfoStream StreamType = 0x47670002

// The text of an assertion: each of its three is so many UTF-16 characters,
// up to a zero, with what was in the writer's memory behind it.
const (
	assertionText = 2 * 128
	assertionSize = 3*assertionText + 8
)

// Assertion is the AssertionInfo stream (MDRawAssertionInfo of Breakpad's
// minidump_format.h). The release build of the C runtime tells no texts, so
// that they may all be empty.
type Assertion struct {
	Type                       uint32 // 1: an invalid parameter, 2: a pure virtual call
	Expression, Function, File string // what was not so, and where in the source
	Line                       uint32 // 0 for none
}

// String says what kind of assertion it was.
func (a Assertion) String() string {
	switch a.Type {
	case 0:
		return "an assertion of no kind"
	case 1:
		return "a parameter that the C runtime refused"
	case 2:
		return "a call of a pure virtual function"
	}
	return fmt.Sprintf("an assertion of the unknown kind %d", a.Type)
}

// Assertion reads the AssertionInfo stream. False when the dump has none, and
// when it is shorter than its structure.
func (f *File) Assertion() (Assertion, bool) {
	b, ok := f.Raw(AssertionInfoStream)
	if !ok || len(b) < assertionSize {
		return Assertion{}, false
	}
	le, text := binary.LittleEndian, func(i int) string { return upToZero(b[i*assertionText : (i+1)*assertionText]) }
	return Assertion{Type: le.Uint32(b[3*assertionText+4:]), Expression: text(0), Function: text(1), File: text(2), Line: le.Uint32(b[3*assertionText:])}, true
}
