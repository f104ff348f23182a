package pageheap

import (
	"fmt"

	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/memory"
)

// Check looks at what surrounds every allocation: the stamps and the sizes of
// its header, the fill behind its data, and the guard page. It reads a page
// or two of each. What the dump does not hold is not judged.
func (h *Heap) Check(sink diag.Sink) {
	for _, p := range h.pieces {
		if p.lost || p.kind != NodeBusy && p.kind != NodeFreed {
			continue
		}
		if n, ok := h.node(p); ok {
			h.CheckNode(n, sink)
		}
	}
}

// CheckNode is Check for one allocation.
func (h *Heap) CheckNode(n Node, sink diag.Sink) {
	if n.Kind != NodeBusy && n.Kind != NodeFreed || !n.Virtual.Contains(n.User) {
		return
	}
	h.checkHeader(&n, sink)
	if n.Kind == NodeBusy {
		h.checkSuffix(&n, sink)
		h.checkGuard(&n, sink)
	}
}

func (h *Heap) report(sink diag.Sink, code diag.Code, at memory.Addr, object, field, want, got string) {
	sink.Put(diag.Problem{Code: code, Class: diag.Corrupt, At: diag.At(at), Heap: h.Root.Handle,
		Object: object, Field: field, Want: want, Got: got})
}

// checkHeader compares the header with the node. Its Heap field is not
// judged: sources differ about what stands there.
func (h *Heap) checkHeader(n *Node, sink diag.Sink) {
	entry := h.entry(n)
	if entry == n.User {
		return
	}
	i, ok := h.info(n.User)
	if !ok {
		return
	}
	start, end := uint32(stampBusy), uint32(stampBusyEnd)
	if n.Kind == NodeFreed {
		start, end = stampFreed, stampFreedEnd
	}
	const object = "_DPH_BLOCK_INFORMATION"
	if i.start != start {
		h.report(sink, CodeStamp, entry, object, "StartStamp", fmt.Sprintf("%#x", start), fmt.Sprintf("%#x", i.start))
	}
	if !i.ends(end) {
		h.report(sink, CodeStamp, entry.Add(h.form.info.end), object, "EndStamp", fmt.Sprintf("%#x", end), fmt.Sprintf("%#x", i.end[0]))
	}
	if i.requested != n.Requested {
		h.report(sink, CodeHeader, entry, object, "RequestedSize", fmt.Sprintf("%#x", n.Requested), fmt.Sprintf("%#x", i.requested))
	}
}

// checkSuffix looks for an overrun that stayed within the page.
func (h *Heap) checkSuffix(n *Node, sink diag.Sink) {
	b, err := h.mem.View(n.User.Add(n.Requested), n.Actual-n.Requested)
	if err != nil {
		return
	}
	if k := unlike(b, fillSuffix); k >= 0 {
		h.report(sink, CodeSuffix, n.User.Add(n.Requested+uint64(k)), "_DPH_HEAP_BLOCK", "",
			fmt.Sprintf("%d bytes of %#x behind the %d at %v", len(b), fillSuffix, n.Requested, n.User), shown(b[k:]))
	}
}

// unlike returns the index of the first byte that is not fill, -1 without one.
func unlike(b []byte, fill byte) int {
	for i, c := range b {
		if c != fill {
			return i
		}
	}
	return -1
}

// shown renders the first bytes of b in hex.
func shown(b []byte) string { return fmt.Sprintf("%x", b[:min(len(b), 16)]) }

// checkGuard looks whether the guard page guards.
func (h *Heap) checkGuard(n *Node, sink diag.Sink) {
	d := n.data()
	at := d.End
	if d.Start != n.Virtual.Start {
		at = n.Virtual.Start
	}
	if d.Size() >= n.Virtual.Size() {
		return // there is none
	}
	if h.options.Region != nil {
		r, ok := h.options.Region(at)
		if ok {
			if r.State != memory.MemCommit || r.Protect&(memory.PageNoAccess|memory.PageGuard) != 0 || r.Protect == 0 {
				return
			}
			h.report(sink, CodeGuard, at, "_DPH_HEAP_BLOCK", "", "a page that cannot be accessed", r.Protect.String())
			return
		}
	}
	if len(h.mem.Tail(at)) == 0 {
		return
	}
	h.report(sink, CodeGuard, at, "_DPH_HEAP_BLOCK", "", "a page that cannot be accessed", "it is in the dump")
}
