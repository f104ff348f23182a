package triage

import (
	"testing"

	"github.com/heapdump/heapdump/internal/unwind"
)

// TestCallers: what was found by scanning the stack is marked, and the mark is
// explained; nothing else is. A long stack ends with an ellipsis.
func TestCallers(t *testing.T) {
	sure, guess := unwind.Frame{IP: 0x1010, How: unwind.Unwind}, unwind.Frame{IP: 0x2020, How: unwind.Scan}
	for want, frames := range map[string][]unwind.Frame{
		"0x1010.": {sure},
		"0x1010 < 0x2020 (?). (?) stands behind what was found by searching the stack for addresses of code: it may be left over from an earlier call.": {sure, guess},
		"0x1010 < 0x1010 < 0x1010 < 0x1010 < 0x1010 < 0x1010 < 0x1010 < ….":                                                                             {sure, sure, sure, sure, sure, sure, sure, guess},
		"0x1010 < 0x1010 < 0x1010 < 0x1010 < 0x1010 < 0x1010 < 0x1010.":                                                                                 {sure, sure, sure, sure, sure, sure, sure},
	} {
		if got := callers(frames); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
