package check

import (
	"fmt"
	"maps"
	"math/bits"
	"slices"
	"strconv"
	"strings"

	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/crtheap"
	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/ntheap"
	"github.com/heapdump/heapdump/pkg/pageheap"
	"github.com/heapdump/heapdump/pkg/process"
)

// The stories.
const (
	storyBefore = "linear overrun from the block before"
	storyOwn    = "linear overrun from this block"
	storyUnder  = "write just before this block's data"
	storyFreed  = "write after free"
	storyField  = "single-field smash"
	storyFlip   = "bit flip"
	storyList   = "list damage"
	storyTwice  = "double free"
)

// titles has every rule in a few words.
func titles() map[diag.Code]string {
	out := map[diag.Code]string{}
	for _, m := range []map[diag.Code]string{process.Codes(), ntheap.Codes(), ntheap.FillCodes(), ntheap.FailureCodes(), pageheap.Codes(), crtheap.Codes()} {
		maps.Copy(out, m)
	}
	return out
}

// fill makes a finding of an overwritten fill of the debug heap.
func fill(h *target.Heap, f ntheap.Finding) Finding {
	x := Finding{Problem: f.Problem(h.NT)}
	switch f.Rule {
	case ntheap.CodeTailFill:
		if f.At == f.Fill.Start {
			x.Story, x.Evidence = storyOwn, fmt.Sprintf("the first byte behind its data is overwritten, %d in all; %s", f.Bytes, said(f.Got))
		}
	case ntheap.CodeFreeFill:
		x.Story, x.Evidence = storyFreed, fmt.Sprintf("%d bytes of the free block's fill are overwritten; %s", f.Bytes, said(f.Got))
	}
	return x
}

// fence makes a finding of one about a debug block.
func fence(h memory.Addr, b *crtheap.Header, f crtheap.Finding) Finding {
	x := Finding{Problem: f.Problem(h)}
	switch f.Rule {
	case crtheap.CodeOverrun:
		if f.At == b.User.Add(b.Bytes) {
			x.Story, x.Evidence = storyOwn, fmt.Sprintf("the first byte behind its %d is overwritten, %d in all; %s", b.Bytes, f.Bytes, said(f.Got))
		}
	case crtheap.CodeUnderrun:
		if f.Last+1 == b.User {
			x.Story, x.Evidence = storyUnder, fmt.Sprintf("the last byte before its data is overwritten, %d in all; %s", f.Bytes, said(f.Got))
		}
	case crtheap.CodeWriteAfterFree:
		x.Story, x.Evidence = storyFreed, fmt.Sprintf("%d bytes of a block that was freed and kept are overwritten; %s", f.Bytes, said(f.Got))
	}
	return x
}

// said says what bytes are.
func said(b []byte) string {
	return fmt.Sprintf("they are %s %q", crtheap.Hex(b), crtheap.Text(b))
}

// tell finds the likeliest story of finding i, if the evidence allows one.
func (c *checker) tell(i int) {
	f := &c.out.Findings[i]
	f.MidUpdate = c.midUpdate(f)
	if f.Story != "" {
		return
	}
	code := string(f.Code)
	switch {
	case twice(f):
	case f.Code == ntheap.CodeFailure:
	case strings.HasPrefix(code, "entry-") && c.overrun(f):
	case strings.HasPrefix(code, "lfh-") && c.overrun(f):
	case flipped(f):
	case f.Code == ntheap.CodeEntrySize || f.Code == ntheap.CodeEntryPrevious || f.Code == ntheap.CodeEntryChecksum:
		if c.alone(i) {
			f.Story, f.Evidence = storyField, fmt.Sprintf("%s alone is wrong: the rest of the header agrees with the blocks beside it", f.Field)
		}
	case (f.Code == ntheap.CodeHeaderField || f.Code == ntheap.CodeSegmentField) && f.Field != "" && c.alone(i):
		f.Story, f.Evidence = storyField, fmt.Sprintf("%s is wrong; by its other fields the %s was recognised and walked", f.Field, f.Object)
	case f.Code == pageheap.CodeLightFreed:
		f.Story, f.Evidence = storyFreed, "the fill of a block that was freed and kept is overwritten"
	case f.Code == ntheap.CodeFreeList && f.Object == "_HEAP_LOOKASIDE":
		f.Story, f.Evidence = storyTwice, "it is parked on the lookaside list of its size and stands there a second time: it was freed again while it was free"
	case f.Code == ntheap.CodeFreeList && c.selfLinked(f):
	case strings.HasSuffix(code, "-list") || f.Code == crtheap.CodeLink || f.Code == pageheap.CodeTree:
		f.Story, f.Evidence = storyList, "a link contradicts the list: "+f.Got
	}
}

// selfLinked recognises a block that is linked to itself: what the insertion of
// a block leaves that is at the end of the list already.
func (c *checker) selfLinked(f *Finding) bool {
	var h *target.Heap
	for _, x := range c.t.Heaps {
		if x.Address == f.Heap && x.NT != nil {
			h = x
		}
	}
	if h == nil {
		return false
	}
	at := memory.Addr(f.At.Off)
	next, _ := c.t.Space.Pointer(at, h.Bits)
	for _, node := range [...]memory.Addr{at, next} {
		flink, err1 := c.t.Space.Pointer(node, h.Bits)
		blink, err2 := c.t.Space.Pointer(node.Add(uint64(h.Bits)/8), h.Bits)
		head := slices.ContainsFunc(h.NT.FreeLists(), func(l ntheap.FreeList) bool { return l.Head == node })
		if err1 != nil || err2 != nil || head || flink != node && blink != node {
			continue
		}
		f.Story = storyTwice
		f.Evidence = fmt.Sprintf("the links of the free block at %v lead to itself, as when a block is put on the list a second time", node.Add(-h.NT.Header.Unit))
		return true
	}
	return false
}

// alone reports whether no other finding of the heap is at the same address.
func (c *checker) alone(i int) bool {
	same := func(k int) bool {
		return k >= 0 && k < len(c.out.Findings) && c.out.Findings[k].Heap == c.out.Findings[i].Heap && c.out.Findings[k].At == c.out.Findings[i].At
	}
	return !same(i-1) && !same(i+1)
}

// overrun looks for bytes that run on from the data of the block before into
// the header: eight of each that are all one byte, or all text.
func (c *checker) overrun(f *Finding) bool {
	if len(f.Around) < 2 || f.Around[0].Which != "before" || f.Around[0].State != heap.Busy {
		return false
	}
	at := f.Around[1].Addr
	for _, h := range c.t.Heaps {
		if h.Address == f.Heap && h.NT != nil && h.Bits == 64 {
			at += 8 // the first half of an entry belongs to the block before
		}
	}
	b, err := c.t.Space.View(at-8, 16)
	if err != nil || !alike(b) {
		return false
	}
	f.Story = storyBefore
	f.Evidence = fmt.Sprintf("the 8 bytes before the header and the 8 of it are alike; %s; the block before is at %v, its data of %d bytes at %v",
		said(b), f.Around[0].Addr, f.Around[0].UserBytes(), f.Around[0].DataAt)
	return true
}

// Overran reports whether the block before, which is the first of Around, is
// thought to have run over.
func (f *Finding) Overran() bool { return f.Story == storyBefore }

// alike reports whether bytes are all the same, but not zero, or all text.
func alike(b []byte) bool {
	same, text := b[0] != 0, true
	for _, x := range b {
		same = same && x == b[0]
		text = text && x >= 0x20 && x < 0x7f
	}
	return same || text
}

// flipped recognises two numbers that differ in one bit.
func flipped(f *Finding) bool {
	want, ok1 := number(f.Want)
	got, ok2 := number(f.Got)
	if !ok1 || !ok2 || bits.OnesCount64(want^got) != 1 {
		return false
	}
	f.Story, f.Evidence = storyFlip, fmt.Sprintf("%#x and %#x differ in bit %d alone", want, got, bits.TrailingZeros64(want^got))
	return true
}

// number reads a value that is a number, perhaps of bytes, and nothing else.
func number(s string) (uint64, bool) {
	s = strings.TrimSuffix(s, " bytes")
	n, err := strconv.ParseUint(strings.TrimPrefix(s, "0x"), 16, 64)
	return n, err == nil && strings.HasPrefix(s, "0x")
}
