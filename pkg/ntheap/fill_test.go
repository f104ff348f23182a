package ntheap

import (
	"testing"

	"github.com/heapdump/heapdump/pkg/memory"
)

// nothing is memory that has nothing more to read ahead.
type nothing struct{}

func (nothing) ReadAhead(memory.Addr, []byte) int { return 0 }

// TestFillWithoutMore: where the saved bytes end within an entry's header, what
// is at hand is either what memory has at its address or nothing. The room is
// one, and its beginning has been written to.
func TestFillWithoutMore(t *testing.T) {
	const start, saved = memory.Addr(0x10000), 0x108
	pattern := func(i int) byte { return byte(i) ^ byte(i>>8)*0x55 }
	buf := make([]byte, ahead)
	for i := range saved {
		buf[i] = pattern(i)
	}
	k := &walker{c: codec{unit: 16}, limit: start + 0x1000}
	k.atHand = atHand{run: buf[:saved], start: start, reader: nothing{}, buf: buf}
	if k.fill(start + 0x100) {
		t.Fatal("half a header was filled")
	}
	for i := range k.run {
		if at := k.start + memory.Addr(i); k.run[i] != pattern(int(at-start)) {
			t.Fatalf("at %v stands %#x", at, k.run[i])
		}
	}
}
