//go:build unix

package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/heapdump/heapdump/internal/cli"
	"github.com/heapdump/heapdump/internal/srum/srumtest"
)

// evilName is evil as the name of a file.
func evilName(start string) string { return strings.ReplaceAll(evil(start), "/", "|") }

// evilPDB is the shop's PDB with a function and a source file that attack.
// The names keep their lengths.
func evilPDB(t *testing.T) []byte {
	t.Helper()
	pdb, err := os.ReadFile(filepath.Join("..", "..", "testdata", "dumps", "shop", "shop.pdb"))
	if err != nil {
		t.Fatal(err)
	}
	pdb = bytes.ReplaceAll(pdb, []byte("Cart::total"), []byte("\x1b]0;\x07<img >`"))
	return bytes.ReplaceAll(pdb, []byte("cart.cpp"), []byte("\x1b]0<img>"))
}

// evilSRUM is a database of SRUM in which a program has a name that attacks,
// or nothing where the sample is not to be had.
func evilSRUM(t *testing.T) []byte {
	t.Helper()
	path, err := srumtest.Sample()
	if err != nil {
		t.Log("without SRUM: ", err)
		return nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	wide := func(s string) (out []byte) {
		for _, u := range utf16.Encode([]rune(s)) {
			out = append(out, byte(u), byte(u>>8))
		}
		return out
	}
	return bytes.ReplaceAll(data, wide("MsMpEng.exe"), wide("\x1b]0;\u202e<img>`"))
}

// sources is a folder with what text comes from beside the dump's content,
// hostile each: the dump's own name, that of a broken one, of a folder, of
// another baseline and config; symbols, SRUM, a known finding's reason.
type sources struct{ dump, broken, folder, symbols, shop, srum, known, config string }

func hostileSources(t *testing.T) (s sources) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), evilName("$"))
	s = sources{folder: dir, dump: filepath.Join(dir, evilName("-")+".dmp"), broken: filepath.Join(dir, evilName("=")+".dmp"), symbols: filepath.Join(dir, evilName("+")),
		shop: filepath.Join("..", "..", "testdata", "dumps", "shop", "shop.dmp"), known: filepath.Join(dir, evilName("@")), config: filepath.Join(dir, evilName(":")+".yaml")}
	data, err := os.ReadFile(hostileDump(t))
	if err != nil {
		t.Fatal(err)
	}
	known, err := json.Marshal(map[string]any{"version": 1, "findings": []any{map[string]any{"fingerprint": "HD1101/" + evil("="), "title": evil("+"), "reason": evil("-"), "expires": "2020-01-31"},
		map[string]any{"fingerprint": "HD1101/x", "reason": evil("@")}}})
	if err := errors.Join(err, os.MkdirAll(s.symbols, 0o777), os.WriteFile(s.dump, data, 0o666), os.WriteFile(s.broken, data[:900], 0o666), os.WriteFile(filepath.Join(s.symbols, "shop.pdb"), evilPDB(t), 0o666),
		os.WriteFile(s.known, known, 0o666), os.WriteFile(s.config, []byte("owners:\n  module: \"\\e]0;owned\\a\\u202e`$(touch owned)`<img src=x>\"\n"), 0o666)); err != nil {
		t.Fatal(err)
	}
	if db := evilSRUM(t); db != nil {
		s.srum = filepath.Join(dir, "srum"+evilName("+"))
		if err := os.WriteFile(s.srum, db, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// TestHostileSources: as TestHostileText, for what is no content of the dump:
// the names of files and folders, symbols, SRUM, baselines, the config and the
// command line itself, in results and in errors.
func TestHostileSources(t *testing.T) {
	s := hostileSources(t)
	commands := [][]string{
		{"summary", s.dump}, {"leaks", s.dump}, {"leaks", "--roots=" + evil("-"), s.dump}, {"stat", s.dump}, {"find", "0x7ff6c0019000", s.dump}, {"walk", s.dump}, {"check", s.dump}, {"owners", s.dump}, {"address", s.dump},
		{"diff", s.dump, s.dump}, {"diff", "--force", s.shop, s.dump}, {"diff", "--force", "--by", "module", s.shop, s.dump}, {"diff", "--by", "handles", "--force", s.shop, s.dump}, {"triage", s.dump}, {"triage", s.folder}, {"triage", s.broken}, {"triage", "--baseline", s.known, s.dump}, {"baseline", "show", s.known},
		{"summary", s.broken}, {"summary", s.folder}, {"summary", s.dump + "no"}, {"summary", "--config", s.config, s.dump}, {"owners", "--config", s.config, s.dump}, {"config", "--config", s.config}, {"config", "--config", s.known},
		{"stack", "--symbols", s.symbols, s.shop}, {"stack", "--symbols", evil("x"), s.shop}, {"owners", "--by", "site", "--symbols", s.symbols, s.shop}, {"triage", "--symbols", s.symbols, s.shop}, {"ln", "0x140001132", "--symbols", s.symbols, s.shop},
		{"refs", "0x1c0aa400750", "--dot", "--symbols", s.symbols, s.shop}, {"modules", "--symbols", s.symbols, s.shop}, {"search", "--text", evil("="), s.dump}, {"owners", "--module", evil("="), s.dump}, {"find", evil("="), s.dump}, {"dt", evil("="), s.dump}, {"heap", evil("="), s.dump},
		{"stat", "--by", evil("="), s.dump}, {"summary", "--" + evil("x"), s.dump}, {evil("x")}, {"summary", "--also", evil("="), s.dump}, {"triage", "--fail-on", evil("="), s.dump}, {"windbg", evil("!"), s.dump}, {"schema", evil("=")},
		{"summary", "-o", filepath.Join(s.folder, "no", evilName("=")), s.dump}, {"man", filepath.Join(s.dump, "x")},
	}
	if s.srum != "" {
		commands = append(commands, []string{"context", "--srum", s.srum, "--app", "0;", s.shop}, []string{"context", "--srum", s.srum, "--app", evil("="), s.shop}, []string{"context", "--srum", s.dump, s.shop})
	}
	for i, c := range commands {
		onTerminal(t, c)
		for format, judge := range judges() {
			args := append(append([]string{}, c...), "--format", format)
			if format == "windbg" {
				args = append(append([]string{}, c...), "--style", "windbg")
			}
			w := newWorld(map[string]string{"GITHUB_ACTIONS": "true"})
			t.Run(fmt.Sprintf("%d %.9q as %s", i, c[0], format), func(t *testing.T) {
				code := cli.Main(context.Background(), args, w.Env)
				if code == 5 || code > 0 && w.stderr.Len() == 0 {
					t.Errorf("exit %d: %s", code, w.stderr.String())
				}
				visible(t, w.stderr.String())
				noCommand(t, w.stdout.String()+"\n"+w.stderr.String())
				if w.stdout.Len() > 0 {
					judge(t, w.stdout.String())
				}
			})
		}
	}
}

// onTerminal: what a person sees of a command acts on no terminal, in any
// format.
func onTerminal(t *testing.T, command []string) {
	t.Helper()
	for _, format := range []string{"text", "json", "ndjson", "csv", "markdown", "html", "sarif", "junit"} {
		w := newWorld(nil)
		w.Env.StdoutTerminal = true
		cli.Main(context.Background(), append(append([]string{}, command...), "--format", format, "--color", "never"), w.Env)
		shown := strings.NewReplacer("\r\n", "\n", "\t", " ").Replace(w.stdout.String())
		t.Run(fmt.Sprintf("%.9q on a terminal as %s", command[0], format), func(t *testing.T) { visible(t, shown) })
	}
}
