package ntheap

import (
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
)

// settleKey makes the codec from what _HEAP says of its encoding, and looks
// for another when the entries contradict it: a heap is lost as a whole for
// four bytes of its key, and its first entry, whose every field is known,
// gives the key away.
func (h *Heap) settleKey(raw fields) {
	h.codec = newCodec(&h.Header, h.set.Old())
	first := raw.addr(h.set.Segment.FirstEntry)
	if w := h.codec.decode(raw); h.codec.sound(w) && h.Header.Address.Add(h.codec.bytes(w)) == first {
		return // the heap's own entry leads to the first of the others
	}
	if h.set.Old() || h.confirmed(h.codec, raw) >= 2 {
		return
	}
	type way struct {
		key     uint64
		encoded bool
		field   string
	}
	l := &h.set.Heap
	half := l.Encoding
	half.Off, half.Size = half.Off+half.Size-8, 8
	kept := raw.num(half)
	ways := []way{{kept, true, "EncodeFlagMask"}, {0, false, "EncodeFlagMask"}}
	if first > h.Header.Address && first.Sub(h.Header.Address) < 1<<16 {
		w := word(first.Sub(h.Header.Address) / h.Header.Unit).withFlags(heap.FlagBusy)
		w |= word(w.checksum())<<24 | unusedInternal<<56
		plain := codec{skip: h.codec.skip}
		ways = append(ways, way{uint64(plain.decode(raw) ^ w), true, "Encoding"})
	}
	for _, y := range ways {
		try := h.Header
		try.Key, try.Encoded = y.key, y.encoded
		if c := newCodec(&try, false); h.confirmed(c, raw) >= chain {
			at, got := l.EncodeFlagMask.Off, hex(uint64(h.Header.EncodeFlagMask))
			if y.field == "Encoding" {
				at, got = half.Off, hex(kept)
			}
			h.report(CodeHeaderField, h.field(at), "_HEAP", y.field, "what the entries are encoded with: "+hex(y.key), got)
			h.Header.Key, h.Header.Encoded, h.codec = y.key, y.encoded, c
			return
		}
	}
}

// confirmed counts the entries that confirm each other, at the start of the
// heap or behind its first entry, as c decodes them; no more than a few.
func (h *Heap) confirmed(c codec, raw fields) int {
	best := 0
	for _, at := range []memory.Addr{h.Header.Address, raw.addr(h.set.Segment.FirstEntry)} {
		k := &walker{h: h, c: c}
		best = max(best, k.chainLength(at, at.Span(maxSegment).End, chain))
	}
	return best
}
