package report

import (
	"errors"
	"fmt"

	"github.com/heapdump/heapdump/internal/analysis/modules"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/peimage"
)

// Modules is the result of heapdump modules: those of chosen, which are some
// or all of r's, with their sections when asked for.
func Modules(t *target.Target, r *modules.Result, chosen []modules.Module, sections bool) *Document {
	d := Describe(t)
	doc := &Document{Title: d.title()}
	doc.add(header(d)[0])
	if len(chosen) == 1 && sections {
		doc.add(oneModule(chosen[0]))
	}
	list := moduleList(chosen)
	if len(chosen) == 1 && sections {
		list.Media = ForPrograms
	}
	doc.add(list)
	if sections {
		doc.add(moduleSections(t, chosen))
	}
	doc.problems(r.Problems, r.Dropped)
	doc.Warn("modules", moduleNotes(r))
	return doc
}

type module = modules.Module

func moduleFields() []field[module] {
	return []field[module]{
		f("base", "Base", Address, func(m module) any { return addr(m.Start) }),
		f("size_bytes", "Bytes", Bytes, func(m module) any { return m.Size() }),
		f("saved_bytes", "In the dump", Bytes, func(m module) any { return m.Saved }),
		f("name", "Name", Text, func(m module) any { return word(m.Name) }),
		f("version", "Version", Text, func(m module) any { return word(m.Version.String()) }),
		f("timestamp", "", Hex, func(m module) any { return m.Timestamp }),
		f("checksum", "", Hex, func(m module) any { return known(!m.LoaderOnly, m.Checksum) }),
		f("pdb", "PDB", Text, func(m module) any { return word(m.PDB.Name) }),
		f("guid", "", Text, func(m module) any { return word(m.PDB.GUID) }),
		f("age", "", Count, func(m module) any { return known(m.PDB.Name != "", m.PDB.Age) }),
		f("pdb_id", "", Text, func(m module) any { return word(m.PDB.ID) }),
		f("pdb_from", "", Text, func(m module) any { return known(m.PDB.Name != "", m.PDB.Source) }),
		f("unloaded", "", Yes, func(m module) any { return m.Unloaded }),
		f("loader", "", Text, func(m module) any { return word(m.Loader.String()) }),
		f("loader_only", "", Yes, func(m module) any { return m.LoaderOnly }),
		f("listed_before", "", Yes, func(m module) any { return m.Again }),
		f("", "Note", Text, func(m module) any { return word(moduleNote(m)) }),
		f("path", "Path", Text, func(m module) any { return word(m.Path) }),
	}
}

func moduleList(all []module) Table {
	return fill(Table{Key: "modules", Title: "Modules", Main: true, Empty: "The dump lists none."}, moduleFields(), all)
}

// moduleNote is what is odd about a module.
func moduleNote(m module) string {
	switch {
	case m.Unloaded:
		return "unloaded"
	case m.LoaderOnly:
		return "in the loader's list only"
	case m.Again && m.Loader == modules.NotListed:
		return "listed before; in no loader list"
	case m.Again:
		return "listed before"
	case m.Loader == modules.NotListed:
		return "in no loader list"
	}
	return ""
}

// oneModule is a module in full.
func oneModule(m module) Table {
	var bits, entry, headers any
	if m.Image != nil {
		bits, entry = m.Image.Bits, some(m.Image.Entry)
	} else {
		headers = imageWhy(m)
	}
	t := record("", "Module", []pair{
		{Column{"", "Name", Text}, word(m.Name)},
		{Column{"", "Path", Text}, word(m.Path)},
		{Column{"", "Base", Address}, addr(m.Start)},
		{Column{"", "End", Address}, addr(m.End)},
		{Column{"", "Bytes", Bytes}, m.Size()},
		{Column{"", "In the dump", Bytes}, m.Saved},
		{Column{"", "Version", Text}, word(m.Version.String())},
		{Column{"", "Time stamp", Hex}, m.Timestamp},
		{Column{"", "PDB", Text}, word(m.PDB.Name)},
		{Column{"", "GUID", Text}, word(m.PDB.GUID)},
		{Column{"", "Age", Count}, known(m.PDB.Name != "", m.PDB.Age)},
		{Column{"", "PDB on symbol servers", Text}, word(m.PDB.ID)},
		{Column{"", titleIf(m.PDB.Name != "", "PDB known from"), Text}, m.PDB.Source},
		{Column{"", "Bits", Count}, bits},
		{Column{"", "Entry point", Address}, entry},
		{Column{"", titleIf(headers != nil, "Headers"), Text}, headers},
		{Column{"", titleIf(moduleNote(m) != "", "Note"), Text}, moduleNote(m)},
	})
	t.Media = ForPeople
	return t
}

// imageWhy says why the headers of an image could not be read.
func imageWhy(m module) string {
	var missing *memory.MissingError
	switch {
	case m.Unloaded:
		return "the module is unloaded"
	case errors.As(m.Why, &missing):
		return fmt.Sprintf("byte %v is missing (%v)", missing.At, missing.Why)
	case m.Why != nil:
		return m.Why.Error()
	}
	return "not read"
}

// moduleSection is a section and its module.
type moduleSection struct {
	peimage.Section
	module string
	saved  uint64
}

func moduleSections(t *target.Target, all []module) Table {
	var rows []moduleSection
	for _, m := range all {
		if m.Image == nil {
			continue
		}
		for _, s := range m.Image.Sections {
			rows = append(rows, moduleSection{s, m.Name, modules.SectionSaved(t, s)})
		}
	}
	return fill(Table{Key: "sections", Title: "Sections", Empty: "The dump does not hold the headers that list them."}, []field[moduleSection]{
		f("module", "Module", Text, func(s moduleSection) any { return word(s.module) }),
		f("name", "Section", Text, func(s moduleSection) any { return word(s.Name) }),
		f("start", "Start", Address, func(s moduleSection) any { return addr(s.Start) }),
		f("size_bytes", "Bytes", Bytes, func(s moduleSection) any { return s.Size() }),
		f("saved_bytes", "In the dump", Bytes, func(s moduleSection) any { return s.saved }),
		f("characteristics", "Flags", Hex, func(s moduleSection) any { return uint32(s.Characteristics) }),
		f("execute", "Execute", Yes, func(s moduleSection) any { return s.Executable() }),
		f("write", "Write", Yes, func(s moduleSection) any { return s.Writable() }),
	}, rows)
}

func moduleNotes(r *modules.Result) []string {
	missing, extra, again := 0, 0, 0
	for _, m := range r.Modules {
		if m.Again {
			again++
		}
		if m.LoaderOnly {
			extra++
		}
		if m.Loader == modules.NotListed {
			missing++
		}
	}
	var out []string
	switch {
	case r.Expected == 0:
		out = append(out, "The loader's list of modules cannot be compared: the PEB is not in the dump.")
	case r.Lists < r.Expected:
		out = append(out, "The loader's list of modules is not whole in the dump: modules that it lacks are not told.")
	}
	if again > 0 {
		out = append(out, fmt.Sprintf("The dump lists %s twice, at the same base and size: one image, which addresses name once. "+
			"Writers do so of the program of a WOW64 process, which both its loader lists have.", plural(again, "module", "modules")))
	}
	if extra > 0 {
		out = append(out, fmt.Sprintf("The process's loader lists %s that the dump's list of modules lacks.", plural(extra, "module", "modules")))
	}
	if missing > 0 {
		out = append(out, fmt.Sprintf("%s in the dump's list that the process's loader does not list: mapped by hand, hidden, or mapped as data.", plural(missing, "module is", "modules are")))
	}
	return out
}
