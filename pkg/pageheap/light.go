package pageheap

import (
	"fmt"

	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
)

// Info is a light page-heap header in a block of an NT heap.
type Info struct {
	Header     memory.Addr // of the _DPH_BLOCK_INFORMATION
	Bits       int         // 32 or 64
	Freed      bool        // freed, and kept by page heap: the NT heap still has it busy
	User       memory.Addr // what the program got
	Requested  uint64      // bytes that the program asked for
	Actual     uint64      // ActualSize: header, data and suffix (inferred)
	Heap       memory.Addr // the Heap field as it stands; sources differ about its meaning
	StackTrace memory.Addr // of the allocation, of a freed one of its free; 0 without
	StartOK    bool        // the stamp before the header's fields is right
	EndOK      bool        // the stamp before the user's data is right
	Overrun    int         // offset from the data's end of the first suffix byte that is not the fill; -1 when none is
	Written    int         // offset in the data of a freed block of the first byte that is not the fill; -1 when none is

	found, suffix []byte // from the first wrong byte on; of the suffix all
}

// Light recognises the header that light page heap (gflags without full page
// heap, Application Verifier's Heaps check for small blocks) puts at the
// start of the user's data of an NT block: b is a busy block of the page
// heap's normal heap. One wrong stamp still passes, if the other one and the
// sizes are right.
func Light(m heap.Memory, b heap.Block) (Info, bool) {
	if b.State != heap.Busy || b.Origin == heap.PageHeap {
		return Info{}, false
	}
	if raw := view(m, b.User(), min(b.UserBytes(), info64.size)); raw != nil && !stamped(raw) {
		return Info{}, false
	}
	for _, f := range [...]*form{&newX64, &newX86} {
		if i, ok := light(m, b, f); ok {
			return i, true
		}
	}
	return Info{}, false
}

// stamped reports whether one of the stamps stands at one of its places in the
// first bytes of a block's data, as in either shape of header: nearly all
// blocks are turned down by that.
func stamped(raw raw) bool {
	if uint64(len(raw)) < info32.size {
		return false
	}
	if s := raw.u32(0); s == stampLight || s == stampLightFreed {
		return true
	}
	end := func(off uint64) bool { e := raw.u32(off); return e == stampLightEnd || e == stampLightFreeEnd }
	return end(info32.end) || uint64(len(raw)) >= info64.size && (end(info64.end) || end(info64.endToo))
}

func light(m heap.Memory, b heap.Block, f *form) (Info, bool) {
	l := &f.info
	room := b.UserBytes()
	if room < l.size {
		return Info{}, false
	}
	at := b.User()
	raw := view(m, at, l.size)
	if raw == nil {
		return Info{}, false
	}
	i := readInfo(raw, l, f.ptr)
	out := Info{Header: at, Bits: f.bits, User: at.Add(l.size), Requested: i.requested, Actual: i.actual, Heap: i.heap,
		StackTrace: i.trace, Overrun: -1, Written: -1}
	busy := i.start == stampLight || i.ends(stampLightEnd)
	freed := i.start == stampLightFreed || i.ends(stampLightFreeEnd)
	switch {
	case busy == freed || i.requested > room-l.size:
		return Info{}, false
	case freed:
		out.Freed, out.StartOK, out.EndOK = true, i.start == stampLightFreed, i.ends(stampLightFreeEnd)
	default:
		out.StartOK, out.EndOK = i.start == stampLight, i.ends(stampLightEnd)
	}
	sized := i.actual >= l.size+i.requested && i.actual <= room
	if !(out.StartOK && out.EndOK) && !sized {
		return Info{}, false
	}
	out.fills(m, l, sized)
	return out, true
}

// fills looks at the suffix and, of a freed block, at its data. The suffix is
// what ActualSize counts beyond header and data: where that makes no sense
// nothing is looked at.
func (i *Info) fills(m heap.Memory, l *infoLayout, sized bool) {
	if !i.Freed && sized {
		if b, err := m.View(i.User.Add(i.Requested), i.Actual-l.size-i.Requested); err == nil {
			i.suffix, i.Overrun = b, unlike(b, fillSuffixLight)
		}
	}
	if i.Freed {
		if b, err := m.View(i.User, i.Requested); err == nil {
			if i.Written = unlike(b, fillFreed); i.Written >= 0 {
				i.found = b[i.Written:]
			}
		}
	}
}

// Check reports what is damaged in the block.
func (i Info) Check(sink diag.Sink) {
	put := func(code diag.Code, at memory.Addr, field, want, got string) {
		sink.Put(diag.Problem{Code: code, Class: diag.Corrupt, At: diag.At(at), Object: "_DPH_BLOCK_INFORMATION", Field: field, Want: want, Got: got})
	}
	start, end := uint32(stampLight), uint32(stampLightEnd)
	if i.Freed {
		start, end = stampLightFreed, stampLightFreeEnd
	}
	if !i.StartOK {
		put(CodeLightStamp, i.Header, "StartStamp", fmt.Sprintf("%#x", start), "")
	}
	if !i.EndOK {
		put(CodeLightStamp, i.User-4, "EndStamp", fmt.Sprintf("%#x", end), "")
	}
	if i.Overrun >= 0 {
		put(CodeLightSuffix, i.User.Add(i.Requested+uint64(i.Overrun)), "",
			fmt.Sprintf("%d bytes of %#x behind the %d at %v", len(i.suffix), fillSuffixLight, i.Requested, i.User), shown(i.suffix[i.Overrun:]))
	}
	if i.Written >= 0 {
		put(CodeLightFreed, i.User.Add(uint64(i.Written)), "", fmt.Sprintf("bytes of %#x in freed data", fillFreed), shown(i.found))
	}
}
