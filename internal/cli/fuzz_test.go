package cli_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/heapdump/heapdump/internal/cli"
	"github.com/heapdump/heapdump/internal/synth"
)

// damage applies edits to a dump: four bytes say where, one how many bytes,
// the rest what is written there.
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

// asksForOne are the commands that name something which a damaged dump need
// not have: wrong usage, by their exit code.
var asksForOne = map[string]bool{"heap": true, "dt": true, "why": true, "teb": true}

// FuzzReport: whatever is done to a dump, every command ends by itself with an
// exit code for a dump or for none, and what it prints as JSON is JSON.
func FuzzReport(f *testing.F) {
	dumps := [][]byte{synth.Article001(3, 0x2c0000).Build().Dump.Bytes(), synth.Demo().Build().Dump.Bytes()}
	r := rand.New(rand.NewPCG(7, 11))
	for i := range 8 {
		edits := make([]byte, 12*i)
		for k := range edits {
			edits[k] = byte(r.Uint32())
		}
		f.Add(uint8(i), uint32(0), edits)
	}
	f.Add(uint8(0), uint32(0x400), []byte(nil))
	commands := [][]string{{"summary", "--format", "json"}, {"info", "--format", "json"}, {"heap", "0", "--format", "json"}, {"walk", "--format", "json"},
		{"find", "0x2c0600", "--format", "json"}, {"heaps", "--format", "json"}, {"heap", "0", "--style", "windbg"}, {"summary", "--style", "windbg"},
		{"walk", "--style", "windbg"}, {"find", "1c0aa400f40", "--style", "windbg"}, {"summary"}, {"heap", "process"}, {"info"},
		{"handles", "--unreferenced", "--format", "json"}, {"handles", "--style", "windbg"}, {"modules", "--sections", "--format", "json"},
		{"threads", "--format", "json"}, {"exception", "--format", "json"}, {"exception"}, {"peb", "--format", "json"}, {"teb", "--format", "json"},
		{"hex", "0x1c0aa400750", "0x200", "--words", "--format", "json"}, {"dt", "_HEAP", "0x1c0aa400000", "--depth", "2", "--format", "json"},
		{"dt", "_PEB", "0x9d1e4e1000", "--depth", "2", "--format", "json"}, {"dt", "_HEAP_ENTRY", "0x1c0aa400740"},
		{"address", "--summary", "--format", "json"}, {"address", "0x1c0aa400f40", "--format", "json"}, {"ln", "0x7ffa3d261234", "--format", "json"},
		{"leaks", "--format", "json"}, {"retained", "--format", "json"}, {"why", "0x1c0aa4027b0", "--format", "json"}, {"owners", "--format", "json"},
		{"stat", "--format", "json"}, {"search", "--number", "71", "--format", "json"}, {"check", "--format", "json"}, {"summary", "--format", "html"}, {"triage", "--format", "html"}}
	for i := range commands {
		f.Add(uint8(2*i+1), uint32(0), []byte{0, 8, 0, 0, 3, 1, 2, 3, 4})
	}
	path := filepath.Join(f.TempDir(), "app.dmp")
	f.Fuzz(func(t *testing.T, which uint8, cut uint32, edits []byte) {
		data := damage(dumps[which%2], edits)
		if cut > 0 {
			data = data[:int(cut)%len(data)]
		}
		if err := os.WriteFile(path, data, 0o666); err != nil {
			t.Fatal(err)
		}
		args := commands[int(which/2)%len(commands)]
		w := newWorld(nil)
		code := cli.Main(context.Background(), append(args, path), w.Env)
		switch {
		case code != 0 && code != 3 && (code != 2 || !asksForOne[args[0]]):
			t.Fatalf("%v: exit %d: %s", args, code, w.stderr.String())
		case code == 0 && args[len(args)-1] == "json" && !json.Valid(w.stdout.Bytes()):
			t.Fatalf("%v: no JSON: %s", args, w.stdout.String())
		case code != 0 && w.stdout.Len() > 0:
			t.Fatalf("%v: exit %d with output on stdout", args, code)
		}
	})
}
