package pageheap_test

import (
	"testing"

	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/pageheap"
)

// twin is what is nearest to a damage of a page heap and none.
type twin struct {
	name   string
	code   diag.Code                    // of the rule that must not speak
	script func(h *synth.FullPageHeap)  // what is otherwise in the heap's script, if anything
	do     func(b *synth.BuiltPageHeap) // what is done to its memory, if anything
}

var twins = []twin{
	{name: "two allocations", code: pageheap.CodeTree, script: func(h *synth.FullPageHeap) { h.Allocs = h.Allocs[:2] }},
	{name: "everything freed", code: pageheap.CodeTree, script: func(h *synth.FullPageHeap) {
		for i := range h.Allocs {
			h.Allocs[i].Freed = true
		}
	}},
	{name: "nothing freed", code: pageheap.CodeList, script: func(h *synth.FullPageHeap) {
		for i := range h.Allocs {
			h.Allocs[i].Freed = false
		}
	}},
	{name: "nothing allocated", code: pageheap.CodeCount, script: func(h *synth.FullPageHeap) { h.Allocs = nil }},
	{name: "a counter of a locked heap", code: pageheap.CodeCount, do: func(b *synth.BuiltPageHeap) {
		b.Set("nBusyAllocations", 7)
		b.Image.PutPtr(b.LockAt+b.Arch.PtrSize()+8, 0x1234)
	}},
	{name: "no bytes, and a page to the byte", code: pageheap.CodeNode, script: func(h *synth.FullPageHeap) { h.Allocs[0].Size, h.Allocs[1].Size = 0, 0x1000 }},
	{name: "one page behind the other", code: pageheap.CodeOverlap, script: func(h *synth.FullPageHeap) {
		for i := range h.Allocs {
			h.Allocs[i].Size = 16
		}
	}},
	{name: "storages apart", code: pageheap.CodeLost, script: func(h *synth.FullPageHeap) { h.Gap, h.Allocs[2].Size, h.Allocs[4].Size = 0x30000, 0xc0000, 0xc0000 }},
	{name: "the first byte of the data", code: pageheap.CodeStamp, do: func(b *synth.BuiltPageHeap) { b.Image.PutU8(b.Blocks[2].User, 'x') }},
	{name: "before the header", code: pageheap.CodeHeader, do: func(b *synth.BuiltPageHeap) { b.Image.Write(b.Blocks[0].Virtual, []byte("whatever")) }},
	{name: "no stack in the header", code: pageheap.CodeHeader, do: func(b *synth.BuiltPageHeap) {
		b.Image.PutPtr(b.Blocks[2].User-2*b.Arch.PtrSize(), 0)
	}},
	{name: "the last byte of the data", code: pageheap.CodeSuffix, do: func(b *synth.BuiltPageHeap) { b.Image.PutU8(b.Blocks[0].User+9, 'x') }},
	{name: "guard pages that are reserved", code: pageheap.CodeGuard, script: func(h *synth.FullPageHeap) { h.GuardReserve = true }},
	{name: "guard pages before the data", code: pageheap.CodeGuard, script: func(h *synth.FullPageHeap) { h.Allocs[2].Backwards = true }},
}

// TestTwins: what is nearest to a damage, and is none.
func TestTwins(t *testing.T) {
	for _, k := range kinds {
		for _, w := range twins {
			h := small(k)
			if w.script != nil {
				w.script(h)
			}
			img := synth.NewImage(k.arch)
			b := h.Build(img)
			if w.do != nil {
				w.do(b)
			}
			got := open(t, space(t, img), handle)
			for _, p := range append(got.problems, got.checks...) {
				t.Errorf("%v: %s/%s: %v", k, w.code, w.name, p)
			}
			same(t, got, b)
		}
	}
}

func TestEveryCodeHasATwin(t *testing.T) {
	codes := pageheap.Codes()
	for _, w := range twins {
		delete(codes, w.code)
	}
	for _, w := range lightDamages {
		delete(codes, w.twin)
	}
	for c, words := range codes {
		t.Errorf("no twin for %s: %s", c, words)
	}
}
