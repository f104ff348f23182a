package ntheap

import (
	"encoding/binary"
	"testing"

	"github.com/heapdump/heapdump/pkg/heap"
)

// A header published together with its key and what the debugger decoded.
func TestPublishedHeaderDecodes(t *testing.T) {
	var raw [16]byte
	binary.LittleEndian.PutUint32(raw[8:], 0x2FB514DC)
	binary.LittleEndian.PutUint32(raw[12:], 0x1000021F)
	c := newCodec(&Header{Bits: 64, Unit: 16, Encoded: true, Key: 0x00000257<<32 | 0x50B414A2}, false)
	w := c.decode(raw[:])
	if w != 0x10000048_7F01007E {
		t.Fatalf("decoded %#x", uint64(w))
	}
	if w.size() != 0x7e || w.flags() != heap.FlagBusy || w.tag() != w.checksum() || w.prev() != 0x48 || w.segment() != 0 || w.unused() != 0x10 {
		t.Errorf("fields of %#x", uint64(w))
	}
	if !c.sound(w) || !c.plausible(w) || c.bytes(w) != 0x7e0 {
		t.Error("the header is sound")
	}
	if c.plausible(w&^(0xff<<56)|7<<56) || c.plausible(2|1<<16|3<<24|0x21<<56) || !c.plausible(2|1<<16|3<<24|0x20<<56) {
		t.Error("UnusedBytes of a busy block are at least 8 and at most its size")
	}
	for bit := range 32 { // the checksum is over the first four bytes
		binary.LittleEndian.PutUint32(raw[8:], 0x2FB514DC^1<<bit)
		if c.sound(c.decode(raw[:])) {
			t.Errorf("bit %d flipped, and the header is sound", bit)
		}
	}
}

// XP orders the fields otherwise.
func TestOldHeaderDecodes(t *testing.T) {
	c := newCodec(&Header{Bits: 32, Unit: 8}, true)
	w := c.decode([]byte{0x34, 0x12, 0x78, 0x56, 0x9a, 0x01, 0x0c, 0x03})
	if w.size() != 0x1234 || w.prev() != 0x5678 || w.tag() != 0x9a || w.flags() != heap.FlagBusy || w.unused() != 0x0c || w.segment() != 3 {
		t.Errorf("decoded %#x", uint64(w))
	}
}
