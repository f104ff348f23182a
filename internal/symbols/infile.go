package symbols

import "strings"

// inFile names an address by the module's symbol file: by the function that it
// is in, else by the public symbol below it, unless an export (the k-th) is
// nearer. False when the file has no name for it.
func (m *Module) inFile(n *names, k int, rva uint32) (Name, bool) {
	out := Name{Module: m.Name, Source: n.served.Source}
	if symbol, start, ok := n.file.function(rva); ok {
		out.Symbol, out.Offset, out.How = symbol, uint64(rva-start), Inside
		return out, true
	}
	if symbol, start, ok := n.file.public(rva); ok && (k < 0 || n.exports.At(k) <= start) {
		if how := m.reaches(n, start, rva); how != InModule {
			out.Symbol, out.Offset, out.How = m.undecorated(symbol, n.served.Source), uint64(rva-start), how
			return out, true
		}
	}
	// A part of a function that was moved away from it.
	begin, ok := m.partOf(n, rva)
	if !ok || begin == rva {
		return Name{}, false
	}
	symbol, start, ok := n.file.function(begin)
	how := Inside
	if !ok {
		symbol, start, ok = n.file.public(begin)
		symbol, how = m.undecorated(symbol, n.served.Source), Exported
	}
	if !ok || start != begin {
		return Name{}, false
	}
	out.Symbol, out.Offset, out.How = symbol, uint64(rva-start), how
	return out, true
}

// undecorated is a public symbol of C as it is written in the source: on x86
// the compiler puts '_' before it (__cdecl), '_' before and '@8' behind
// (__stdcall), or '@' before and '@8' behind (__fastcall). Names of C++ are
// left as they are; Breakpad's files have names undecorated already.
func (m *Module) undecorated(symbol string, from Source) string {
	if from != PDB || m.Image == nil || m.Image.Bits != 32 || len(symbol) < 2 || symbol[0] != '_' && symbol[0] != '@' {
		return symbol
	}
	at := strings.LastIndexByte(symbol, '@')
	if at < 1 || at == len(symbol)-1 || strings.Trim(symbol[at+1:], "0123456789") != "" {
		at = len(symbol)
	}
	if symbol[0] == '@' && at == len(symbol) {
		return symbol
	}
	return symbol[1:at]
}

// Served says which symbol file serves the module, or why none does. It reads
// it when nobody has yet.
func (m *Module) Served() File {
	if m.Unloaded {
		return File{Why: "the module is unloaded"}
	}
	return m.load().served
}

// Notes are what is odd about the symbol files of the modules that were named
// so far: files that were found and not taken, where none was, and files that
// are damaged.
func (t *Table) Notes() []string {
	var out []string
	for _, m := range t.loaded.modules {
		if !m.read.Load() {
			continue
		}
		switch s := m.names.served; {
		case s.Path == "" && len(s.Refused) > 0:
			out = append(out, "No symbol file for "+m.File+": "+s.Why)
		case s.Partial:
			out = append(out, "Parts of "+s.Path+" could not be read: names of "+m.File+" may be missing.")
		}
	}
	return out
}
