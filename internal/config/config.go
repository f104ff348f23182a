// Package config reads .heapdump.yaml: values for the flags of commands. It
// knows the file's form and which flags there are; what the values mean the
// commands know.
package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/heapdump/heapdump/internal/nearest"
)

// Name is the file that is looked for.
const Name = ".heapdump.yaml"

// MaxBytes bounds a file; those that people write have a few lines.
const MaxBytes = 1 << 20

// Known are the flags there are: by command, each flag's type as pflag names
// it. The command of no name has those of every command.
type Known map[string]map[string]string

// Value is what a file says of one flag.
type Value struct {
	Command string   // empty: of every command that has the flag
	Flag    string   //
	List    []string // the values; one of a flag that takes no list
	Line    int      // from 1
}

// File is a file that was read.
type File struct {
	Path   string
	Values []Value // in the file's order
}

// Error is a fault of a file, with its place.
type Error struct {
	Path string
	Line int // from 1; 0 of the file as a whole
	Says string
}

// Error gives the place first.
func (e *Error) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %s", e.Path, e.Says)
	}
	return fmt.Sprintf("%s:%d: %s", e.Path, e.Line, e.Says)
}

// Find looks for the file in a directory and those above it, and returns the
// nearest one; empty when there is none. One that is there but cannot be looked
// at is an error: a gate may stand in it.
func Find(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	for {
		path := filepath.Join(dir, Name)
		_, err := os.Stat(path)
		if err == nil {
			return path, nil
		}
		if !errors.Is(err, os.ErrNotExist) {
			return "", err
		}
		above := filepath.Dir(dir)
		if above == dir {
			return "", nil
		}
		dir = above
	}
}

// Read reads a file. name is what errors call it.
func Read(path, name string, known Known) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, &Error{Path: name, Says: "cannot be read: " + errors.Unwrap(err).Error()}
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, MaxBytes+1))
	switch {
	case err != nil:
		return nil, &Error{Path: name, Says: "cannot be read: " + err.Error()}
	case len(data) > MaxBytes:
		return nil, &Error{Path: name, Says: fmt.Sprintf("is larger than %d bytes", MaxBytes)}
	}
	return Parse(name, data, known)
}

// Parse reads the text of a file: a mapping of flags to values, and of commands
// to such mappings. Anchors and aliases are refused, so that a file is no larger
// than it looks. The error is an *Error.
func Parse(name string, data []byte, known Known) (*File, error) {
	var doc yaml.Node
	d := yaml.NewDecoder(strings.NewReader(string(data)))
	switch err := d.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return &File{Path: name}, nil
	case err != nil:
		return nil, syntaxError(name, err)
	}
	if err := d.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, &Error{name, 0, "holds more than one document, or something behind the first that is no YAML"}
	}
	p := &parser{file: &File{Path: name}, known: known}
	if root := doc.Content[0]; root.Tag != "!!null" || root.Kind != yaml.ScalarNode {
		if err := p.mapping(root, ""); err != nil {
			return nil, err
		}
	}
	return p.file, nil
}

// syntaxError takes the line out of the parser's words.
func syntaxError(name string, err error) *Error {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	if rest, ok := strings.CutPrefix(text, "line "); ok {
		if n, says, ok := strings.Cut(rest, ": "); ok {
			if line, err := strconv.Atoi(n); err == nil {
				return &Error{name, line, "no YAML: " + says}
			}
		}
	}
	return &Error{name, 0, "no YAML: " + text}
}

// parser goes over the nodes of a document.
type parser struct {
	file  *File
	known Known
}

func (p *parser) errorf(n *yaml.Node, format string, args ...any) error {
	return &Error{p.file.Path, n.Line, fmt.Sprintf(format, args...)}
}

// mapping reads the flags of a command, and at the top the commands as well. It
// calls itself once, for a command.
func (p *parser) mapping(n *yaml.Node, command string) error {
	if n.Kind != yaml.MappingNode {
		return p.errorf(n, "%s; flags with their values were expected, such as format: json", kind(n))
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		flags, isCommand := p.known[key.Value]
		isCommand = isCommand && command == "" && key.Value != ""
		what := key.Value
		if value.Kind == yaml.MappingNode {
			what += ":"
		}
		switch {
		case key.Kind != yaml.ScalarNode:
			return p.errorf(key, "%s stands where the name of a flag was expected", kind(key))
		case seen[what]:
			return p.errorf(key, "%q stands here twice", key.Value)
		case isCommand && flags != nil && value.Kind == yaml.MappingNode:
			if err := p.mapping(value, key.Value); err != nil {
				return err
			}
		default:
			if err := p.flag(command, key, value); err != nil {
				return err
			}
		}
		seen[what] = true
	}
	return nil
}

// flag reads the value of a flag.
func (p *parser) flag(command string, key, n *yaml.Node) error {
	kinds := p.kinds(command, key.Value)
	if len(kinds) == 0 {
		return p.unknown(command, key)
	}
	list := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		list = n.Content
	}
	v := Value{Command: command, Flag: key.Value, Line: key.Line}
	for _, x := range list {
		if x.Kind != yaml.ScalarNode || x.Tag == "!!null" {
			return p.errorf(x, "%s: %s; %s was expected", key.Value, kind(x), words[kinds[0]])
		}
		v.List = append(v.List, x.Value)
	}
	for _, k := range kinds {
		if !fits(k, n.Kind == yaml.SequenceNode, v.List) {
			what := kind(n)
			if n.Kind == yaml.ScalarNode {
				what = strconv.Quote(n.Value)
			}
			return p.errorf(n, "%s: %s; %s was expected", key.Value, what, words[k])
		}
	}
	p.file.Values = append(p.file.Values, v)
	return nil
}

// kinds are the types of a flag: those of a command, or at the top of all the
// commands that have it.
func (p *parser) kinds(command, flag string) (out []string) {
	for c, flags := range p.known {
		if k, ok := flags[flag]; ok && (command == "" || c == command || c == "") {
			out = append(out, k)
		}
	}
	if command == "" && len(out) > 1 { // of several, those that want the most
		for i, k := range out {
			if k == "string" {
				out[0], out[i] = out[i], out[0]
			}
		}
	}
	return out
}

// unknown is the error of a key that is no flag.
func (p *parser) unknown(command string, key *yaml.Node) error {
	var have []string
	for c, flags := range p.known {
		if command == "" && c != "" {
			have = append(have, c)
		}
		for f := range flags {
			if command == "" || c == command || c == "" {
				have = append(have, f)
			}
		}
	}
	of := "there is no such flag or command"
	if command != "" {
		of = command + " has no such flag"
	} else if _, ok := p.known[key.Value]; ok {
		return p.errorf(key, "%s is a command: its flags were expected behind it, indented", key.Value)
	}
	if near := nearest.Of(key.Value, have); near != "" {
		return p.errorf(key, "%q: %s; the nearest is %q", key.Value, of, near)
	}
	return p.errorf(key, "%q: %s", key.Value, of)
}

// words say what a flag of a type takes.
var words = map[string]string{"bool": "true or false", "int": "a whole number", "duration": "a time such as 90s or 5m", "string": "one value",
	"stringSlice": "a value or a list of them", "stringArray": "a value or a list of them"}

// fits reports whether a flag of a type takes the values.
func fits(kind string, isList bool, list []string) bool {
	if kind == "stringSlice" || kind == "stringArray" {
		return true
	}
	if isList || len(list) != 1 {
		return false
	}
	var err error
	switch kind {
	case "bool":
		return list[0] == "true" || list[0] == "false"
	case "int":
		_, err = strconv.Atoi(list[0])
	case "duration":
		_, err = time.ParseDuration(list[0])
	}
	return err == nil
}

// kind says what a node is, in words.
func kind(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Kind == yaml.AliasNode:
		return "an alias, which is not taken here"
	case n.Tag == "!!null":
		return "nothing"
	}
	return strconv.Quote(n.Value)
}
