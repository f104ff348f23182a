package debugger

import (
	"slices"
	"strings"
)

// verbs are the commands that have an equivalent, by their first word.
func verbs() map[string]func(*command) ([]Call, error) {
	fixed := func(style bool, args ...string) func(*command) ([]Call, error) {
		return func(*command) ([]Call, error) { return []Call{{Args: args, Style: style}}, nil }
	}
	all := map[string]func(*command) ([]Call, error){
		"!heap": (*command).heap, "!address": (*command).addressOf, "!vprot": (*command).protection, "!vadump": fixed(false, "address"),
		"!handle": (*command).handle, "!peb": fixed(true, "peb"), "!teb": (*command).teb, "!gle": (*command).lastError,
		"!gflag": fixed(false, "peb"), "!envvar": fixed(false, "peb"), "!lmi": (*command).module, "!dh": (*command).module, "!dlls": fixed(false, "modules"),
		"!runaway": fixed(false, "threads"), "!uniqstack": fixed(true, "stack", "all"), "!analyze": fixed(false, "triage"),
		".exr": (*command).record, ".ecxr": fixed(false, "exception"), ".lastevent": fixed(false, "exception"), "r": fixed(false, "exception"),
		"dt": (*command).structure, "ln": (*command).near, "s": (*command).search,
		"vertarget": fixed(false, "info"), "version": fixed(false, "info"), "||": fixed(false, "info"), ".dumpdebug": fixed(false, "info"),
	}
	for verb := range elements() {
		all[verb] = (*command).display
	}
	return all
}

// prefix is a family of commands whose options stand in the first word.
type prefix struct {
	match     func(verb string) bool
	translate func(*command) ([]Call, error)
}

func prefixes() []prefix {
	return []prefix{
		{func(v string) bool { return strings.HasPrefix(v, "~") }, (*command).threads},
		{func(v string) bool {
			rest, ok := strings.CutPrefix(v, "lm")
			return ok && strings.Trim(rest, "olvukecipfnmtdrza") == ""
		}, (*command).list},
		{isStack, (*command).stack},
	}
}

// without are the commands that are known to have no equivalent, and what to
// use instead.
func without() map[string]string {
	const living = "a dump does not run; `heapdump exception` shows where it stopped, `heapdump stack all` where every thread was"
	const names = "give folders with symbol files by --symbols FOLDER or $_NT_SYMBOL_PATH; `heapdump modules --symbols` says which are used"
	const code = "code is not shown; `heapdump ln ADDR` names an address, `heapdump stack` shows the frames with file and line"
	const locks = "critical sections are not listed; `heapdump heap ADDR` shows a heap's lock, `heapdump stack all` who waits"
	const managed = "managed objects are not read; `heapdump owners --by type` counts native ones"
	const script = "a script of your shell can call heapdump: every command has --format json"
	return map[string]string{
		"g": living, "p": living, "t": living, "bp": living, "bu": living, "ba": living, "bl": living, "gh": living, "gn": living, ".detach": living,
		".reload": names, ".sympath": names, ".symfix": names, ".symopt": names, "!sym": names, "x": "names are looked up by address: `heapdump ln ADDR`; `heapdump modules NAME` shows a module's sections",
		"u": code, "uf": code, "ub": code, "dv": "local variables are not shown; `heapdump stack` shows the frames",
		"!locks": locks, "!cs": locks, "!critsec": locks, "!dumpheap": managed, "!eeheap": managed, "!gcroot": "managed objects are not read; `heapdump why ADDR` shows what keeps a native block",
		".foreach": script, ".for": script, ".if": script, "j": script, "?": "no calculator; addresses may be sums, as in `dt _HEAP 29fb0000+118`", ".formats": "no calculator",
		"e": "a dump is only read", "eb": "a dump is only read", "ed": "a dump is only read", "eq": "a dump is only read",
		".dump": "a dump is only read; `heapdump info` says how a fuller one is made", ".echo": "write your own lines between calls",
		".logopen": "write the answer to a file with -o FILE", ".logclose": "write the answer to a file with -o FILE", ".effmach": "of a WOW64 process both widths are shown", "!wow64exts": "of a WOW64 process both widths are shown",
	}
}

// Equivalent is a row of the table of equivalents.
type Equivalent struct {
	Spelling string   // as the debugger's manual writes it: !heap -stat -h HEAP
	Example  string   // a command that can be run
	Command  []string // what heapdump runs for the example, one entry a call; empty when there is nothing
	Style    bool     // it has the debugger's layout
	Note     string   // what is different, or what to use instead
}

// spelled are the rows: spelling and example.
func spelled() [][2]string {
	return [][2]string{
		{"!heap", "!heap"}, {"!heap -s", "!heap -s"}, {"!heap -s HEAP", "!heap -s 29fb0000"}, {"!heap -s -v", "!heap -s -v"}, {"!heap -s -b SIZE", "!heap -s -b 400"},
		{"!heap -a HEAP", "!heap -a 29fb0000"}, {"!heap -m HEAP", "!heap -m 29fb0000"}, {"!heap -f HEAP", "!heap -f 29fb0000"}, {"!heap -a", "!heap -a"},
		{"!heap -h HEAP", "!heap -h 29fb0000"}, {"!heap -stat", "!heap -stat"}, {"!heap -stat -h HEAP", "!heap -stat -h 29fb0000"},
		{"!heap -stat -h HEAP -grp S|B|A N", "!heap -stat -h 29fb0000 -grp B a"}, {"!heap -flt s SIZE", "!heap -flt s 1f64"}, {"!heap -flt r MIN MAX", "!heap -flt r 50 80"},
		{"!heap -p", "!heap -p"}, {"!heap -p -a ADDR", "!heap -p -a 29fb0040"}, {"!heap -p -h HEAP", "!heap -p -h 29fb0000"}, {"!heap -p -all", "!heap -p -all"}, {"!heap -p -t", "!heap -p -ts"},
		{"!heap -x ADDR", "!heap -x 29fb0040"}, {"!heap -x -v ADDR", "!heap -x -v 29fb0040"}, {"!heap -srch PATTERN", "!heap -srch 29fb0040"}, {"!heap -srch -b|-w|-d|-q PATTERN", "!heap -srch -d cafe"},
		{"!heap -l", "!heap -l"}, {"!heap -v HEAP", "!heap -v 29fb0000"}, {"!heap -triage", "!heap -triage"}, {"!heap -i ADDR", "!heap -i 29fb0740"}, {"!heap -k", "!heap -k"}, {"!heap -t", "!heap -t"}, {"!heap -b", "!heap -b"},
		{"!address", "!address"}, {"!address -summary", "!address -summary"}, {"!address ADDR", "!address 29fb0040"}, {"!address -f:FILTER", "!address -f:VAR,MEM_COMMIT"}, {"!address -o:csv", "!address -o:csv"}, {"!address -c:\"…\"", "!address -c:\"db %1\""},
		{"!vprot ADDR", "!vprot 29fb0040"}, {"!vadump", "!vadump"}, {"!handle", "!handle"}, {"!handle 0 f", "!handle 0 f"}, {"!handle HANDLE f", "!handle 1c f"}, {"!handle 0 f TYPE", "!handle 0 f Event"},
		{"!peb", "!peb"}, {"!gflag", "!gflag"}, {"!envvar NAME", "!envvar PATH"}, {"!teb", "!teb"}, {"!teb ADDR", "!teb 7ffdf000"}, {"!gle", "!gle"}, {"!gle -all", "!gle -all"},
		{"lm", "lm"}, {"lmv m NAME", "lmv m ntdll"}, {"lm a ADDR", "lm a 77023894"}, {"!lmi NAME", "!lmi ntdll"}, {"!dh NAME", "!dh ntdll"}, {"!dlls", "!dlls"},
		{"~", "~"}, {"~*", "~*"}, {"~*k", "~*k"}, {"~~[TID]k", "~~[1a34]k"}, {"~Nk", "~3k"}, {"k", "k"}, {"kb, kp, kn, kv", "kb"}, {"!uniqstack", "!uniqstack"}, {"!runaway", "!runaway 7"},
		{".exr -1", ".exr -1"}, {".ecxr", ".ecxr"}, {".lastevent", ".lastevent"}, {"r", "r"}, {"!analyze -v", "!analyze -v"},
		{"dt", "dt"}, {"dt TYPE", "dt ntdll!_PEB"}, {"dt TYPE ADDR", "dt _HEAP 29fb0000"}, {"dt -rN TYPE ADDR", "dt -r2 _HEAP 29fb0000"}, {"db, dw, dd, dq, dc, da, du ADDR [LN]", "dd 29fb0040 L40"}, {"dp, dps, dds, dqs ADDR [LN]", "dqs 29fb0040 L10"},
		{"s -a|-u RANGE \"TEXT\"", "s -a 0 L?80000000 \"Invoice\""}, {"s -b|-w|-d|-q RANGE PATTERN", "s -d 29fb0000 L4000 29fb0040"}, {"ln ADDR", "ln 77023894"},
		{"vertarget, version, ||, .dumpdebug", "vertarget"}, {".reload, .sympath", ".sympath"}, {"x MODULE!NAME", "x ntdll!Rtl*"}, {"u ADDR", "u 77023894"}, {"dv", "dv"}, {"!locks, !cs", "!locks"}, {"!dumpheap", "!dumpheap"}, {".foreach", ".foreach"}, {"g, p, t, bp", "g"}, {"eb, ed, eq", "ed"}, {".dump", ".dump"},
	}
}

// Table is what the debugger's commands are here, made by translating an
// example of each.
func Table() []Equivalent {
	var out []Equivalent
	for _, s := range spelled() {
		e := Equivalent{Spelling: s[0], Example: s[1]}
		calls, err := Translate(s[1], func() int { return 64 })
		for _, c := range calls {
			args := slices.Clone(c.Args)
			if c.Style {
				args, e.Style = append(args, "--style", "windbg"), true
			}
			e.Command = append(e.Command, Line(args))
			e.Note = c.Note
		}
		if none, ok := err.(*NoEquivalentError); ok {
			e.Note = none.Instead
		}
		out = append(out, e)
	}
	return out
}

// Line writes a command as it is typed into a shell.
func Line(args []string) string {
	quoted := make([]string, len(args))
	for i, a := range args {
		if a == "" || strings.ContainsAny(a, " \t\"'`$&|;<>()*?[]!~#\\") {
			a = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
		quoted[i] = a
	}
	return strings.Join(quoted, " ")
}

// Of returns the spellings that a command of heapdump answers, in the table's
// order.
func Of(command string) []string {
	var out []string
	for _, e := range Table() {
		for _, line := range e.Command {
			if first, _, _ := strings.Cut(line, " "); first == command && !slices.Contains(out, e.Spelling) {
				out = append(out, e.Spelling)
			}
		}
	}
	return out
}

// spellings are the first words of all commands that are known.
func spellings() []string {
	var out []string
	for v := range verbs() {
		out = append(out, v)
	}
	for v := range without() {
		out = append(out, v)
	}
	out = append(out, "lm", "~", "k")
	slices.Sort(out)
	return out
}
