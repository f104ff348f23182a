package report

import (
	"fmt"
	"strings"

	"github.com/heapdump/heapdump/internal/analysis/census"
	"github.com/heapdump/heapdump/internal/analysis/pagemap"
	"github.com/heapdump/heapdump/internal/analysis/roles"
	"github.com/heapdump/heapdump/internal/analysis/vmmap"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/internal/thousands"
)

// treeClasses are the keys of pagemap's classes, in their order.
var treeClasses = [...]string{"busy", "lfh", "free", "lfhfree", "meta", "uncommitted", "lost", "large", "image", "heap", "pageheap", "stack", "mapped", "system", "unknown"}

// NewPictures makes the pictures of a dump.
func NewPictures(r *pagemap.Result) *Pictures {
	p := &Pictures{Notes: r.Notes}
	if r.Untyped {
		p.Notes = append(p.Notes[:len(p.Notes):len(p.Notes)], "Blocks are shown by their size and not by what they are: the tables for that would take more memory than --max-memory allows.")
	}
	if len(r.Space.Children) > 0 {
		p.Space = &Tree{Title: "The address space", Root: treeNode(&r.Space), Notes: spaceNotes(r)}
	}
	if r.Busy > 0 {
		p.Stacks = &Tree{Title: "Who allocated: stacks", Root: treeNode(&r.Stacks), Notes: stackNotes(r)}
		if r.Stacked == 0 {
			p.Stacks.Title = "Where the bytes in use are"
		}
	}
	for i := range r.Maps {
		p.Maps = append(p.Maps, heapMap(&r.Maps[i]))
	}
	if r.Unmapped > 0 {
		p.Notes = append(p.Notes[:len(p.Notes):len(p.Notes)], plural(r.Unmapped, "smaller heap has", "smaller heaps have")+" no map of pages; the tables count them.")
	}
	return p
}

func spaceNotes(r *pagemap.Result) []string {
	if r.Partial {
		return []string{partialNote}
	}
	if r.FreeSpace == 0 {
		return nil
	}
	return []string{fmt.Sprintf("Free address space, %s bytes, is not drawn.", thousands.Grouped(r.FreeSpace))}
}

func stackNotes(r *pagemap.Result) []string {
	switch {
	case r.Stacked == 0:
		return []string{"Windows recorded no stacks of allocations in this dump, so that the bytes in use are shown by heap, part of the heap, kind and size of block. " +
			"To have stacks in the next dump: gflags /i PROGRAM +ust before it starts."}
	case r.Stacked < r.Busy:
		return []string{fmt.Sprintf("%s of %s bytes in use have a stack; the others are shown by heap, part of the heap, kind and size of block.", thousands.Grouped(r.Stacked), thousands.Grouped(r.Busy))}
	}
	return nil
}

// treeNode is a node for a renderer. The depth is bounded by that of the
// paths that pagemap makes.
func treeNode(n *pagemap.Node) TreeNode {
	out := TreeNode{Name: n.Name, Kind: n.Kind, Class: treeClasses[n.Class], Bytes: n.Bytes, Reserved: n.Reserved, Blocks: n.Blocks, Evidence: n.Evidence, Rest: n.Rest > 0}
	for i := range n.Children {
		out.Children = append(out.Children, treeNode(&n.Children[i]))
	}
	return out
}

func heapMap(m *pagemap.Map) HeapMap {
	out := HeapMap{Heap: uint64(m.Heap.Address), Name: pagemap.HeapName(m.Heap), Cell: m.Cell, Sums: m.Sums}
	for i := range m.Parts {
		p := &m.Parts[i]
		part := MapPart{Start: uint64(p.Start), Bytes: p.Size(), Kind: "segment"}
		switch {
		case p.Large:
			part.Kind = "large block"
		case m.Heap.Page != nil:
			part.Kind = "range"
		}
		for _, c := range p.Cells {
			if n := len(part.Runs); n > 0 && part.Runs[n-1].Bytes == c {
				part.Runs[n-1].Cells++
				continue
			}
			part.Runs = append(part.Runs, MapRun{1, c})
		}
		out.Parts = append(out.Parts, part)
	}
	if m.Left > 0 {
		out.Notes = append(out.Notes, strings.TrimSpace(plural(m.Left, "smaller large block is", "smaller large blocks are")+" not drawn"))
	}
	return out
}

// Detail is what a page of findings shows of a dump besides: the tables of
// heapdump summary and the usage of its address space.
func Detail(t *target.Target, cs *census.Census, rs *roles.Result) []Table {
	var out []Table
	for _, x := range Summary(t, cs, rs).Tables {
		if x.Media != ForPrograms && x.Media != ForRows && x.Key != "coverage" && x.Key != "next" && x.Key != "memory" {
			out = append(out, x)
		}
	}
	usage := usages(vmmap.TakeSum(t, nil))
	usage.Title = "What the address space is used for"
	return append(out, usage)
}
