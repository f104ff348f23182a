package crtheap

import (
	"bytes"
	"encoding/binary"

	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
)

// Check returns what is damaged about a block: its fences, its fill when it
// was freed and kept, its type and its size. A sound block costs no more than
// the reads, and no allocation. Links are for [List.Walk] to judge, which
// knows both sides of each.
func (h Header) Check(m heap.Memory) []Finding {
	var out []Finding
	if h.Evidence&Gap == 0 {
		out = h.compare(m, out, CodeUnderrun, "gap", h.User.Add(^uint64(fence-1)), fence, fillFence)
	}
	if h.Evidence&Kind == 0 {
		out = append(out, h.field(m, CodeType, "nBlockUse", h.place().use, 4, nil))
	}
	if h.Evidence&Size == 0 && h.Missing&Size == 0 {
		l := layoutOf(int(h.bits))
		want := binary.LittleEndian.AppendUint64(nil, h.Bytes)[:l.ptr]
		out = append(out, h.field(m, CodeSize, "nDataSize", h.place().size, l.ptr, want))
	}
	if h.Type() == Free && h.Evidence&Kind != 0 {
		out = h.compare(m, out, CodeWriteAfterFree, "", h.User, h.Bytes, fillDead)
	}
	if (h.Evidence|h.Missing)&Tail == 0 {
		out = h.compare(m, out, CodeOverrun, "", h.User.Add(h.Bytes), fence, fillFence)
	}
	return out
}

// place returns where the fields of h's form are.
func (h Header) place() place {
	l := layoutOf(int(h.bits))
	for _, p := range l.forms {
		if p.form == h.Form {
			return p
		}
	}
	return l.forms[0]
}

// field makes the finding about a field that cannot be true.
func (h Header) field(m heap.Memory, rule diag.Code, name string, off, n int, want []byte) Finding {
	f := Finding{Rule: rule, Block: h.Addr, Field: name, At: h.Addr.Add(uint64(off)), Bytes: uint64(n), Want: want}
	if b, err := m.View(f.At, uint64(n)); err == nil {
		f.Got = bytes.Clone(b)
	}
	h.surround(m, &f)
	return f
}

// compare holds n bytes at a against a fill, and appends a finding when they
// differ. Bytes that the dump does not hold are passed over.
func (h Header) compare(m heap.Memory, out []Finding, rule diag.Code, name string, a memory.Addr, n uint64, fill byte) []Finding {
	first, last, found := differ(m, a, n, fill)
	if !found {
		return out
	}
	f := Finding{Rule: rule, Block: h.Addr, Field: name, At: a.Add(first), Bytes: last - first + 1, Open: last == n-1}
	if rule == CodeUnderrun { // it comes from above, and goes on below
		f.Open = first == 0
	}
	f.Got = present(m, f.At, min(f.Bytes, shown))
	f.Want = bytes.Repeat([]byte{fill}, len(f.Got))
	h.surround(m, &f)
	return append(out, f)
}

// surround adds the bytes of the block around the finding.
func (h Header) surround(m heap.Memory, f *Finding) {
	f.ContextAt = max(h.Addr, f.At-min(f.At, 16))
	end := min(h.Addr.Add(h.Room), f.At.Add(32))
	if f.ContextAt < end {
		f.Context = present(m, f.ContextAt, end.Sub(f.ContextAt))
	}
}

// present copies the bytes at a that the dump holds in one piece, at most n.
func present(m heap.Memory, a memory.Addr, n uint64) []byte {
	b := m.Tail(a)
	return bytes.Clone(b[:min(uint64(len(b)), n)])
}

// differ returns the offsets of the first and the last of the n bytes at a
// that are not the fill. It reads what the dump has, piece by piece.
func differ(m heap.Memory, a memory.Addr, n uint64, fill byte) (first, last uint64, found bool) {
	for done := uint64(0); done < n; {
		b := m.Tail(a.Add(done))
		if len(b) == 0 {
			gap, _ := m.Gap(a.Add(done))
			if gap.Empty() {
				return first, last, found
			}
			done += min(gap.End.Sub(a.Add(done)), n-done)
			continue
		}
		b = b[:min(uint64(len(b)), n-done)]
		if i := firstNot(b, fill); i >= 0 {
			if !found {
				first, found = done+uint64(i), true
			}
			last = done + uint64(lastNot(b, fill))
		}
		done += uint64(len(b))
	}
	return first, last, found
}

// firstNot returns the index of the first byte that is not the fill, -1 if none.
func firstNot(b []byte, fill byte) int {
	for i, c := range b {
		if c != fill {
			return i
		}
	}
	return -1
}

// lastNot returns the index of the last byte that is not the fill, -1 if none.
func lastNot(b []byte, fill byte) int {
	for i := len(b) - 1; i >= 0; i-- {
		if b[i] != fill {
			return i
		}
	}
	return -1
}

// NeverWritten returns how many bytes at the end of the block's data are
// still CD, as the runtime left them: all of them when nobody ever wrote to
// the block. It says nothing wrong of the program. Fewer than four bytes are
// no evidence, and count as none.
func (h Header) NeverWritten(m heap.Memory) uint64 {
	if h.Type() == Free || h.Evidence&Size == 0 {
		return 0
	}
	_, last, found := differ(m, h.User, h.Bytes, fillClean)
	n := h.Bytes
	if found {
		n = h.Bytes - last - 1
	}
	if n < 4 {
		return 0
	}
	return n
}

// longName bounds the source file names that are read.
const longName = 512

// FileName reads the name of the source file from the dump's memory, up to
// its end or to 512 bytes. It is text of the process's ANSI code page, as the
// compiler put it into the module; whoever shows it escapes it. False when the
// header has none, when the dump does not hold it, and when what is there is
// no text, as after its module was unloaded. Blocks share their names, so that
// callers do well to keep them by h.File.
func (h Header) FileName(m heap.Memory) (string, bool) {
	if h.File == 0 {
		return "", false
	}
	b := m.Tail(h.File)
	b = b[:min(len(b), longName)]
	end := bytes.IndexByte(b, 0)
	if end <= 0 {
		return "", false
	}
	for _, c := range b[:end] {
		if c < 0x20 || c == 0x7f {
			return "", false
		}
	}
	return string(b[:end]), true
}
