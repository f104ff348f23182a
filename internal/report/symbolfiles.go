package report

import (
	"github.com/heapdump/heapdump/internal/analysis/modules"
	"github.com/heapdump/heapdump/internal/symbols"
)

// symbolFile is the symbol file of a module.
type symbolFile struct {
	module modules.Module
	symbols.File
}

// AddSymbolFiles adds to the result of heapdump modules which symbol file
// serves each module, or why none does.
func AddSymbolFiles(d *Document, names *symbols.Table, chosen []modules.Module) {
	var rows []symbolFile
	for _, m := range chosen {
		if m.Unloaded {
			continue
		}
		x := symbolFile{module: m, File: symbols.File{Why: "it is in the loader's list only"}}
		if loaded := names.Module(m.Start); loaded != nil && loaded.Start == m.Start {
			x.File = loaded.Served()
		}
		rows = append(rows, x)
	}
	d.add(fill(Table{Key: "symbol_files", Title: "Symbol files"}, []field[symbolFile]{
		f("base", "Base", Address, func(x symbolFile) any { return addr(x.module.Start) }),
		f("module", "Module", Text, func(x symbolFile) any { return word(x.module.Name) }),
		f("pdb_id", "", Text, func(x symbolFile) any { return word(x.module.PDB.ID) }),
		f("source", "Kind", Text, func(x symbolFile) any { return known(x.Path != "", x.Source.String()) }),
		f("file", "File", Text, func(x symbolFile) any { return word(x.Path) }),
		f("partial", "", Yes, func(x symbolFile) any { return known(x.Path != "", x.Partial) }),
		f("why", "Why none", Text, func(x symbolFile) any { return word(x.Why) }),
		f("refused", "", List, func(x symbolFile) any { return x.Refused }),
	}, rows))
}
