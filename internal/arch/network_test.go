package arch

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// TestNoNetwork: no package of the program can reach a network (net/url only splits text), start another
// program or load code. What measures the program and what builds
// its releases may start others.
func TestNoNetwork(t *testing.T) {
	all, err := imports(os.DirFS("../.."))
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 50 {
		t.Fatalf("%d packages", len(all))
	}
	for dir, list := range all {
		for _, p := range list {
			if !slices.Contains([]string{"internal/bench", "internal/dist"}, dir) && (slices.Contains([]string{"net", "os/exec", "plugin"}, p) || strings.HasPrefix(p, "net/") && p != "net/url") {
				t.Errorf("%s imports %s", dir, p)
			}
		}
	}
}
