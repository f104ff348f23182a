package refs_test

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/heapdump/heapdump/internal/analysis/refs"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/memory"
)

// realPath is the path of a file in the folder of real dumps; the test is
// skipped when it is not there.
func realPath(t testing.TB, name string) string {
	t.Helper()
	dir := os.Getenv("HEAPDUMP_REAL")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "..", "shared", "dumps")
	}
	path := filepath.Join(dir, name)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("the real dumps are not here (%v); set HEAPDUMP_REAL to the folder that has them", err)
	}
	return path
}

func openReal(t testing.TB, name string) *target.Target {
	t.Helper()
	tg, err := target.Open(realPath(t, name+".dmp.zst"), target.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tg.Close() })
	return tg
}

// reach runs every phase over all heaps.
func reach(t testing.TB, tg *target.Target) *refs.Reach {
	t.Helper()
	ctx := context.Background()
	b, err := refs.Collect(ctx, tg.Heaps, nil)
	if err != nil {
		t.Fatal(err)
	}
	g, err := b.Index().Graph(ctx, tg, refs.Options{})
	if err != nil {
		t.Fatal(err)
	}
	roots, err := g.Roots(ctx, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := roots.Reach(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// live is what the program that made a dump wrote of one block.
type live struct {
	user  memory.Addr
	reach string
}

// readLive reads the truth beside a dump.
func readLive(t *testing.T, name string) []live {
	t.Helper()
	f, err := os.Open(realPath(t, name+".truth.json.zst"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := zstd.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	raw, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	var truth struct{ Heaps []struct{ Live [][]any } }
	if err := json.Unmarshal(raw, &truth); err != nil {
		t.Fatal(err)
	}
	var out []live
	for _, h := range truth.Heaps {
		for _, l := range h.Live {
			out = append(out, live{memory.Addr(l[0].(float64)), l[4].(string)})
		}
	}
	return out
}

// TestTruth: no block that the program can reach is called unreachable, and
// of those that it cannot, all are but for as many as words that look like
// pointers can keep (the truth's own figure: up to 3 on x64, 46 on x86).
func TestTruth(t *testing.T) {
	for name, allowed := range map[string]int{
		"gen-enc-w7-x64.own": 3, "gen-enc-w7-x86.own": 46, "gen-std-w7-x64.dbghelp": 3, "gen-dbg-w7-x86.own": 46,
		"gen-dph-ros-x64.own": 3, "gen-corrupt-w7enc-x64.own": 3,
	} {
		t.Run(name, func(t *testing.T) {
			r := reach(t, openReal(t, name))
			counts := map[string]map[refs.Set]int{}
			missed := 0
			for _, l := range readLive(t, name) {
				id, ok := r.At(l.user)
				if !ok || r.User(id) != l.user {
					if name != "gen-corrupt-w7enc-x64.own" {
						t.Errorf("%v is in no block", l.user)
					}
					continue
				}
				set := r.Set(id)
				if counts[l.reach] == nil {
					counts[l.reach] = map[refs.Set]int{}
				}
				counts[l.reach][set]++
				switch l.reach {
				case "G", "S", "I":
					if set.Unreachable() || set == refs.Kept {
						t.Errorf("false leak: %v, truth %s, is %v", l.user, l.reach, set)
					}
				default:
					if !set.Unreachable() {
						missed++
					}
				}
			}
			if missed > allowed {
				t.Errorf("%d unreachable blocks were missed, allowed are %d", missed, allowed)
			}
			c, known := r.Chance()
			t.Logf("%v, missed %d, chance %.1f %v", counts, missed, c, known)
		})
	}
}
