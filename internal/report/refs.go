package report

import (
	"fmt"
	"slices"

	"github.com/heapdump/heapdump/internal/analysis/refs"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/internal/thousands"
)

// namedCell is a block's type, null when it is not known.
func namedCell(types refs.Namer, id refs.ID) any {
	s, _ := types(id)
	return word(s)
}

// Refs is the result of heapdump refs.
func Refs(t *target.Target, r *refs.Reach, a *refs.Around, types refs.Namer, depth int) *Document {
	d := Describe(t)
	doc := &Document{Title: d.title()}
	doc.add(header(d)[0], refsBlock(r, []refs.ID{a.Block}, types), refsIn(r, a, types, depth), refsOut(r, a, types, depth))
	cov := values("coverage", "What this dump cannot answer", LeakCoverage(t, r))
	cov.Wrap = true
	doc.add(cov, whyNext(d, r, a.Block))
	return doc
}

// whyNext suggests what to run after refs.
func whyNext(d Dump, r *refs.Reach, id refs.ID) Table {
	t := values("next", nextTitle, nil)
	t.Media = ForPeople
	if !r.Set(id).Unreachable() {
		t.Rows = append(t.Rows, []any{"# the way from a root to the block"}, []any{fmt.Sprintf("heapdump why %v %s", r.User(id), shell(d.Path))})
	}
	return t
}

func refsBlock(r *refs.Reach, ids []refs.ID, types refs.Namer) Table {
	by := ""
	if len(ids) > 0 {
		_, by = types(ids[0])
	}
	return fill(Table{Key: "block", Shape: Record}, []field[refs.ID]{
		f("user", "User pointer", Address, func(id refs.ID) any { return addr(r.User(id)) }),
		f("user_bytes", "User bytes", Bytes, func(id refs.ID) any { return r.Size(id) }),
		f("heap", "Heap", Address, func(id refs.ID) any { return addr(r.Heap(id).Address) }),
		f("type", "Type", Text, func(id refs.ID) any { return namedCell(types, id) }),
		f("type_evidence", titleIf(by != "", "By"), Text, func(id refs.ID) any { return word(by) }),
		f("set", "Set", Text, func(id refs.ID) any { return r.Set(id).String() }),
		f("meaning", "", Text, func(id refs.ID) any { return meanings[r.Set(id)] }),
	}, ids)
}

// refsIn is what points to the block.
func refsIn(r *refs.Reach, a *refs.Around, types refs.Namer, depth int) Table {
	block := func(e refs.Edge, v any) any { return known(e.Root == nil, v) }
	fields := []field[refs.Edge]{
		f("level", titleIf(depth > 1, "Level"), Count, func(e refs.Edge) any { return e.Level }),
		f("root", "Root", Text, func(e refs.Edge) any { return rootName(e) }),
		f("root_named_by", titleIf(named(a.In), "Named by"), Text, func(e refs.Edge) any { return rootBy(e) }),
		f("from", "Block", Address, func(e refs.Edge) any { return block(e, addr(r.User(e.From))) }),
		f("offset", "Offset\nin it", Hex, func(e refs.Edge) any { return e.Offset }),
		f("pointer_at", "Pointer at", Address, func(e refs.Edge) any { return some(e.At) }),
		f("to", titleIf(depth > 1, "Leads to"), Address, func(e refs.Edge) any { return addr(r.User(e.To)) }),
		f("into", "Into\nblock", Hex, func(e refs.Edge) any { return e.Into }),
		f("exact", "Exact", Yes, func(e refs.Edge) any { return e.Exact }),
		f("from_bytes", "User bytes", Bytes, func(e refs.Edge) any { return block(e, r.Size(e.From)) }),
		f("set", "Set", Text, func(e refs.Edge) any { return block(e, r.Set(e.From).String()) }),
		f("type", "Type", Text, func(e refs.Edge) any {
			if e.Root != nil {
				return nil
			}
			return namedCell(types, e.From)
		}),
	}
	t := fill(Table{Key: "in", Title: "What points to it", Empty: "Nothing points to it."}, fields, a.In)
	leftOut(&t, a.MoreIn, a.InCut)
	return t
}

// rootName is the root of an edge; null of one from a block.
func rootName(e refs.Edge) any {
	if e.Root == nil {
		return nil
	}
	return e.Root.Name()
}

// rootBy is how the root of an edge was named; null but of a module's variable.
func rootBy(e refs.Edge) any {
	if e.Root == nil {
		return nil
	}
	return word(e.Root.NamedBy())
}

// named reports whether a module's variable is among edges.
func named(all []refs.Edge) bool {
	return slices.ContainsFunc(all, func(e refs.Edge) bool { return rootBy(e) != nil })
}

// refsOut is what the block points to.
func refsOut(r *refs.Reach, a *refs.Around, types refs.Namer, depth int) Table {
	fields := []field[refs.Edge]{
		f("level", titleIf(depth > 1, "Level"), Count, func(e refs.Edge) any { return e.Level }),
		f("from", titleIf(depth > 1, "Block"), Address, func(e refs.Edge) any { return addr(r.User(e.From)) }),
		f("offset", "Offset\nin it", Hex, func(e refs.Edge) any { return e.Offset }),
		f("pointer_at", "Pointer at", Address, func(e refs.Edge) any { return some(e.At) }),
		f("to", "Leads to", Address, func(e refs.Edge) any { return addr(r.User(e.To)) }),
		f("into", "Into\nblock", Hex, func(e refs.Edge) any { return e.Into }),
		f("exact", "Exact", Yes, func(e refs.Edge) any { return e.Exact }),
		f("to_bytes", "User bytes", Bytes, func(e refs.Edge) any { return r.Size(e.To) }),
		f("set", "Set", Text, func(e refs.Edge) any { return r.Set(e.To).String() }),
		f("type", "Type", Text, func(e refs.Edge) any { return namedCell(types, e.To) }),
	}
	t := fill(Table{Key: "out", Title: "What it points to", Main: true, Empty: "It points to no other block in use."}, fields, a.Out)
	leftOut(&t, a.MoreOut, a.OutCut)
	return t
}

// leftOut says what the limit left out.
func leftOut(t *Table, n, cut int) {
	if n > 0 {
		t.Notes = append(t.Notes, fmt.Sprintf("… and %s more; --limit 0 shows all", thousands.Grouped(uint64(n))))
	}
	if cut > 0 {
		t.Notes = append(t.Notes, fmt.Sprintf("The limit was reached at level %d; further ones were not looked at.", cut))
	}
}
