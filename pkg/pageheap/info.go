package pageheap

import (
	"github.com/heapdump/heapdump/pkg/memory"
)

// The stamps of _DPH_BLOCK_INFORMATION (two secondary sources; those of busy
// blocks in full page heap seen in a generated dump).
const (
	stampBusy         = 0xabcdbbbb
	stampBusyEnd      = 0xdcbabbbb
	stampFreed        = 0xabcdbbba
	stampFreedEnd     = 0xdcbabbba
	stampLight        = 0xabcdaaaa
	stampLightEnd     = 0xdcbaaaaa
	stampLightFreed   = 0xabcdaaa9
	stampLightFreeEnd = 0xdcbaaaa9
)

// The fills of page heap (published articles; the suffix of full page heap
// seen in a generated dump).
const (
	fillSuffix      = 0xd0 // behind the user's data, full page heap
	fillSuffixLight = 0xa0 // the same in light page heap (one secondary source)
	fillFreed       = 0xf0 // over the user's data when they are freed
)

// info is one _DPH_BLOCK_INFORMATION.
type info struct {
	start             uint32
	end               [2]uint32 // at its two possible places
	heap              memory.Addr
	requested, actual uint64
	trace             memory.Addr
}

// ends reports whether the end stamp stands at one of its places.
func (i info) ends(stamp uint32) bool { return i.end[0] == stamp || i.end[1] == stamp }

// readInfo decodes the header below the user pointer. ok is false when a byte
// of it is missing.
func readInfo(b raw, l *infoLayout, ptr uint64) info {
	return info{start: b.u32(0), end: [2]uint32{b.u32(l.end), b.u32(l.endToo)}, heap: b.addr(l.heap, ptr),
		requested: b.word(l.requested, ptr), actual: b.word(l.actual, ptr), trace: b.addr(l.trace, ptr)}
}

// info reads the header below a user pointer of this heap.
func (h *Heap) info(user memory.Addr) (info, bool) {
	l := &h.form.info
	if uint64(user) < l.size {
		return info{}, false
	}
	b := view(h.mem, user-memory.Addr(l.size), l.size)
	if b == nil {
		return info{}, false
	}
	return readInfo(b, l, h.form.ptr), true
}
