package report

import (
	"slices"

	"github.com/heapdump/heapdump/internal/symbols"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/memory"
)

// Near is the result of heapdump ln.
func Near(t *target.Target, a memory.Addr, x symbols.Near) *Document {
	d := Describe(t)
	doc := &Document{Title: d.title()}
	var file, section, partial any
	if x.Module != nil {
		file, section = x.Module.File, word(x.Section)
		partial = known(x.Module.Image != nil, x.Partial)
	}
	says := x.Name.Text()
	if says == "" {
		says = "in no module"
	}
	r := record("ln", "", []pair{
		{Column{"address", "Address", Address}, addr(a)},
		{Column{"", "Is", Text}, says},
		{Column{"name", "", Text}, word(x.Name.String())},
		{Column{"symbol", "", Text}, symbol(x.Name)},
		{Column{"symbol_how", titleIf(x.Name.Symbol != "", "Named by"), Text}, symbolHow(x.Name)},
		{Column{"symbol_source", titleIf(x.Name.Source != symbols.Export, "Symbol file"), Text}, symbolSource(x.Name)},
		{Column{"file", "", Text}, sourceFile(x.Name)},
		{Column{"line", "", Count}, sourceLine(x.Name)},
		{Column{"module", titleIf(x.Module != nil, "Module"), Text}, file},
		{Column{"section", titleIf(x.Section != "", "Section"), Text}, section},
		{Column{"exports_partial", "", Yes}, partial},
		{Column{"type", titleIf(x.Class != nil, "Functions of class"), Text}, typeCell(x.Class, func(c *symbols.Class) string { return c.Name })},
		{Column{"type_how", titleIf(x.Class != nil, "Typed by"), Text}, typeCell(x.Class, func(c *symbols.Class) string { return c.Evidence.String() })},
		{Column{"type_bases", titleIf(x.Class != nil && len(x.Class.Bases) > 0, "Base classes"), List}, baseNames(x.Class)},
	})
	r.Main = true
	doc.add(header(d)[0], r, fill(Table{Key: "symbols", Title: "Nearest symbols"}, []field[symbols.Symbol]{
		f("address", "Address", Address, func(s symbols.Symbol) any { return addr(s.Addr) }),
		f("distance", "Distance", Bytes, func(s symbols.Symbol) any { return int64(s.Addr - a) }),
		f("name", "Name", Text, func(s symbols.Symbol) any { return s.Name.String() }),
		f("decorated", "", Text, func(s symbols.Symbol) any { return s.Name.Symbol }),
		f("symbol_source", "", Text, func(s symbols.Symbol) any { return symbolSource(s.Name) }),
		f("", titleIf(lined(x.Symbols), "Source"), Text, func(s symbols.Symbol) any { return sourcePlace(s.Name) }),
		f("file", "", Text, func(s symbols.Symbol) any { return sourceFile(s.Name) }),
		f("line", "", Count, func(s symbols.Symbol) any { return sourceLine(s.Name) }),
	}, x.Symbols))
	switch {
	case x.Module != nil && x.Module.Image == nil && !x.Module.Unloaded && x.Module.Served().Path == "":
		doc.warn("image-missing", "", "the headers of the module's image are not in the dump, and with them its names")
	case x.Partial:
		doc.warn("exports-partial", "", "the module's export table is not whole in the dump: names may be missing")
	}
	return doc
}

// lined reports whether one of the symbols has a line.
func lined(all []symbols.Symbol) bool {
	return slices.ContainsFunc(all, func(s symbols.Symbol) bool { return s.Name.Line != 0 })
}
