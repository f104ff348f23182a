package locate

import (
	"fmt"
	"strings"

	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/pageheap"
)

// says puts the answer in a sentence.
func says(x *Found) string {
	switch {
	case x.Heap != nil && x.Heap.Foreign:
		return "in a heap of another process (CSRSS's), which is mapped into this one and never counted"
	case x.Heap != nil && x.Heap.Walkable() == nil:
		return fmt.Sprintf("in a %s heap that was not walked: %s", x.Heap.Kind, x.Heap.Why)
	case x.Where == "heap region" && x.Heap.Page != nil:
		return "in the handle or the root of a page heap"
	case x.Where == "heap region":
		return "in the front end's own region of a heap, which holds no blocks"
	case x.Block != nil:
		return saysBlock(x)
	case x.Where == "block":
		return "in a heap, in no block that could be read"
	case x.Where == "image":
		return "in no heap: in the module " + x.Module[strings.LastIndexAny(x.Module, `\/`)+1:]
	case x.Where == "stack":
		return "in no heap: on the stack of a thread"
	case x.Where == "memory" && !x.Saved:
		return "in no heap that was found: " + x.Why.String()
	case x.Where == "memory" && x.Region.Type == 0:
		return "in no heap: in memory"
	case x.Where == "memory":
		return "in no heap: in " + strings.ToLower(strings.TrimPrefix(x.Region.Type.String(), "MEM_")) + " memory"
	}
	return "in no heap: " + x.Why.String()
}

func saysBlock(x *Found) string {
	b := x.Block
	switch {
	case x.Node != nil && b.State != heap.Busy:
		return saysNode(x)
	case b.State == heap.Lost:
		return "in bytes of a heap that no block could be made of"
	case b.State == heap.Uncommitted:
		return "in an uncommitted range of a heap: address space without memory"
	case b.State == heap.Internal:
		return "in a block of the heap's own (a header, an end marker, or a front end's container)"
	case b.State == heap.Free:
		return "in a free block"
	case x.Light != nil && (x.CRT == nil || x.Address < x.CRT.Addr):
		return saysLight(x)
	case x.Address < b.User():
		return "in the header of a busy block"
	case x.CRT != nil:
		return saysCRT(x)
	case uint64(x.Address-b.User()) < b.UserBytes():
		return "in a busy block"
	}
	return "behind the program's bytes of a busy block, in its unused ones"
}

// saysLight says where in a block of light page heap the address lies.
func saysLight(x *Found) string {
	l := x.Light
	block := "a busy block of light page heap"
	if l.Freed {
		block = "a block that light page heap keeps after its free"
	}
	switch {
	case x.Address < l.Header:
		return "in the entry of " + block
	case x.Address < l.User:
		return "in the page heap header of " + block
	case uint64(x.Address-l.User) < l.Requested:
		return "in " + block
	}
	return "behind the program's bytes of " + block
}

// saysCRT says where in a block of a debug C runtime the address lies, behind
// its entry.
func saysCRT(x *Found) string {
	c := x.CRT
	user := c.User.Span(uint64(c.Bytes))
	switch {
	case x.Address < c.Addr:
		return "before the debug C runtime's header in a busy block"
	case x.Address < c.User:
		return "in the debug C runtime's header of a busy block"
	case user.Contains(x.Address):
		return "in a busy block of a debug C runtime"
	case x.Address < user.End.Add(fenceBytes):
		return "in the debug C runtime's fence behind the program's bytes of a busy block"
	}
	return "behind a debug C runtime's block, in unused bytes"
}

// saysNode says where on the pages of a page heap's allocation the address
// lies, outside its block.
func saysNode(x *Found) string {
	n := x.Node
	switch {
	case n.Kind == pageheap.NodeFreed:
		return "in the pages of a freed page heap allocation"
	case n.Kind == pageheap.NodeAvailable:
		return "in pages that a page heap keeps for allocations to come"
	case x.Address >= n.User.Add(n.Requested):
		return "in the guard page behind a busy page heap allocation"
	}
	return "before the data of a busy page heap allocation, on its pages"
}
