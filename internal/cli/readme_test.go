package cli_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/heapdump/heapdump/internal/cli"
)

// session is a command that README.md shows and what it shows of its output.
type session struct {
	line  int
	args  []string
	shown []string
}

// sessions finds the commands in the code blocks of a text: lines that begin
// with "$ heapdump", each with the lines up to the next.
func sessions(text string) (out []session) {
	in := false
	var s *session
	for i, l := range strings.Split(text, "\n") {
		switch {
		case strings.HasPrefix(l, "```"):
			in, s = !in, nil
		case in && strings.HasPrefix(l, "$ heapdump "):
			args := strings.Fields(l)[2:]
			for i := range args {
				args[i] = strings.Trim(args[i], "'")
			}
			out = append(out, session{line: i + 1, args: args})
			s = &out[len(out)-1]
		case s != nil:
			s.shown = append(s.shown, l)
		}
	}
	return out
}

// TestReadme: what README.md shows of a command is what the command prints.
// The dumps that Windows wrote are not in the repository: where the folder
// ../shared/dumps is beside it, what is shown of them is compared too.
func TestReadme(t *testing.T) { shownIs(t, "README.md", 8) }

// TestCIDoc: so is what docs/ci.md shows.
func TestCIDoc(t *testing.T) { shownIs(t, "docs/ci.md", 3) }

// find puts the place of a dump that is not in the repository into the
// arguments, false where it is not there.
func (s *session) find() bool {
	for i, a := range s.args {
		if !strings.HasPrefix(a, "real-") {
			continue
		}
		s.args[i] = filepath.Join("..", "shared", "dumps", a+".zst")
		if _, err := os.Stat(s.args[i]); err != nil {
			return false
		}
	}
	return true
}

// shownIs compares the sessions of a document, at least so many, with what the
// commands print. A line of … stands for any number of lines, and so does the
// end of a block after one.
func shownIs(t *testing.T, name string, least int) {
	t.Helper()
	t.Chdir(filepath.Join("..", ".."))
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	all := sessions(string(text))
	if len(all) < least {
		t.Fatalf("only %d commands found", len(all))
	}
	for _, s := range all {
		if !s.find() {
			t.Logf("%s:%d: not compared, since ../shared/dumps is not beside the repository: %s", name, s.line, strings.Join(s.args, " "))
			continue
		}
		w := newWorld(nil)
		if code := cli.Main(context.Background(), s.args, w.Env); code != 0 && code != 1 {
			t.Errorf("%s:%d: exit %d: %s", name, s.line, code, w.stderr.String())
			continue
		}
		got := strings.Split(strings.TrimRight(string(bytes.ReplaceAll(w.stdout.Bytes(), []byte("\r\n"), []byte("\n"))), "\n"), "\n")
		for i := range got {
			got[i] = strings.TrimRight(got[i], " ")
		}
		skip := false
		for i, l := range s.shown {
			l = strings.TrimRight(l, " ")
			if l == "…" {
				skip = true
				continue
			}
			if skip && l == "" { // there are many
				continue
			}
			n := 0
			if skip {
				if n = slices.Index(got, l); n < 0 {
					t.Errorf("%s:%d: no such line in the rest of the output: %q", name, s.line+i+1, l)
					break
				}
			}
			skip = false
			if n >= len(got) || got[n] != l {
				t.Errorf("%s:%d: shown %q, printed %q", name, s.line+i+1, l, strings.Join(got[min(n, len(got)):min(n+1, len(got))], ""))
				break
			}
			got = got[n+1:]
		}
		if !skip && len(strings.TrimSpace(strings.Join(got, ""))) > 0 && len(s.shown) > 0 && !t.Failed() {
			t.Errorf("%s:%d: more is printed: %q", name, s.line, got[0])
		}
	}
}
