package pageheap

import "github.com/heapdump/heapdump/pkg/diag"

// The problem codes of page heaps. They are stable: scripts match them.
const (
	// CodeTree: the tree of busy blocks is broken: a wild link, a wrong parent, balance, order or depth.
	CodeTree diag.Code = "pageheap-tree"
	// CodeList: a list of the root's is broken or loops.
	CodeList diag.Code = "pageheap-list"
	// CodeCount: a counter of the root's is not what its tree or list holds.
	CodeCount diag.Code = "pageheap-count"
	// CodeNode: the fields of a _DPH_HEAP_BLOCK contradict each other.
	CodeNode diag.Code = "pageheap-node"
	// CodeOverlap: two nodes claim the same bytes.
	CodeOverlap diag.Code = "pageheap-overlap"
	// CodeLost: bytes of a page heap that no node describes, because a tree or list is damaged.
	CodeLost diag.Code = "pageheap-lost"
	// CodeStamp: the stamp before or behind a block's _DPH_BLOCK_INFORMATION is overwritten.
	CodeStamp diag.Code = "pageheap-stamp"
	// CodeHeader: a block's _DPH_BLOCK_INFORMATION contradicts its node.
	CodeHeader diag.Code = "pageheap-header"
	// CodeSuffix: the fill between a block's end and its guard page is overwritten.
	CodeSuffix diag.Code = "pageheap-suffix"
	// CodeGuard: the page behind a block can be read.
	CodeGuard diag.Code = "pageheap-guard"
	// CodeLightStamp: one of the stamps of a light page-heap header is overwritten.
	CodeLightStamp diag.Code = "lightpageheap-stamp"
	// CodeLightSuffix: the fill behind a light page-heap block is overwritten.
	CodeLightSuffix diag.Code = "lightpageheap-suffix"
	// CodeLightFreed: a light page-heap block was written to after it was freed.
	CodeLightFreed diag.Code = "lightpageheap-freed"
)

// Codes lists every code of this package with its meaning in a few words.
func Codes() map[diag.Code]string {
	return map[diag.Code]string{
		CodeTree:        "the tree of busy blocks is broken",
		CodeList:        "a list of the page heap's is broken or loops",
		CodeCount:       "a counter of the page heap's is not what its tree or list holds",
		CodeNode:        "the fields of a _DPH_HEAP_BLOCK contradict each other",
		CodeOverlap:     "two nodes of a page heap claim the same bytes",
		CodeLost:        "bytes of a page heap that no node describes",
		CodeStamp:       "a stamp of a page-heap block's header is overwritten",
		CodeHeader:      "a page-heap block's header contradicts its node",
		CodeSuffix:      "the fill behind a page-heap block is overwritten",
		CodeGuard:       "the guard page of a page-heap block can be read",
		CodeLightStamp:  "a stamp of a light page-heap block's header is overwritten",
		CodeLightSuffix: "the fill behind a light page-heap block is overwritten",
		CodeLightFreed:  "a light page-heap block was written to after it was freed",
	}
}
