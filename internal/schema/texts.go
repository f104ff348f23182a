package schema

import (
	"regexp"
	"slices"
	"strings"

	"github.com/heapdump/heapdump/internal/report"
)

// entry is what docs/json.md says of some keys.
type entry struct {
	section string // the words of the heading
	table   string // the key of the row whose text names them; empty for the row's own
	keys    []string
	text    string
}

// texts are the descriptions of keys.
type texts struct{ entries []entry }

var quotedKey = regexp.MustCompile("`([a-z][a-z0-9_]*)`")

// readTexts reads the tables of docs/json.md.
func readTexts(doc string) *texts {
	out := &texts{}
	section, heading := "", []string(nil)
	for line := range strings.Lines(doc) {
		line = strings.TrimRight(line, "\n")
		if rest, ok := strings.CutPrefix(line, "##"); ok {
			heading = namesIn(rest)
			section = strings.NewReplacer("#", " ", "`", " ", "(", " ", ")", " ", ",", " ").Replace(rest) + " "
			continue
		}
		if line != "" && !strings.HasPrefix(line, "|") && len(heading) > 0 { // what a table is that has a heading of its own
			out.entries = append(out.entries, entry{section, "", heading, line})
			heading = nil
		}
		cells := strings.SplitN(strings.Trim(line, "|"), "|", 2)
		if !strings.HasPrefix(line, "|") || len(cells) < 2 || strings.HasPrefix(line, "|---") {
			continue
		}
		keys, text := namesIn(cells[0]), strings.TrimSpace(cells[1])
		out.entries = append(out.entries, entry{section, "", keys, text})
		table := ""
		if len(keys) > 0 {
			table = keys[0]
		}
		for _, e := range within(text) {
			e.section, e.table = section, table
			out.entries = append(out.entries, e)
		}
	}
	return out
}

func namesIn(s string) []string {
	var out []string
	for _, m := range quotedKey.FindAllStringSubmatch(s, -1) {
		out = append(out, m[1])
	}
	return out
}

// within reads the keys that a text itself explains: "`a`, `b` (…), `c` and
// `d`: …; `e`". A colon makes what follows up to a semicolon one explanation.
func within(text string) []entry {
	var out []entry
	open := false // the last entry waits for the text of those that follow "and"
	for _, part := range parts(text) {
		m := quotedKey.FindStringIndex(part)
		if i := strings.Index(part, ": `"); i >= 0 && i < strings.IndexByte(part, '`') {
			part = part[i+2:] // "an object: `file`"
			m = quotedKey.FindStringIndex(part)
		}
		if m == nil || m[0] != 0 {
			if len(out) > 0 {
				out[len(out)-1].text += ", " + part
			}
			continue
		}
		keys := []string{part[1 : m[1]-1]}
		rest := part[m[1]:]
		for {
			more, ok := strings.CutPrefix(rest, " and ")
			next := quotedKey.FindStringIndex(more)
			if !ok || next == nil || next[0] != 0 {
				break
			}
			keys, rest, open = append(keys, more[1:next[1]-1]), more[next[1]:], true
		}
		rest = trimmed(rest)
		if open { // `a`, `b` and `c`: …
			for i := len(out) - 1; i >= 0 && out[i].text == ""; i-- {
				out[i].text = rest
			}
			open = false
		}
		out = append(out, entry{keys: keys, text: rest})
	}
	return out
}

// parts splits a text at commas and semicolons that stand outside parentheses,
// and not at commas behind a colon.
func parts(text string) []string {
	var out []string
	depth, from, colon := 0, 0, false
	for i := range len(text) {
		switch c := text[i]; {
		case c == '(':
			depth++
		case c == ')':
			depth--
		case depth > 0:
		case c == ':' && from < i && strings.HasPrefix(strings.TrimSpace(text[from:]), "`"):
			colon = true
		case c == ';' || c == ',' && !colon:
			out = append(out, strings.TrimSpace(text[from:i]))
			from, colon = i+1, false
		}
	}
	return append(out, strings.TrimSpace(text[from:]))
}

// trimmed takes off what stands between a key and its text.
func trimmed(s string) string {
	s = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(s), ":"))
	if strings.HasPrefix(s, "(") && strings.HasSuffix(s, ")") && strings.Count(s, "(") == 1 {
		s = s[1 : len(s)-1]
	}
	return s
}

// first is the first text of a key in entries that fit; empty without one.
func (t *texts) first(key string, fits func(entry) bool) string {
	for _, e := range t.entries {
		if e.text != "" && fits(e) && slices.Contains(e.keys, key) {
			return sentence(e.text)
		}
	}
	return ""
}

// alike are the tables whose rows have the keys of another.
var alike = map[string]string{"heap": "heaps", "not_checked": "problems", "creation_stack": "stack_frames", "lock_creation_stack": "stack_frames", "section_creator": "stack_frames"}

// sameEverywhere are the keys that mean in every table what a section says.
var sameEverywhere = map[string]string{"heap": "walk", "entry": "walk", "user": "walk", "block_bytes": "walk", "user_bytes": "walk", "origin": "walk",
	"symbol": "find", "symbol_how": "find", "symbol_source": "find", "line": "find", "module": "find", "saved": "find", "tid": "threads"}

// of is the description of a column: what the section of the command says of
// it in that table, else in any, else what the section of the table's name or
// another section says of that table; without any, the column's own words.
func (t *texts) of(command, table string, c report.Column) string {
	if other := alike[table]; other != "" {
		table = other
	}
	in := func(words string) func(entry) bool {
		return func(e entry) bool { return words != "" && strings.Contains(e.section, " "+words+" ") }
	}
	mine := in(command)
	for _, fits := range []func(entry) bool{
		func(e entry) bool { return table != command && in(table)(e) && e.table == "" }, // of a table of many commands
		func(e entry) bool { return mine(e) && table != "" && e.table == table },
		func(e entry) bool { return mine(e) && e.table == "" },
		mine,
		func(e entry) bool { return table == "" && in(c.Key)(e) && e.table == "" },
		func(e entry) bool { return table != "" && e.table == table },
	} {
		if s := t.first(c.Key, fits); s != "" {
			return s
		}
	}
	if where := sameEverywhere[c.Key]; where != "" {
		if s := t.first(c.Key, in(where)); s != "" {
			return s
		}
	}
	if title := strings.ReplaceAll(c.Title, "\n", " "); title != "" {
		return sentence(title)
	}
	return sentence(strings.ReplaceAll(c.Key, "_", " "))
}

// sentence makes a sentence of a text, without Markdown. A value that it begins
// with keeps its letters.
func sentence(s string) string {
	value := strings.HasPrefix(s, "`")
	s = strings.Trim(strings.NewReplacer("`", "", `\|`, "|").Replace(s), " ;,")
	if s == "" {
		return s
	}
	if !value {
		s = strings.ToUpper(s[:1]) + s[1:]
	}
	return strings.TrimSuffix(s, ".") + "."
}
