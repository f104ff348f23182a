package report

// Version is the result of heapdump version.
func Version(version, revision, toolchain string) *Document {
	t := record("version", "", []pair{
		{Column{"version", "", Text}, version},
		{Column{"revision", "", Text}, word(revision)},
		{Column{"go", "", Text}, toolchain},
	})
	t.Main = true
	return &Document{Tables: []Table{t}}
}
