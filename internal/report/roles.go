package report

import (
	"fmt"

	"github.com/heapdump/heapdump/internal/analysis/census"
	"github.com/heapdump/heapdump/internal/analysis/roles"
	"github.com/heapdump/heapdump/internal/target"
)

// roleWords is a heap's role for people; nil when it is not known.
func roleWords(h *target.Heap, rs *roles.Result) any {
	x := rs.Of(h)
	switch x.Kind {
	case roles.Process:
		return "process heap"
	case roles.CRT:
		return "C runtime " + x.Owner
	case roles.Module:
		return x.Owner
	case roles.CSRPort:
		return "CSR port"
	case roles.Shared:
		return "shared"
	case roles.Foreign:
		return "another process's"
	case roles.PageHeap:
		return "page heap"
	case roles.NormalHeap:
		return fmt.Sprintf("normal heap of %v", h.NormalOf)
	case roles.Unknown:
	}
	return nil
}

// roleField is the column of the roles for people.
func roleField(rs *roles.Result) field[*census.Heap] {
	return f("", "Role", Text, func(h *census.Heap) any { return roleWords(h.Target, rs) })
}

// reason is one sentence of evidence for a role.
type reason struct {
	heap  *census.Heap
	words string
}

// roleTable says why the roles are thought.
func roleTable(heaps []*census.Heap, rs *roles.Result) Table {
	var all []reason
	for _, h := range heaps {
		for _, w := range rs.Of(h.Target).Evidence {
			all = append(all, reason{h, w})
		}
	}
	return fill(Table{Title: "Evidence for the roles", Media: ForPeople}, []field[reason]{
		f("", "#", Count, func(x reason) any { return x.heap.Target.Position }),
		f("", "Heap", Address, func(x reason) any { return addr(x.heap.Target.Address) }),
		f("", "Because", Text, func(x reason) any { return x.words }),
	}, all)
}

// list makes a cell of strings that is null when there are none.
func list(all []string) any {
	if len(all) == 0 {
		return nil
	}
	return all
}
