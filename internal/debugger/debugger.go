// Package debugger reads commands as WinDbg and cdb spell them and says which
// commands of heapdump answer them. It knows command lines alone: no dump, no
// output. The spellings are those of Microsoft's documentation of the debugger.
package debugger

import (
	"fmt"
	"slices"
	"strings"

	"github.com/heapdump/heapdump/internal/nearest"
)

// Call is a command of heapdump that answers one of the debugger's.
type Call struct {
	Spelling string   // the debugger's command, as it was written
	Args     []string // heapdump's command and its arguments, without the dump
	Style    bool     // the answer exists in the debugger's own layout
	Note     string   // in what the answer differs; empty when it does not
}

// NoEquivalentError is a command of the debugger that heapdump cannot answer.
type NoEquivalentError struct {
	Spelling string // what was written
	Instead  string // what to do instead, a sentence without its stop
}

// Error says what was written and what to use.
func (e *NoEquivalentError) Error() string {
	return fmt.Sprintf("%q has no equivalent: %s", e.Spelling, e.Instead)
}

// command is one command of a script, taken apart.
type command struct {
	text string
	verb string   // in lower case, without the extension's name: !heap
	args []string // the words behind it, quoted ones with their quotes
	bits func() int
}

// Translate reads a script of one or more commands with semicolons or line ends
// between them. bits says how wide the pointers of the dump are, 32 or 64; it
// is asked only where the answer depends on it. An error says which command,
// why, and what to use.
func Translate(script string, bits func() int) ([]Call, error) {
	var out []Call
	for _, text := range split(script) {
		c := parse(text, bits)
		if c.verb == "q" || c.verb == "qd" || c.verb == "qq" {
			break // the end of a script for cdb
		}
		calls, err := c.translate()
		if err != nil {
			return nil, err
		}
		for i := range calls {
			if w := smuggled(calls[i].Args, c.args); w != "" {
				return nil, fmt.Errorf("%q: %q is no name here", text, w)
			}
			calls[i].Spelling = text
		}
		out = append(out, calls...)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%q holds no command of the debugger; write for example '!heap -s'", script)
	}
	return out, nil
}

// smuggled returns a word of the script that would be a flag of heapdump where
// it stands for a name, such as that of lmvm -o; empty when there is none.
func smuggled(args, words []string) string {
	for _, a := range args {
		if strings.HasPrefix(a, "-") && slices.Contains(words, a) {
			return a
		}
	}
	return ""
}

// split cuts a script at semicolons and line ends that are in no quotes, and
// leaves comments out: a command that begins with * and what is behind $$.
func split(script string) (out []string) {
	var part strings.Builder
	quoted := false
	end := func() {
		text, _, _ := strings.Cut(strings.TrimSpace(part.String()), "$$")
		if text = strings.TrimSpace(text); text != "" && !strings.HasPrefix(text, "*") {
			out = append(out, text)
		}
		part.Reset()
	}
	for _, r := range script {
		switch {
		case r == '"':
			quoted = !quoted
			part.WriteRune(r)
		case r == '\n', r == ';' && !quoted:
			quoted = false
			end()
		default:
			part.WriteRune(r)
		}
	}
	end()
	return out
}

// parse takes a command apart.
func parse(text string, bits func() int) *command {
	words := words(text)
	c := &command{text: text, verb: strings.ToLower(words[0]), args: words[1:], bits: bits}
	if strings.HasPrefix(c.verb, "!") {
		if _, name, ok := strings.Cut(c.verb, "."); ok { // !ext.heap, !exts.heap
			c.verb = "!" + name
		}
	}
	return c
}

// words cuts a command at spaces that are in no quotes.
func words(text string) (out []string) {
	var word strings.Builder
	quoted := false
	for _, r := range text + " " {
		switch {
		case r == '"':
			quoted = !quoted
			word.WriteRune(r)
		case (r == ' ' || r == '\t' || r == '\r') && !quoted:
			if word.Len() > 0 {
				out = append(out, word.String())
				word.Reset()
			}
		default:
			word.WriteRune(r)
		}
	}
	if word.Len() > 0 { // a quote that does not end
		out = append(out, strings.TrimSpace(word.String()))
	}
	return out
}

// translate finds the commands that answer this one.
func (c *command) translate() ([]Call, error) {
	if f, ok := verbs()[c.verb]; ok {
		return f(c)
	}
	for _, p := range prefixes() {
		if p.match(c.verb) {
			return p.translate(c)
		}
	}
	if instead, ok := without()[c.verb]; ok {
		return nil, c.none(instead)
	}
	s := fmt.Sprintf("%q is no command of the debugger that is known here", c.text)
	if near := nearest.Of(c.verb, spellings()); near != "" {
		s += "; the nearest is " + near
	}
	return nil, fmt.Errorf("%s; `heapdump windbg --list` shows them all", s)
}

// none is the error of a command without an equivalent.
func (c *command) none(instead string) error { return &NoEquivalentError{c.text, instead} }

// same is the answer of a command that has the debugger's layout.
func same(args ...string) ([]Call, error) { return []Call{{Args: args, Style: true}}, nil }

// like is the answer of a command in heapdump's own layout.
func like(args ...string) ([]Call, error) { return []Call{{Args: args}}, nil }

// noted is like with what is different.
func noted(note string, args ...string) ([]Call, error) {
	return []Call{{Args: args, Note: note}}, nil
}
