package cli_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/pprof/profile"

	"github.com/heapdump/heapdump/internal/cli"
	"github.com/heapdump/heapdump/internal/specimen"
	"github.com/heapdump/heapdump/internal/srum/srumtest"
)

// fuzzed are command lines for the dump {dump}, one a line: every command,
// each form that it prints, and addresses that the specimen has.
const fuzzed = `
info {dump} -f json
info {dump}
summary {dump} -f json
summary {dump} -f text --human --strict
summary {dump} -f html
summary {dump} --style windbg
summary {dump} -f json --budget 6KB
heaps {dump} -f json
heaps {dump} --style windbg
heap {heap} {dump} -f json
heap {heap2} {dump}
heap process {dump} --style windbg
walk {dump} --heap all -f ndjson
walk {dump} --heap all -f csv --stacks
walk {dump} --heap {heap} --style windbg
walk {dump} --heap all --sort size --limit 20 -f json --state busy --crt always
walk {dump} -f text --heap {heap2} --limit 50
find {block} {dump} -f json
find {heap} {dump}
find {block} {dump} --style windbg
check {dump} -f json
check {dump} --fail-on corruption -f markdown
leaks {dump} -f json --blocks
leaks {dump} -f html --unaligned
leaks {dump} -f folded
leaks {dump} -f pprof -o {out}
refs {block} {dump} -f json --depth 3
refs {block} {dump} --dot
retained {dump} -f json --by type
retained {dump} --by root
why {block} {dump} -f json
owners {dump} -f json --by stack,type
owners {dump} --by site,module,heap,content,part
owners {dump} -f folded
owners {dump} -f pprof -o {out}
stat {dump} -f csv --per-heap
stat {dump} --style windbg
search --pointer {block} {dump} -f json
search --text a {dump} --limit 9
search --number 71 {dump} -f markdown
hex {block} 0x200 {dump} --words -f json
hex {heap} 0x1000 {dump}
dt _HEAP {heap} {dump} --depth 2 -f json
dt _PEB {peb} {dump} --depth 3
dt _TEB {teb} {dump}
dt _HEAP_SEGMENT {heap} {dump} -f csv
dt _HEAP_ENTRY {block} {dump}
address {dump} -f ndjson
address {dump} --summary -f json
address {block} {dump}
address {dump} --summary --style windbg
handles {dump} -f json --unreferenced
handles {dump} --style windbg
modules {dump} -f json --sections
modules {dump} --style windbg
threads {dump} -f json --stacks
threads {dump}
stack all {dump} -f json
stack all {dump} --style windbg
teb {dump} -f json
peb {dump} -f json
peb {dump} --style windbg
exception {dump} -f json
exception {dump}
ln {image} {dump} -f json
ln {block} {dump}
context --srum {srum} {dump} -f json
triage {dump} -f json
triage {dump} -f html
triage {dump} -f sarif --fail-on severity>=low
triage {dump} -f junit
triage {dump} -f csv
baseline write --reason fuzz {dump} -o {out}
diff {healthy} {dump} --force -f json
diff {dump} {healthy} --force --all
diff {healthy} {dump} {dump} --force -f markdown --fail-on growth>5%
windbg !heap${space}-a${space}{heap} {dump}
windbg !address${space}-summary;!teb;lm;~*k;!handle {dump}
`

// fuzzCommands are the lines of fuzzed, cut at spaces.
func fuzzCommands() (out [][]string) {
	database, err := srumtest.Sample()
	for _, l := range strings.Split(strings.TrimSpace(fuzzed), "\n") {
		if strings.Contains(l, "{srum}") && err != nil {
			continue // the sample is not here
		}
		words := strings.Fields(strings.ReplaceAll(l, "{srum}", database))
		for i := range words {
			words[i] = strings.ReplaceAll(words[i], "${space}", " ")
		}
		out = append(out, words)
	}
	return out
}

// fuzzBench is what FuzzReport works with.
type fuzzBench struct {
	specimens []*specimen.Specimen
	commands  [][]string
	healthy   []string // files of the specimens
	dir       string
}

func newFuzzBench(tb testing.TB) *fuzzBench {
	b := &fuzzBench{specimens: append(specimen.Rich(), specimen.All()...), commands: fuzzCommands(), dir: tb.TempDir()}
	for _, s := range b.specimens {
		path := filepath.Join(b.dir, s.Name+".dmp")
		if err := os.WriteFile(path, s.Data, 0o666); err != nil {
			tb.Fatal(err)
		}
		b.healthy = append(b.healthy, path)
	}
	return b
}

// args are the words of a command line for a damaged dump of a specimen.
func (b *fuzzBench) args(words []string, which int) []string {
	s := b.specimens[which]
	hex := func(v uint64) string { return fmt.Sprintf("%#x", v) }
	r := strings.NewReplacer("{dump}", b.dump(), "{out}", b.out(), "{healthy}", b.healthy[which], "{heap}", hex(s.Heaps[0]),
		"{heap2}", hex(s.Heaps[len(s.Heaps)-1]), "{block}", hex(s.Block), "{peb}", hex(s.PEB), "{teb}", hex(s.TEB), "{image}", hex(s.Image+0x1234))
	out := slices.Clone(words)
	for i := range out {
		out[i] = r.Replace(out[i])
	}
	return out
}

func (b *fuzzBench) dump() string { return filepath.Join(b.dir, "app.dmp") }
func (b *fuzzBench) out() string  { return filepath.Join(b.dir, "out") }

// run runs a command line over a damaged dump, and holds what comes of it to
// the laws of its format.
func (b *fuzzBench) run(t *testing.T, which, command int, data []byte) {
	if err := os.WriteFile(b.dump(), data, 0o666); err != nil {
		t.Fatal(err)
	}
	words := b.commands[command]
	args := b.args(words, which)
	w := newWorld(nil)
	code := cli.Main(context.Background(), args, w.Env)
	if !allowed(words, code) {
		t.Errorf("%v: exit %d: %.2000s", args, code, w.stderr.String())
	}
	if code != 0 && code != 1 && code != 4 && words[0] != "triage" && words[0] != "windbg" && w.stdout.Len() > 0 {
		t.Fatalf("%v: exit %d with output on stdout", args, code)
	}
	visible(t, w.stderr.String())
	if code == 0 || w.stdout.Len() > 0 {
		b.judge(t, words, w.stdout.String())
	}
	if left, _ := filepath.Glob(filepath.Join(b.dir, ".*.tmp")); len(left) > 0 {
		t.Fatalf("%v: left %v", args, left)
	}
	os.Remove(b.out())
}

// allowed reports whether a command may end with a code: 2 is for those that
// name what a damaged dump need not have.
func allowed(words []string, code int) bool {
	has := func(w string) bool { return slices.Contains(words, w) }
	switch code {
	case 0, 3:
		return true
	case 1:
		return has("--fail-on")
	case 2:
		return has("{heap}") || has("{heap2}") || has("process") || has("{block}") || has("{teb}") || has("{peb}") || has("--budget") ||
			slices.Contains([]string{"teb", "stack", "windbg", "diff"}, words[0])
	case 4:
		return has("--strict")
	}
	return false
}

// judge holds an output to the laws of its format.
func (b *fuzzBench) judge(t *testing.T, words []string, out string) {
	format := "text"
	if at := slices.Index(words, "-f"); at >= 0 {
		format = words[at+1]
	}
	switch format {
	case "json", "sarif":
		sound(t, out)
	case "ndjson":
		eachSound(t, out)
	case "csv":
		noFormula(t, out)
	case "markdown":
		noMarkup(t, out)
	case "html":
		noScript(t, out)
	case "junit":
		elements(t, out)
	case "pprof":
		data, err := os.ReadFile(b.out())
		if err == nil {
			_, err = profile.Parse(bytes.NewReader(data))
		}
		if err != nil {
			t.Fatalf("%v: %v", words, err)
		}
	default:
		if slices.Contains(words, "--style") || words[0] == "windbg" { // the debugger's columns have tabs
			out = strings.ReplaceAll(out, "\t", " ")
		}
		visible(t, out)
	}
	if slices.Contains(words, "--budget") && len(out) > 6000 {
		t.Fatalf("%v: %d bytes", words, len(out))
	}
}

// FuzzReport: whatever is done to a dump of any family, every command ends by
// itself with an exit code for a dump or for none, leaves no file behind that
// was not asked for, and what it prints is sound by the rules of its format.
// The edits change single fields of structures that are sound otherwise.
func FuzzReport(f *testing.F) {
	b := newFuzzBench(f)
	for i := range max(len(b.commands), len(b.specimens)) {
		edits := make([]byte, specimen.EditBytes)
		binary.LittleEndian.PutUint16(edits, uint16(61*i))
		edits[2], edits[3] = byte(i), byte(3*i)
		f.Add(uint8(i), uint8(i), edits)
	}
	f.Fuzz(func(t *testing.T, which, command uint8, edits []byte) {
		s := int(which) % len(b.specimens)
		b.run(t, s, int(command)%len(b.commands), b.specimens[s].Mutate(edits))
	})
}

// FuzzReportBytes: as FuzzReport, over dumps whose bytes are changed anywhere:
// four bytes of an edit say where, one how many, the rest what is written.
func FuzzReportBytes(f *testing.F) {
	b := newFuzzBench(f)
	for i := range b.commands {
		f.Add(uint8(i), uint8(i), uint32(0), []byte{byte(i), 8, 0, 0, 3, 1, 2, 3, 4})
	}
	f.Add(uint8(0), uint8(0), uint32(0x400), []byte(nil))
	f.Fuzz(func(t *testing.T, which, command uint8, cut uint32, edits []byte) {
		s := int(which) % len(b.specimens)
		data := damage(b.specimens[s].Data, edits)
		if cut > 0 {
			data = data[:int(cut)%len(data)]
		}
		b.run(t, s, int(command)%len(b.commands), data)
	})
}

// damage applies edits to a dump.
func damage(data, edits []byte) []byte {
	out := append([]byte(nil), data...)
	for len(edits) >= 6 {
		at, n := int(binary.LittleEndian.Uint32(edits)%uint32(len(out))), int(edits[4])%8+1
		edits = edits[5:]
		n = min(n, len(edits), len(out)-at)
		copy(out[at:], edits[:n])
		edits = edits[n:]
	}
	return out
}

// TestFuzzCommands: over the sound specimens every one of the command lines
// makes its report, and every command is among them.
func TestFuzzCommands(t *testing.T) {
	b := newFuzzBench(t)
	seen := map[string]bool{}
	for i, words := range b.commands {
		seen[words[0]] = true
		for which := range 2 {
			w := newWorld(nil)
			if err := os.WriteFile(b.dump(), b.specimens[which].Data, 0o666); err != nil {
				t.Fatal(err)
			}
			if code := cli.Main(context.Background(), b.args(words, which), w.Env); code != 0 && code != 1 && (code != 4 || !slices.Contains(words, "--strict")) {
				t.Errorf("%v: exit %d: %s", b.args(words, which), code, w.stderr.String())
			}
		}
		b.run(t, 1, i, b.specimens[1].Data)
	}
	w := newWorld(nil)
	cli.Main(context.Background(), []string{"__complete", ""}, w.Env)
	lines := strings.Split(w.stdout.String(), "\n")
	if len(lines) < 30 {
		t.Fatalf("the commands are %q", lines)
	}
	for _, l := range lines {
		c, _, command := strings.Cut(l, "\t")
		if command && !seen[c] && !slices.Contains([]string{"completion", "config", "context", "man", "schema", "version", "help"}, c) {
			t.Errorf("no line has %s", c)
		}
	}
}
