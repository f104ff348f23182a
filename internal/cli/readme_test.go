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
			out = append(out, session{line: i + 1, args: strings.Fields(l)[2:]})
			s = &out[len(out)-1]
		case s != nil:
			s.shown = append(s.shown, l)
		}
	}
	return out
}

// TestReadme: what README.md shows of a command is what the command prints. A
// line of … stands for any number of lines, and so does the end of a block
// after one.
func TestReadme(t *testing.T) {
	root := filepath.Join("..", "..")
	text, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(root)
	all := sessions(string(text))
	if len(all) < 8 {
		t.Fatalf("only %d commands found", len(all))
	}
	for _, s := range all {
		w := newWorld(nil)
		if code := cli.Main(context.Background(), s.args, w.Env); code != 0 && code != 1 {
			t.Errorf("README.md:%d: exit %d: %s", s.line, code, w.stderr.String())
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
					t.Errorf("README.md:%d: no such line in the rest of the output: %q", s.line+i+1, l)
					break
				}
			}
			skip = false
			if n >= len(got) || got[n] != l {
				t.Errorf("README.md:%d: shown %q, printed %q", s.line+i+1, l, strings.Join(got[min(n, len(got)):min(n+1, len(got))], ""))
				break
			}
			got = got[n+1:]
		}
		if !skip && len(strings.TrimSpace(strings.Join(got, ""))) > 0 && len(s.shown) > 0 && !t.Failed() {
			t.Errorf("README.md:%d: more is printed: %q", s.line, got[0])
		}
	}
}
