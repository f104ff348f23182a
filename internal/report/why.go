package report

import (
	"fmt"

	"github.com/heapdump/heapdump/internal/analysis/refs"
	"github.com/heapdump/heapdump/internal/target"
)

// Why is the result of heapdump why.
func Why(t *target.Target, r *refs.Reach, id refs.ID, ways []refs.Way, types refs.Namer) *Document {
	d := Describe(t)
	doc := &Document{Title: d.title()}
	var root, by, kind any
	if len(ways) > 0 {
		root, by, kind = ways[0].Root.Name(), word(ways[0].Root.NamedBy()), ways[0].Root.Area.Kind.String()
	}
	block := whyBlock(refsBlock(r, []refs.ID{id}, types), root, by, kind)
	doc.add(header(d)[0], block)
	if len(ways) == 0 {
		doc.Notes = append(doc.Notes, "No root leads to it.")
	} else {
		doc.add(hops(&ways[0], types, 1))
	}
	for i := 1; i < len(ways); i++ {
		x := hops(&ways[i], types, i+1)
		x.Key, x.Main, x.Media = "", false, ForPeople
		doc.add(x)
	}
	if len(ways) > 1 {
		doc.add(allPaths(ways, types))
	}
	cov := values("coverage", "What this dump cannot answer", LeakCoverage(t, r))
	cov.Wrap = true
	doc.add(cov)
	return doc
}

// whyBlock adds to the block the root that leads to it.
func whyBlock(block Table, root, by, kind any) Table {
	block.Key = "why"
	block.Columns = append(block.Columns, Column{"root", titleIf(root != nil, "Root"), Text}, Column{"root_named_by", titleIf(by != nil, "Named by"), Text}, Column{"root_kind", "", Text})
	for i := range block.Rows {
		block.Rows[i] = append(block.Rows[i], root, by, kind)
	}
	return block
}

// hops is a path, from the root on.
func hops(way *refs.Way, types refs.Namer, number int) Table {
	title := fmt.Sprintf("A shortest path from %s", way.Root.Text())
	if number > 1 {
		title = fmt.Sprintf("Path %d, from %s", number, way.Root.Text())
	}
	return fill(Table{Key: "path", Title: title, Main: true}, []field[refs.Hop]{
		f("pointer_at", "Pointer at", Address, func(h refs.Hop) any { return some(h.From) }),
		f("offset", "Offset in\nits block", Hex, func(h refs.Hop) any { return h.Offset }),
		f("user", "Leads to\nthe block", Address, func(h refs.Hop) any { return addr(h.User) }),
		f("user_bytes", "User bytes", Bytes, func(h refs.Hop) any { return h.Size }),
		f("into", "At offset", Hex, func(h refs.Hop) any { return h.Into }),
		f("type", "Type", Text, func(h refs.Hop) any { return namedCell(types, h.To) }),
	}, way.Hops)
}

// allPaths is every path, for programs.
func allPaths(ways []refs.Way, types refs.Namer) Table {
	type row struct {
		path int
		root string
		refs.Hop
	}
	var rows []row
	for i := range ways {
		for _, h := range ways[i].Hops {
			rows = append(rows, row{i + 1, ways[i].Root.Name(), h})
		}
	}
	return fill(Table{Key: "paths", Media: ForPrograms}, []field[row]{
		f("path", "", Count, func(x row) any { return x.path }),
		f("root", "", Text, func(x row) any { return x.root }),
		f("pointer_at", "", Address, func(x row) any { return some(x.From) }),
		f("offset", "", Hex, func(x row) any { return x.Offset }),
		f("user", "", Address, func(x row) any { return addr(x.User) }),
		f("user_bytes", "", Bytes, func(x row) any { return x.Size }),
		f("into", "", Hex, func(x row) any { return x.Into }),
		f("type", "", Text, func(x row) any { return namedCell(types, x.To) }),
	}, rows)
}
