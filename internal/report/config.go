package report

// Setting is the value of a flag and where it comes from.
type Setting struct {
	Command string // empty: of every command
	Flag    string
	Value   string
	Origin  string // "default", "command line", a file with a line, or a variable with $
}

// Config is the result of heapdump config. path is the config file, empty when
// there is none.
func Config(path string, all []Setting) *Document {
	shown := any(path)
	if path == "" {
		shown = nil
	}
	d := &Document{Tables: []Table{record("config", "", []pair{{Column{"file", "Config file", Text}, shown}})}}
	d.Tables = append(d.Tables, fill(Table{Key: "settings", Title: "Settings", Main: true}, []field[Setting]{
		f("command", "Command", Text, func(s Setting) any { return word(s.Command) }),
		f("flag", "Flag", Text, func(s Setting) any { return s.Flag }),
		f("value", "Value", Text, func(s Setting) any { return word(s.Value) }),
		f("origin", "From", Text, func(s Setting) any { return s.Origin }),
	}, all))
	return d
}
