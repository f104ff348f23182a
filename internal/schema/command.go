package schema

import (
	"fmt"
	"slices"

	"github.com/heapdump/heapdump/internal/report"
)

// keySet gathers the keys of an object over several forms of it: those that
// all forms have are required.
type keySet struct {
	props    object
	count    map[string]int
	forms    int
	conflict bool // one key is different things in two forms
}

func newKeySet() *keySet { return &keySet{props: object{}, count: map[string]int{}} }

func (k *keySet) add(key string, v object) {
	if have, ok := k.props[key].(object); ok && string(encode(have)) != string(encode(v)) {
		k.conflict = true
	}
	k.props[key] = v
	k.count[key]++
}

// required are the keys of all forms, sorted.
func (k *keySet) required() []string {
	out := []string{}
	for key, n := range k.count {
		if n == k.forms {
			out = append(out, key)
		}
	}
	slices.Sort(out)
	return out
}

// tableForms are the forms of one table in a command's documents.
type tableForms struct {
	shape    report.Shape
	keys     *keySet
	rows     bool // a form has columns
	null     bool // a form has no row: of a record, null
	main     bool
	columnOf report.Column // of Values
}

// command makes the definition of a command's document. Where one key is
// different things in two forms of it, each form has a definition of its own.
func (s *Schema) command(c report.CommandShape) {
	tables, order := s.forms(c)
	all := newKeySet()
	var apart []any
	for i, d := range c.Documents {
		one := newKeySet()
		s.document(c.Command, d, tables, all, one)
		name := fmt.Sprintf("%s.%d", commandName(c.Command), i+1)
		apart = append(apart, ref(name))
		s.defs[name] = one.document(c.Command)
	}
	s.defs[commandName(c.Command)] = all.document(c.Command)
	if all.conflict {
		s.defs[commandName(c.Command)] = object{"description": "What heapdump " + c.Command + " prints: it depends on the arguments.", "anyOf": apart}
	} else {
		for _, r := range apart {
			delete(s.defs, nameOf(r.(object)))
		}
	}
	var mains []any
	for _, key := range order {
		s.line(c.Command, key, tables[key])
		if name := s.lines[c.Command][key]; tables[key].main && name != "" {
			mains = append(mains, ref(name))
		}
	}
	s.mainLine(c.Command, mains)
}

// document adds the keys of a document to some sets.
func (s *Schema) document(command string, d *report.Document, tables map[string]*tableForms, sets ...*keySet) {
	add := func(key string, v object) {
		for _, k := range sets {
			k.add(key, v)
		}
	}
	for _, k := range sets {
		k.forms++
	}
	add("schema_version", object{"description": "Version of this contract: the second number grows with every new key, the first with every key that changes or goes.",
		"type": "string", "pattern": "^" + major() + "\\.[0-9]+$"})
	seen := map[string]bool{}
	for i := range d.Tables {
		t := &d.Tables[i]
		switch {
		case t.Media == report.ForPeople || t.Media == report.ForRows || t.Key == "":
		case t.Flat:
			for _, col := range t.Columns {
				if col.Key != "" {
					add(col.Key, s.value(command, t.Key, col))
				}
			}
		case !seen[t.Key]:
			seen[t.Key] = true
			add(t.Key, s.table(command, t.Key, tables[t.Key]))
		}
	}
}

// document is the definition of an object of a set's keys.
func (k *keySet) document(command string) object {
	return object{"description": "What heapdump " + command + " prints.", "type": "object", "properties": k.props, "required": k.required()}
}

func major() string {
	for i, c := range report.SchemaVersion {
		if c == '.' {
			return report.SchemaVersion[:i]
		}
	}
	return report.SchemaVersion
}

// forms gathers the tables that programs read. The rows of one that stands
// twice, nested in JSON and flat in NDJSON, are apart.
func (s *Schema) forms(c report.CommandShape) (map[string]*tableForms, []string) {
	out, order := map[string]*tableForms{}, []string{}
	for _, d := range c.Documents {
		for i := range d.Tables {
			t := &d.Tables[i]
			if t.Media == report.ForPeople || t.Key == "" {
				continue
			}
			x := out[t.Key]
			if x == nil {
				x = &tableForms{shape: t.Shape, keys: newKeySet()}
				out[t.Key] = x
				order = append(order, t.Key)
			}
			x.add(s, c.Command, t)
		}
	}
	return out, order
}

func (x *tableForms) add(s *Schema, command string, t *report.Table) {
	x.main = x.main || t.Main
	x.null = x.null || t.Shape == report.Record && len(t.Rows) == 0
	if t.Shape == report.Values {
		x.columnOf = t.Columns[0]
		return
	}
	if len(t.Columns) == 0 {
		return
	}
	x.rows = true
	x.keys.forms++
	for i, col := range t.Columns {
		switch {
		case col.Key == "":
		case col.Kind == report.Nested && len(t.Rows) > 0:
			inner := tableForms{shape: report.Grid, keys: newKeySet()}
			inner.add(s, command, t.Rows[0][i].(*report.Table))
			v := s.table(command, col.Key, &inner)
			x.keys.add(col.Key, v)
		default:
			x.keys.add(col.Key, s.value(command, t.Key, col))
		}
	}
}

// table is the schema of a table as the value of a key.
func (s *Schema) table(command, key string, x *tableForms) object {
	text := s.texts.of(command, "", report.Column{Key: key})
	if x.shape == report.Values {
		return object{"description": text, "type": "array", "items": object{"type": "string"}}
	}
	row := ref(s.row(command, key, x))
	switch {
	case x.shape == report.Record && x.null:
		return object{"description": text, "anyOf": []any{row, object{"type": "null"}}}
	case x.shape == report.Record:
		row["description"] = text
		return row
	}
	return object{"description": text, "type": "array", "items": row}
}

// row defines the rows of a table.
func (s *Schema) row(command, key string, x *tableForms) string {
	return s.define(command, key, object{"type": "object", "properties": x.keys.props, "required": x.keys.required()})
}

// line names the rows of a table, which are the lines of NDJSON. Commands
// whose NDJSON is no table of the document have none.
func (s *Schema) line(command, key string, x *tableForms) {
	if x.shape == report.Values || !x.rows {
		return
	}
	s.lines[command][key] = s.row(command, key, x)
}

// mainLine names the rows of the main table; of a command whose arguments say
// which table that is, it is any of them.
func (s *Schema) mainLine(command string, mains []any) {
	switch len(mains) {
	case 0:
	case 1:
		s.lines[command][""] = nameOf(mains[0].(object))
	default:
		s.lines[command][""] = s.define(command, rowName(command, "line"), object{"description": "A row of the main table, which the arguments choose.", "anyOf": mains})
	}
}
