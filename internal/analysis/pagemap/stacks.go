package pagemap

import (
	"fmt"

	"github.com/heapdump/heapdump/internal/analysis/attrib"
	"github.com/heapdump/heapdump/internal/analysis/stacks"
)

// deepest is how many frames of a stack are drawn: the innermost.
const deepest = 48

// stacks makes the tree of the bytes in use by the stacks of their allocation.
// Blocks without one are by heap, part, owner and size.
func (r *Result) stacks(owners *attrib.Result, nodes int) {
	root := &branch{step: step{name: "bytes in use", class: Busy}}
	for i := range owners.Groups {
		if g := &owners.Groups[i]; len(g.Keys[3].Stack) > 0 {
			r.Stacked = saturated(r.Stacked, g.Bytes)
		}
	}
	for i := range owners.Groups {
		g := &owners.Groups[i]
		f := figures{g.Bytes, g.Bytes, g.Blocks}
		r.Busy = saturated(r.Busy, g.Bytes)
		if s := g.Keys[3].Stack; len(s) > 0 {
			root.add(f, framePath(s)...)
			continue
		}
		var path []step
		if r.Stacked > 0 {
			path = []step{{"(no stack recorded)", "", Unknown, "neither the stack trace database nor page heap has one for these blocks"}}
		}
		part := partPath(g.In, g.Keys[1].Part)
		path = append(append(path, heapStep(g.In)), part...)
		root.add(f, append(path, ownerPath(g, part[len(part)-1].class)...)...)
	}
	r.Stacks = root.bounded(nodes)
}

// framePath is a stack from its caller on.
func framePath(s []stacks.Frame) []step {
	var out []step
	if n := len(s); n > deepest {
		out = append(out, step{fmt.Sprintf("(%d outer frames)", n-deepest), "", Unknown, ""})
		s = s[:deepest]
	}
	for i := len(s) - 1; i >= 0; i-- {
		out = append(out, step{stacks.FrameName(s[i]), "frame", Busy, ""})
	}
	return out
}
