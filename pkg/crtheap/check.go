package crtheap

import (
	"bytes"
	"encoding/binary"

	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/fill"
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
		out = h.against(m, out, CodeUnderrun, "gap", memory.Range{Start: h.User - fence, End: h.User}, fenceWord)
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
		out = h.against(m, out, CodeWriteAfterFree, "", h.User.Span(h.Bytes), fill.Word(fillDead))
	}
	if (h.Evidence|h.Missing)&Tail == 0 {
		out = h.against(m, out, CodeOverrun, "", h.User.Add(h.Bytes).Span(fence), fenceWord)
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
	at := h.Addr.Add(uint64(off))
	f := Finding{Rule: rule, Block: h.Addr, Field: name, Difference: whole(at, n)}
	f.Want, f.Got = want, fill.Copy(m, at, uint64(n))
	h.surround(m, &f)
	return f
}

// against holds a range of the block against a fill, and appends a finding
// when it differs. Bytes that the dump does not hold are passed over.
func (h Header) against(m heap.Memory, out []Finding, rule diag.Code, name string, r memory.Range, word uint32) []Finding {
	d, differs := fill.Compare(m, r, word)
	if !differs {
		return out
	}
	f := Finding{Rule: rule, Block: h.Addr, Field: name, Difference: d, Open: d.Last+1 == r.End}
	if rule == CodeUnderrun { // it comes from above, and goes on below
		f.Open = d.At == r.Start
	}
	h.surround(m, &f)
	return append(out, f)
}

// whole is a difference of all n bytes at a.
func whole(a memory.Addr, n int) fill.Difference {
	return fill.Difference{At: a, Last: a.Add(uint64(n) - 1), Bytes: uint64(n)}
}

// surround adds the bytes of the block around the finding.
func (h Header) surround(m heap.Memory, f *Finding) {
	f.ContextAt = max(h.Addr, f.At-min(f.At, 16))
	end := min(h.Addr.Add(h.Room), f.At.Add(32))
	if f.ContextAt < end {
		f.Context = fill.Copy(m, f.ContextAt, end.Sub(f.ContextAt))
	}
}

// NeverWritten returns how many bytes at the end of the block's data are
// still CD, as the runtime left them: all of them when nobody ever wrote to
// the block. It says nothing wrong of the program. Fewer than four bytes are
// no evidence, and count as none.
func (h Header) NeverWritten(m heap.Memory) uint64 {
	if h.Type() == Free || h.Evidence&Size == 0 {
		return 0
	}
	n := fill.Rest(m, h.User.Span(h.Bytes), fill.Word(fillClean))
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
