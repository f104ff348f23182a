package cli_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/heapdump/heapdump/internal/cli"
	"github.com/heapdump/heapdump/internal/srum/srumtest"
)

// TestContextDocumented: docs/json.md names every key of heapdump context.
func TestContextDocumented(t *testing.T) {
	database, err := srumtest.Sample()
	if err != nil {
		t.Skip(err)
	}
	doc, err := os.ReadFile(filepath.Join("..", "..", "docs", "json.md"))
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(nil)
	if code := cli.Main(context.Background(), []string{"context", "--srum", database, "--format", "json", demo(t)}, w.Env); code != 0 {
		t.Fatalf("exit %d: %s", code, w.stderr.String())
	}
	var v any
	if err := json.Unmarshal(w.stdout.Bytes(), &v); err != nil {
		t.Fatal(err)
	}
	valid(t, schemas{}, []string{"context", "--srum", database, demo(t)})
	found := map[string]bool{}
	keys(v, found)
	for k := range found {
		if !strings.Contains(string(doc), "`"+k+"`") {
			t.Errorf("docs/json.md does not name `%s`", k)
		}
	}
	has(t, "the document", v.(map[string]any), "srum matches candidates total days hours tables coverage")
}
