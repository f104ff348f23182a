package report

// Build is what a program was built from.
type Build struct {
	Version  string // of the module, "(devel)" when it has none
	Revision string // of the commit; empty when it is not known
	Time     string // of the commit, RFC 3339; empty when it is not known
	Modified bool   // files were changed that were not committed
	Go       string // the toolchain, "go1.26.0"
	OS, Arch string // as Go names them
	Modules  []Module
}

// Module is a module that is linked in.
type Module struct {
	Path, Version string
	Licence       string // by the SPDX list; empty when it is not known
}

// Version is the result of heapdump version.
func Version(b Build) *Document {
	t := record("version", "", []pair{
		{Column{"version", "Version", Text}, b.Version},
		{Column{"revision", "Commit", Text}, word(b.Revision)},
		{Column{"commit_time", "Of", Text}, word(b.Time)},
		{Column{"modified", "With changes", Yes}, known(b.Revision != "", b.Modified)},
		{Column{"go", "Built with", Text}, b.Go},
		{Column{"os", "For", Text}, b.OS},
		{Column{"arch", "On", Text}, b.Arch},
	})
	t.Main = true
	modules := fill(Table{Key: "modules", Title: "Modules"}, []field[Module]{
		f("path", "Module", Text, func(m Module) any { return m.Path }),
		f("version", "Version", Text, func(m Module) any { return m.Version }),
		f("licence", "Licence", Text, func(m Module) any { return word(m.Licence) }),
	}, b.Modules)
	return &Document{Tables: []Table{t, modules}}
}
