// Package schema makes the JSON Schema of what heapdump prints: of the tables
// and columns that the commands' documents are made of, with the texts of
// docs/json.md. Nothing of it is written down beside them.
package schema

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/heapdump/heapdump/docs"
	"github.com/heapdump/heapdump/internal/render"
	"github.com/heapdump/heapdump/internal/report"
)

// dialect is the version of JSON Schema.
const dialect = "https://json-schema.org/draft/2020-12/schema"

// base begins the identifiers of schemas. They are names: nothing is there.
const base = "https://github.com/heapdump/heapdump/schema/"

// The forms of addresses and of words of flags.
const (
	addressForm = "^0x([0-9a-f]{8}|[0-9a-f]{16})$"
	hexForm     = "^0x[0-9a-f]+$"
)

// walk is the command whose JSON is an array of blocks and no document.
const walk = "walk"

// object is a JSON object of a schema; its keys are written in order.
type object map[string]any

// Schema is the schema of all commands.
type Schema struct {
	shapes []report.CommandShape
	lines  map[string]map[string]string // command, table: the definition of its rows
	defs   object
	texts  *texts
}

// New makes the schema. An error is a fault of heapdump.
func New() (*Schema, error) {
	shapes, err := report.Shapes()
	if err != nil {
		return nil, err
	}
	s := &Schema{shapes: shapes, defs: object{}, lines: map[string]map[string]string{}, texts: readTexts(docs.JSON)}
	for _, c := range shapes {
		s.lines[c.Command] = map[string]string{}
		s.command(c)
	}
	s.defs[rowName(walk, "block")] = s.block()
	s.lines[walk] = map[string]string{"": rowName(walk, "block")}
	s.defs[commandName(walk)] = object{"description": "What heapdump walk prints: its blocks.", "type": "array", "items": ref(rowName(walk, "block"))}
	return s, nil
}

// Commands are the commands that there is a schema of, sorted.
func (s *Schema) Commands() []string {
	out := []string{walk}
	for _, c := range s.shapes {
		out = append(out, c.Command)
	}
	slices.Sort(out)
	return out
}

// All is the schema of what any command prints.
func (s *Schema) All() []byte {
	var any []any
	for _, c := range s.Commands() {
		any = append(any, ref(commandName(c)))
	}
	return encode(object{"$schema": dialect, "$id": base + report.SchemaVersion, "title": "heapdump --format json",
		"description": "What any command of heapdump prints. Ignore keys that you do not know, and values of enumerations that you do not know: they may be added within a major version. Any value may be null: the dump does not hold it, or there is none.",
		"anyOf":       any, "$defs": s.defs})
}

// Command is the schema of what one command prints; false when there is no
// such command.
func (s *Schema) Command(name string) ([]byte, bool) {
	if _, ok := s.lines[name]; !ok {
		return nil, false
	}
	return s.one(commandName(name), dashed(name), "heapdump "+name+" --format json"), true
}

// Line is the schema of a line of a command's NDJSON: of the rows of one
// table, or of its main table. False when there is no such table.
func (s *Schema) Line(name, table string) ([]byte, bool) {
	def, ok := s.lines[name][table]
	if !ok {
		return nil, false
	}
	id, title := dashed(name)+"/line", "A line of heapdump "+name+" --format ndjson"
	if table != "" {
		id, title = id+"/"+table, title+" --table "+table
	}
	return s.one(def, id, title), true
}

// one is a definition with those that it needs.
func (s *Schema) one(name, id, title string) []byte {
	out := object{"$schema": dialect, "$id": base + report.SchemaVersion + "/" + id, "title": title}
	for k, v := range s.defs[name].(object) {
		out[k] = v
	}
	if defs := s.needed(s.defs[name], object{}); len(defs) > 0 {
		out["$defs"] = defs
	}
	return encode(out)
}

// needed collects the definitions that a value refers to.
func (s *Schema) needed(v any, into object) object {
	switch x := v.(type) {
	case object:
		if _, ok := x["$ref"]; ok {
			name := nameOf(x)
			if _, seen := into[name]; !seen {
				into[name] = s.defs[name]
				s.needed(s.defs[name], into)
			}
		}
		for _, v := range x {
			s.needed(v, into)
		}
	case []any:
		for _, v := range x {
			s.needed(v, into)
		}
	}
	return into
}

func encode(o object) []byte {
	b, err := json.MarshalIndent(o, "", "  ")
	if err != nil {
		panic(err) // of maps and strings
	}
	return append(b, '\n')
}

func dashed(command string) string { return strings.ReplaceAll(command, " ", "-") }

// commandName and rowName are the names of definitions.
func commandName(command string) string { return "command." + dashed(command) }

func rowName(command, table string) string { return dashed(command) + "." + table }

// nameOf is the definition that a reference is to.
func nameOf(ref object) string { return strings.TrimPrefix(ref["$ref"].(string), "#/$defs/") }

func ref(name string) object { return object{"$ref": "#/$defs/" + name} }

// define files a definition and returns its name: the table's own when no
// other has that, so that commands share what is alike.
func (s *Schema) define(command, table string, def object) string {
	same := func(name string) bool {
		have, ok := s.defs[name].(object)
		return !ok || string(encode(have)) == string(encode(def))
	}
	name := table
	if !same(name) {
		name = rowName(command, table)
	}
	for i := 2; !same(name); i++ {
		name = fmt.Sprintf("%s.%d", rowName(command, table), i)
	}
	s.defs[name] = def
	return name
}

// block is the schema of a block of walk.
func (s *Schema) block() object {
	props, required := object{}, []string{}
	for _, c := range render.BlockColumns() {
		p := s.value(walk, "", c.Column)
		if len(c.Keys) > 0 {
			inner, all := object{}, []string{}
			for _, k := range c.Keys {
				inner[k.Key] = s.value(walk, c.Key, k)
				all = append(all, k.Key)
			}
			p = object{"type": "object", "description": s.texts.of(walk, "", c.Column), "properties": inner, "required": all}
		}
		props[c.Key] = p
		if !c.Optional {
			required = append(required, c.Key)
		}
	}
	return object{"type": "object", "description": "A block of a heap.", "properties": props, "required": required}
}

// types are the JSON types of the kinds of columns.
var types = map[report.Kind]object{
	report.Text:    {"type": []any{"string", "null"}},
	report.Address: {"type": []any{"string", "null"}, "pattern": addressForm},
	report.Bytes:   {"type": []any{"integer", "null"}},
	report.KiB:     {"type": []any{"integer", "null"}},
	report.Count:   {"type": []any{"integer", "null"}},
	report.Percent: {"type": []any{"number", "null"}},
	report.Hex:     {"type": []any{"string", "null"}, "pattern": hexForm},
	report.Yes:     {"type": []any{"boolean", "null"}},
	report.List:    {"type": []any{"array", "null"}, "items": object{"type": "string"}},
	report.Stack:   {"type": []any{"array", "null"}, "items": object{"type": "string", "pattern": addressForm}},
}

// value is the schema of a column's cells.
func (s *Schema) value(command, table string, c report.Column) object {
	out := object{"description": s.texts.of(command, table, c)}
	for k, v := range types[c.Kind] {
		out[k] = v
	}
	return out
}
