package cli_test

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/heapdump/heapdump/internal/cli"
	"github.com/heapdump/heapdump/internal/synth"
)

// evil is text that attacks a terminal, HTML, Markdown and a shell, behind a
// beginning that a spreadsheet takes for a formula.
func evil(start string) string {
	return start + "1+1<img src=x onerror=alert(1)></script><script>alert(2)</script>[x](javascript:alert(3))|`$(touch owned)`\"'\x1b]0;owned\x07\u009b31m\u202egpj\r\n::error::owned\n"
}

// hostileDump has evil text wherever a dump has text: the names of modules,
// threads, handles and their types, the image, the command line, the
// environment, the comments, a block, and the file names of a debug C runtime.
func hostileDump(t *testing.T) string {
	t.Helper()
	p := synth.Damaged()
	p.ImagePath, p.Command = `C:\`+evil("="), evil("-")
	p.Environment = []string{"A=" + evil("@"), evil("+") + "=x"}
	for i, start := range []string{"=", "+", "-", "@"} {
		p.Modules = append(p.Modules, synth.Module{Base: 0x7ffa40000000 + uint64(i)<<24, Size: 0x10000, Name: `C:\x\` + evil(start)})
	}
	p.Modules[0].Name = evil("=")
	before := p.Prepare
	p.Prepare = func(b *synth.Built) {
		before(b)
		b.Image.Write(p.Modules[0].Base+0x9000, []byte(evil("@")+"\x00"))
		for _, x := range b.Heaps[0].Only(synth.StateBusy) {
			if x.Size == 100 {
				b.Image.Write(x.User, []byte(evil("=")[:99]))
			}
		}
	}
	b := p.Build()
	d := b.Redump()
	d.CommentA, d.CommentW = evil("="), evil("+")
	d.AddThreadName(d.Threads[0].ID, evil("-"))
	d.Handles = &synth.HandleData{Handles: []synth.Handle{{Handle: 4, TypeName: evil("="), ObjectName: evil("@"), HandleCount: 2, PointerCount: 3}, {Handle: 8, TypeName: "File", ObjectName: evil("+")}}}
	path := filepath.Join(t.TempDir(), "app.dmp")
	if err := os.WriteFile(path, d.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestHostileText: nothing that a dump says reaches a terminal, a page, a
// table of Markdown, a spreadsheet or a runner as anything but text, whatever
// the command and its format.
func TestHostileText(t *testing.T) {
	path := hostileDump(t)
	commands := [][]string{{"summary"}, {"info"}, {"heaps"}, {"modules"}, {"modules", "--sections"}, {"threads"}, {"threads", "--stacks"}, {"handles"}, {"peb"}, {"teb"}, {"exception"},
		{"stat"}, {"stat", "--by", "type"}, {"owners"}, {"owners", "--by", "site,content,class,part"}, {"leaks"}, {"retained"}, {"walk"}, {"walk", "--stacks"}, {"check"}, {"triage"}, {"address", "--summary"}, {"address"},
		{"search", "--text", "img"}, {"hex", "0x7ff6c0019000", "0x80"}, {"stack", "all"}}
	formats := judges()
	ran := map[string]int{}
	for _, c := range commands {
		for format, judge := range formats {
			args := append(append([]string{}, c...), "--format", format)
			if format == "windbg" {
				args = append(append([]string{}, c...), "--style", "windbg")
			}
			w := newWorld(map[string]string{"GITHUB_ACTIONS": "true"})
			if code := cli.Main(context.Background(), append(args, path), w.Env); code == 2 {
				continue // no such format there
			} else if code != 0 && code != 1 {
				t.Errorf("%v: exit %d: %s", args, code, w.stderr.String())
				continue
			}
			ran[format]++
			t.Run(strings.Join(args, " "), func(t *testing.T) {
				judge(t, w.stdout.String())
				visible(t, w.stderr.String())
				noCommand(t, w.stdout.String()+"\n"+w.stderr.String())
			})
		}
	}
	for format := range formats {
		if ran[format] == 0 {
			t.Errorf("no command has --format %s", format)
		}
	}
}

// judges are by format the rules that an output holds.
func judges() map[string]func(*testing.T, string) {
	return map[string]func(*testing.T, string){"text": visible, "csv": noFormula, "json": sound, "ndjson": eachSound, "markdown": noMarkup, "html": noScript,
		"sarif": sound, "junit": elements, "folded": visible, "windbg": func(t *testing.T, s string) { visible(t, strings.ReplaceAll(s, "\t", " ")) }} // its columns have tabs
}

// visible: no control character but the end of a line, and nothing that turns
// or hides text.
func visible(t *testing.T, s string) {
	t.Helper()
	for i, r := range s {
		if r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028') {
			t.Fatalf("%q stands in %q", r, s[max(i-40, 0):min(i+40, len(s))])
		}
	}
}

// annotation is how heapdump's own commands to a runner begin; what follows
// is text.
var annotation = regexp.MustCompile(`^::(error|warning) file=[^:,]+,title=heapdump HD[0-9]+::`)

// noCommand: no line is a command to a runner of GitHub Actions but heapdump's
// own annotations.
func noCommand(t *testing.T, s string) {
	t.Helper()
	for _, line := range strings.FieldsFunc(s, func(r rune) bool { return r == '\n' || r == '\r' }) {
		if strings.HasPrefix(strings.TrimSpace(line), "::") && !annotation.MatchString(line) {
			t.Errorf("a runner takes for its command: %q", line)
		}
	}
}

func sound(t *testing.T, s string) {
	t.Helper()
	if !json.Valid([]byte(s)) {
		t.Errorf("no JSON: %.300s", s)
	}
}

func eachSound(t *testing.T, s string) {
	t.Helper()
	for _, l := range strings.Split(strings.TrimSuffix(s, "\n"), "\n") {
		if l != "" && !json.Valid([]byte(l)) {
			t.Errorf("no JSON: %.300s", l)
		}
	}
}

// noFormula: every field is a number or begins like no formula.
func noFormula(t *testing.T, s string) {
	t.Helper()
	rows, err := csv.NewReader(strings.NewReader(s)).ReadAll()
	if err != nil {
		t.Error(err)
	}
	for _, row := range rows {
		for _, f := range row {
			if _, err := strconv.ParseFloat(f, 64); err != nil && f != "" && strings.ContainsRune("=+-@\t\r", rune(f[0])) {
				t.Errorf("a spreadsheet takes %.60q for a formula", f)
			}
		}
	}
}

// noMarkup: no tag, no link to a script.
func noMarkup(t *testing.T, s string) {
	t.Helper()
	visible(t, s)
	for _, bad := range []string{"<img", "<script", "</script", "[x](javascript"} {
		if at := strings.Index(s, bad); at >= 0 {
			t.Errorf("%q stands in %.120q", bad, s[max(at-30, 0):])
		}
	}
}

// noScript: what the dump says stands in the page as text alone.
func noScript(t *testing.T, s string) {
	t.Helper()
	for _, bad := range []string{"<img src=x", "<script>alert", "\x1b", "\u202e", "\u009b"} {
		if at := strings.Index(s, bad); at >= 0 {
			t.Errorf("%q stands in %.120q", bad, s[max(at-60, 0):])
		}
	}
	if !strings.Contains(s, "Content-Security-Policy") {
		t.Error("the page has no policy")
	}
}

// elements: JUnit is well-formed XML without control characters.
func elements(t *testing.T, s string) {
	t.Helper()
	visible(t, s)
	for d := xml.NewDecoder(strings.NewReader(s)); ; {
		_, err := d.Token()
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Errorf("%v: %.200s", err, s)
			return
		}
	}
}
