package crtheap

import (
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
)

// Recognise returns the debug header in a busy block of an NT heap of the
// given pointer size; false when the block has none. The package says which
// evidence it asks for. It is quick to turn ordinary blocks down.
func Recognise(m heap.Memory, bits int, b heap.Block) (Header, bool) {
	l := layoutOf(bits)
	room := b.UserBytes()
	if room < l.over() {
		return Header{}, false
	}
	raw, err := m.View(b.User(), l.head)
	if err != nil || !l.worth(raw, room-l.over()) {
		return Header{}, false
	}
	x := examiner{m: m, l: l, at: b.User(), room: room, raw: raw, exact: b.Trust != heap.Repaired}
	return x.best()
}

// worth is the quick test: the fence before the data, or a size that is just
// right for a block with room for want bytes of data.
func (l *layout) worth(raw []byte, want uint64) bool {
	if l.gapWhole(raw) {
		return true
	}
	for i := range l.forms {
		if l.num(raw, l.forms[i].size) == want {
			return true
		}
	}
	return false
}

// examiner looks at one block.
type examiner struct {
	m     heap.Memory
	l     *layout
	at    memory.Addr
	room  uint64
	raw   []byte
	exact bool // room is to the byte what was asked of the heap
}

// best returns the form of header that the block has. Where both forms would
// do, the better attested one; where they are equally so, neither.
func (x *examiner) best() (Header, bool) {
	var out Header
	found := false
	for _, p := range x.l.forms {
		h := x.weigh(p)
		if !x.enough(&h) {
			continue
		}
		switch better := count(h.Evidence&facts) - count(out.Evidence&facts); {
		case !found || better > 0:
			out, found = h, true
		case better == 0:
			x.settle(&out, h)
		}
	}
	return out, found
}

// settle decides between two forms with as much evidence: by the neighbours
// in the list, which mostly have but one.
func (x *examiner) settle(out *Header, other Header) {
	switch f := x.neighbours(*out); {
	case f == other.Form:
		*out = other
	case f == Either && out.Use == other.Use && out.size == other.size:
		out.Form = Either
	}
}

// weigh decodes the header in form p and gathers the evidence for it.
func (x *examiner) weigh(p place) Header {
	h := x.l.decode(x.raw, p)
	h.Addr, h.User, h.Room = x.at, x.at.Add(x.l.head), x.room
	if x.l.gapWhole(x.raw) {
		h.Evidence |= Gap
	}
	if h.Use.Valid() {
		h.Evidence |= Kind
	}
	x.measure(&h)
	h.older = x.follow(h.Next, p.prev)
	h.newer = x.follow(h.Prev, 0)
	if h.older.good() {
		h.Evidence |= Older
	}
	if h.newer.good() {
		h.Evidence |= Newer
	}
	return h
}

// slack is how much less than its room a block may hold whose heap header was
// repaired: how many bytes of it are unused is then not known.
const slack = 0x40

// measure judges size and tail. The tail stands behind as many bytes as the
// header's size says if that is right, or less than there is room for; else
// at the end of what was asked of the heap.
func (x *examiner) measure(h *Header) {
	most := x.room - x.l.over()
	h.Bytes = most
	if h.size == most || !x.exact && h.size < most && most-h.size < slack {
		h.Bytes = h.size
		h.Evidence |= Size
	} else if h.size <= most && h.Evidence&Gap != 0 {
		whole, here := x.fenceAt(h.User.Add(h.size))
		if whole && here {
			h.Bytes = h.size
			h.Evidence |= Size | Tail
			return
		}
	}
	whole, here := x.fenceAt(h.User.Add(h.Bytes))
	switch {
	case !here:
		h.Missing |= Tail
	case whole:
		h.Evidence |= Tail
	}
}

// fenceAt reports whether there is a whole fence at a, and whether the dump
// holds those bytes.
func (x *examiner) fenceAt(a memory.Addr) (whole, here bool) {
	b, err := x.m.View(a, fence)
	return err == nil && u32(b, 0) == fenceWord, err == nil
}

// enough is the judgement on the evidence; the package spells the rules out.
func (x *examiner) enough(h *Header) bool {
	linked := h.Evidence&(Older|Newer) != 0
	ignored := x.ignored(h)
	got := count((h.Evidence | h.Missing) & facts)
	switch {
	case got == 4 && (h.Bytes == x.room-x.l.over() || !x.exact):
		return linked || h.older != linkElsewhere && h.newer != linkElsewhere
	case got == 4:
		return linked || ignored
	case got == 3 && h.Missing == 0:
		alone := h.Next == 0 && h.Prev == 0 && int32(h.Request) > 0 && h.Evidence&Size != 0
		return linked || ignored || alone
	case got == 2 && h.Evidence&(Gap|Size) != 0:
		sound := h.older == linkSound || h.newer == linkSound
		return sound && sane(h.older) && sane(h.newer)
	}
	return false
}

// sane reports whether a link is good or NULL.
func sane(l link) bool { return l.good() || l == linkNone }

// ignored reports whether every field that the runtime sets to a constant in
// an ignored block has it.
func (x *examiner) ignored(h *Header) bool {
	return h.Use == Use(Ignore) && h.Next == 0 && h.Prev == 0 && h.File == 0 && h.Line == IgnoreLine && h.Request == 0
}

// count returns how many facts e holds.
func count(e Evidence) int {
	n := 0
	for ; e != 0; e &= e - 1 {
		n++
	}
	return n
}
