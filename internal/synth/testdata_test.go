package synth_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/heapdump/heapdump/internal/synth"
)

var update = flag.Bool("update", false, "write the dumps in testdata again")

// TestTestdata is the recipe of the dumps in testdata/dumps, and holds them to
// it: go test ./internal/synth -run Testdata -update writes them again.
func TestTestdata(t *testing.T) {
	file := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join("..", "..", "pkg", "pdb", "testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for name, build := range map[string]func() []byte{
		"demo.dmp":          func() []byte { return synth.Demo().Build().Dump.Bytes() },
		"damaged.dmp":       func() []byte { return synth.Damaged().Build().Dump.Bytes() },
		"leak.dmp":          func() []byte { return synth.Leak().Build().Dump.Bytes() },
		"shop/shop.dmp":     func() []byte { return synth.Shop(file("shop-x64.exe")).Build().Dump.Bytes() },
		"shop/shop.pdb":     func() []byte { return file("shop-x64.pdb") },
		"shop-x86/shop.dmp": func() []byte { return synth.ShopX86(file("shop-x86.exe")).Build().Dump.Bytes() },
		"shop-x86/shop.pdb": func() []byte { return file("shop-x86.pdb") },
	} {
		path := filepath.Join("..", "..", "testdata", "dumps", filepath.FromSlash(name))
		want := build()
		if *update {
			if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, want, 0o666); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not what its recipe makes; -update writes it again", path)
		}
	}
}
