package symbols

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/heapdump/heapdump/pkg/minidump"
)

// FuzzFind: whatever a dump says its symbol file is called, no file outside
// the symbol folders is read, and nothing on another machine: the file beside
// the folder, which is a symbol file by its first bytes, is never the answer.
func FuzzFind(f *testing.F) {
	top := f.TempDir()
	inside := filepath.Join(top, "symbols")
	for _, p := range []string{"symbols/app.pdb/00000000000000000000000000000001", "outside"} {
		if err := os.MkdirAll(filepath.Join(top, p), 0o777); err != nil {
			f.Fatal(err)
		}
	}
	for _, p := range []string{"secret.pdb", "outside/secret.pdb", "symbols/app.pdb/x.pdb"} {
		if err := os.WriteFile(filepath.Join(top, p), []byte("Microsoft C/C++ MSF 7.00\r\n\x1aDS\x00\x00\x00"), 0o666); err != nil {
			f.Fatal(err)
		}
	}
	for _, s := range []string{"app.pdb", `C:\x\app.pdb`, `..\secret.pdb`, "../secret.pdb", `..`, ".", "", "a", "/etc/passwd", `\\host\share\x.pdb`, "C:", "x\x00.pdb", "aux", "..pdb", "app.pdb/..", `a\..\..\secret.pdb`} {
		f.Add(s, "srv*"+s+"*https://example.com;"+s)
	}
	f.Fuzz(func(t *testing.T, name, path string) {
		x := &finder{folders: []string{inside}, lists: map[string]map[string]string{}}
		file, found := x.find(minidump.CodeView{Kind: "RSDS", PDB: name})
		if file == nil && found.Why == "" {
			t.Fatalf("%q: no file and no reason", name)
		}
		for folder, list := range x.lists {
			if folder != inside && !strings.HasPrefix(folder, inside+string(filepath.Separator)) {
				t.Fatalf("%q: %s was looked into", name, folder)
			}
			_ = list
		}
		if found.Path != "" && !strings.HasPrefix(found.Path, inside+string(filepath.Separator)) {
			t.Fatalf("%q: %s was opened", name, found.Path)
		}
		folders, _ := ParsePath(path)
		for _, w := range folders {
			if w == "" || Network(w) || strings.ContainsAny(w, ";*") {
				t.Fatalf("%q gives the folder %q", path, w)
			}
		}
	})
}
