package cli

import (
	"bytes"
	"strings"
	"testing"
)

// TestCutSummary: what has room is whole; else whole lines and a word on it
// stand, in no more bytes than there is room.
func TestCutSummary(t *testing.T) {
	text := []byte(strings.Repeat("a line of a report\n", 1000))
	if got := cutSummary(text, len(text)); !bytes.Equal(got, text) {
		t.Errorf("%d bytes of %d", len(got), len(text))
	}
	for _, room := range []int{len(text) - 1, 5000, 120} {
		got := string(cutSummary(text, room))
		if len(got) > room || room > 200 && len(got) < room-40 || !strings.Contains(got, "**Cut: the summary of a step holds 1 MiB, and this one had 19,000 bytes.**\n") {
			t.Errorf("room for %d: %d bytes, ends %q", room, len(got), got[max(0, len(got)-120):])
		}
		body, _, _ := strings.Cut(got, "\n**Cut")
		if strings.ReplaceAll(body, "a line of a report\n", "") != "" {
			t.Errorf("room for %d: no whole lines", room)
		}
	}
	if got := cutSummary(text, 10); len(got) != 0 {
		t.Errorf("%q", got)
	}
}
