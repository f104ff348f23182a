package debugger

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func wide() int   { return 64 }
func narrow() int { return 32 }

// lines translates a script and writes the commands down.
func lines(t *testing.T, script string, bits func() int) string {
	t.Helper()
	calls, err := Translate(script, bits)
	if err != nil {
		t.Errorf("%s: %v", script, err)
		return ""
	}
	var out []string
	for _, c := range calls {
		s := Line(c.Args)
		if c.Style {
			s += " (windbg)"
		}
		out = append(out, s)
	}
	return strings.Join(out, "; ")
}

// TestTranslate: the meanings are those of the debugger's manual; numbers are
// hexadecimal, ranges of -flt half-open, ranges of s and d closed.
func TestTranslate(t *testing.T) {
	for script, want := range map[string]string{
		"!heap": "heaps (windbg)", "!HEAP -S": "summary (windbg)", "!ext.heap -s": "summary (windbg)", "!heap -s 0": "summary (windbg)", "!heap -s 29fb0000": "heap 0x29fb0000",
		"!heap -s -v 29fb0000": "check --heap 0x29fb0000", "!heap -a 29fb0000": "heap 0x29fb0000 (windbg)", "!heap -a": "walk (windbg)", "!heap 29fb0000": "heap 0x29fb0000 (windbg)",
		"!heap -h 000001c0`aa400000": "walk --heap 0x1c0aa400000 (windbg)", "!heap -h 0": "walk (windbg)", "!heap -v": "check", "!heap -l": "leaks",
		"!heap -stat": "stat (windbg)", "!heap -stat -h 0": "stat (windbg)", "!heap -stat -h 0x29fb0000 -grp A 14": "stat --heap 0x29fb0000 --sort size --top 20 (windbg)",
		"!heap -stat -grp S": "stat --sort bytes (windbg)", "!heap -stat -grp s -h 29fb0000": "stat --sort bytes --heap 0x29fb0000 (windbg)",
		"!heap -flt s 10": "walk --state busy --size 0x10", "!heap -flt r 50 80": "walk --state busy --size 0x50..0x7f", "!heap -flt s 0n16": "walk --state busy --size 0x10",
		"!heap -p": "heaps", "!heap -p -a 10": "find 0x10 (windbg)", "!heap -p -all": "walk", "!heap -p -h 29fb0000": "heap 0x29fb0000",
		"!heap -x 29fb0000+40": "find 0x29fb0040 (windbg)", "!heap -x -v 29fb0040": "find 0x29fb0040 (windbg); search --block 0x29fb0040",
		"!heap -srch 29fb0040": "search --pointer 0x29fb0040", "!heap -srch -b 4d": "search --bytes 4d", "!heap -srch -w 5a4d": "search --bytes 4d5a",
		"!heap -srch -q 1`00000002": "search --bytes 0200000001000000", "!heap -i 29fb0740": "dt _HEAP_ENTRY 0x29fb0740",
		"!address": "address", "!address -summary": "address --summary (windbg)", "!address 7ffe0000": "address 0x7ffe0000 (windbg)",
		"!address -f:VAR,MEM_COMMIT,PAGE_READWRITE": "address --usage unknown --state commit --protect readwrite", "!address -f:Free": "address --state free",
		"!address -f:MEM_IMAGE -o:csv": "address --type image --format csv",
		"!handle":                      "handles (windbg)", "!handle 0 f": "handles (windbg)", "!handle 1c f": "handles --handle 0x1c (windbg)", "!handle 0 f Event": "handles --type Event (windbg)",
		"!peb": "peb (windbg)", "!teb": "teb (windbg)", "!teb 7ffdf000": "teb 0x7ffdf000 (windbg)", "!gle": "teb", "!gle -all": "threads",
		"lm": "modules", "lmv": "modules", "lm v m ntdll": "modules ntdll", "lmvm ntdll": "modules ntdll", "lmv m ntdll": "modules ntdll", "lm m nt*": "modules", "lm a 77023894": "modules 0x77023894",
		"~": "threads", "~*": "threads", "~*k": "stack all (windbg)", "~* k": "stack all (windbg)", "~*kb": "stack all (windbg)", "~#k": "stack (windbg)", "~~[1a34]k": "stack 0x1a34 (windbg)",
		"k": "stack (windbg)", "kv": "stack (windbg)", "kn 20": "stack (windbg)", "k20": "stack (windbg)", ".exr -1": "exception", ".ecxr": "exception", "!analyze -v": "triage",
		"dt ntdll!_PEB": "dt 'ntdll!_PEB'", "dt _HEAP 29fb0000": "dt _HEAP 0x29fb0000", "dt -r _HEAP 29fb0000": "dt --depth 2 _HEAP 0x29fb0000", "dt -r9 _HEAP": "dt --depth 4 _HEAP",
		"db 10000": "hex 0x10000", "dd 10000 L20": "hex 0x10000", "dd 10000 L40": "hex 0x10000 0x100", "dq 10000 L 2": "hex 0x10000 0x10", "db 10000 1000f": "hex 0x10000 0x10", "db 10000 l?1000": "hex 0x10000 0x1000",
		"dps 10000 L4":                        "hex 0x10000 0x20 --words",
		`s -a 0 L?100 "a b; c"`:               `search --text 'a b; c' --range 0x0..0x100`,
		`s -u 10000 1ffff hello`:              `search --text hello --range 0x10000..0x20000`,
		`s -d 10000 L4 1 2`:                   `search --bytes 0100000002000000 --range 0x10000..0x10010`,
		`s 10000 L10 4d 5a`:                   `search --bytes 4d5a --range 0x10000..0x10010`,
		`s -[1]b 10000 L10 4d 5a`:             `search --bytes 4d5a --range 0x10000..0x10010`,
		"ln 77023894":                         "ln 0x77023894",
		" .exr -1 ;; .ecxr; k; q":             "exception; exception; stack (windbg)",
		"* a comment\n!peb $$ and another\n~": "peb (windbg); threads",
	} {
		if got := lines(t, script, wide); got != want {
			t.Errorf("%s\n got %s\nwant %s", script, got, want)
		}
	}
	if got := lines(t, "dps 10000 L4", narrow); got != "hex 0x10000 0x10 --words" {
		t.Errorf("4 pointers of 32 bits are %s", got)
	}
	if got := lines(t, "s -b ffffffffffffff00 L?ffffffffffffffff 1", wide); got != "search --bytes 01 --range 0xffffffffffffff00..0xffffffffffffffff" {
		t.Errorf("a range beyond the end of memory: %s", got)
	}
}

// TestNot: what cannot be answered is an error that says what to use; nothing
// is answered by something else.
func TestNot(t *testing.T) {
	for script, want := range map[string]string{
		"": "'!heap -s'", ";": "'!heap -s'", "q": "'!heap -s'", "!haep -s": "the nearest is !heap", "!error 5": "known here; `heapdump windbg --list`", "u 401000": "heapdump ln ADDR", "zebra": "--list", "!heap -k": "owners --by stack", "!heap -zz": "-stat", "!heap -t": "owners",
		"!heap -a 1": "`heapdump heaps`", "!heap -x": "address is missing", "!heap -flt r 80 50": "-flt s SIZE", "!heap -flt s": "-flt s SIZE", "!heap -flt": "-flt s SIZE", "!heap -stat -grp Q": "S (all bytes)", "!heap -stat 5": "not understood",
		"!heap -srch -b 100": "1 bytes", "!heap -srch": "PATTERN", "!heap -p -q": "-p -a", "!address -c:\"db %1\"": "ndjson", "!address -f:zebra": "FileMap", "!address @$peb": "registers", "!address -o:tsv": "csv", "!address -zebra": "-summary",
		"dd": "address is missing", "dd 10000 L0": "no length", "dd 10000 5": "begins at", "dd 10000 L4 9": "not understood", "dd poi(1000)": "expressions", "s -sa 0 L?100": "-u", "s -a 0 L?100": "PATTERN", "s -a 0": "PATTERN", "s -a 0 L?10 \"\"": "empty", "s -b 0 L10 100": "1 bytes",
		"~3k": "threads", "~~[zz]k": "TID", "~*e !clrstack": "only stacks", ".exr 1000": ".exr -1", ".exr": ".exr -1", "dt _HEAP 10000 Flags": "shown whole", "dt -rz _HEAP": "no depth", "ln": "address is missing", "lm a zz": "no number",
		"bp main": "a dump does not run", "u 1000": "code is not shown", ".reload /f": "--symbols", "!heap -s; bp main": "a dump does not run", "!handle zz": "no number", "!handle 1 2 3 4": "not understood", "!teb zz": "no number",
	} {
		calls, err := Translate(script, wide)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v and %v, want an error with %q", script, calls, err, want)
		}
	}
}

// TestTable: each row is translated, or has no equivalent and says what is to
// be used instead; and each command of the two maps of verbs has a row.
func TestTable(t *testing.T) {
	spelled := ""
	for _, e := range Table() {
		spelled += " " + e.Spelling + ","
		_, err := Translate(e.Example, wide)
		var none *NoEquivalentError
		switch {
		case len(e.Command) == 0 && (!errors.As(err, &none) || e.Note == ""):
			t.Errorf("%s: %v", e.Spelling, err)
		case len(e.Command) > 0 && err != nil:
			t.Errorf("%s: %v", e.Spelling, err)
		}
	}
	words := strings.FieldsFunc(spelled, func(r rune) bool { return r == ' ' || r == ',' })
	for v := range verbs() {
		if !slices.Contains(words, v) && v != "d" && v != "dyb" && v != "dyd" && v != "dpp" && v != "dpa" && v != "dpu" {
			t.Errorf("%s has an equivalent, and the table does not show it", v)
		}
	}
	if got := Of("stat"); !slices.Contains(got, "!heap -stat -h HEAP") || slices.Contains(got, "!heap -s") {
		t.Errorf("stat is %v", got)
	}
}

// TestLine: a line can be pasted into a shell.
func TestLine(t *testing.T) {
	if got, want := Line([]string{"search", "--text", "it's a $HOME", ""}), `search --text 'it'\''s a $HOME' ''`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
