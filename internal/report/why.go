package report

import (
	"fmt"

	"github.com/heapdump/heapdump/internal/analysis/refs"
	"github.com/heapdump/heapdump/internal/target"
)

// Why is the result of heapdump why. way is nil when no root leads to the block.
func Why(t *target.Target, r *refs.Reach, id refs.ID, way *refs.Way) *Document {
	d := Describe(t)
	doc := &Document{Title: d.title()}
	var root, kind any
	if way != nil {
		root, kind = way.Root.Name(), way.Root.Area.Kind.String()
	}
	doc.add(header(d)[0], record("why", "", []pair{
		{Column{"user", "User pointer", Address}, addr(r.User(id))},
		{Column{"user_bytes", "User bytes", Bytes}, r.Size(id)},
		{Column{"heap", "Heap", Address}, addr(r.Heap(id).Address)},
		{Column{"set", "Set", Text}, r.Set(id).String()},
		{Column{"meaning", "", Text}, meanings[r.Set(id)]},
		{Column{"root", titleIf(way != nil, "Root"), Text}, root},
		{Column{"root_kind", "", Text}, kind},
	}))
	if way != nil {
		doc.add(hops(way))
	} else {
		doc.Notes = append(doc.Notes, "No root leads to it.")
	}
	cov := values("coverage", "What this dump cannot answer", LeakCoverage(t, r))
	cov.Wrap = true
	doc.add(cov)
	return doc
}

// hops is the path, from the root on.
func hops(way *refs.Way) Table {
	return fill(Table{Key: "path", Title: fmt.Sprintf("A shortest path from %s", way.Root.Name()), Main: true}, []field[refs.Hop]{
		f("pointer_at", "Pointer at", Address, func(h refs.Hop) any { return some(h.From) }),
		f("offset", "Offset in\nits block", Hex, func(h refs.Hop) any { return h.Offset }),
		f("user", "Leads to\nthe block", Address, func(h refs.Hop) any { return addr(h.User) }),
		f("user_bytes", "User bytes", Bytes, func(h refs.Hop) any { return h.Size }),
		f("into", "At offset", Hex, func(h refs.Hop) any { return h.Into }),
	}, way.Hops)
}
