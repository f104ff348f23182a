package refs_test

import (
	"bytes"
	"context"
	"fmt"
	"reflect"
	"runtime"
	"testing"

	"github.com/heapdump/heapdump/internal/analysis/refs"
	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/internal/target"
)

// TestBig: all of a list and of a tree of 40,000 blocks hang on one variable,
// and one processor says the same as several.
func TestBig(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for _, shape := range []synth.Shape{synth.List, synth.Tree} {
		var raw bytes.Buffer
		truth, err := synth.WriteBig(&raw, synth.BigOptions{Bytes: 8 << 20, Blocks: 40_000, Heaps: 2, Shape: shape})
		if err != nil {
			t.Fatal(err)
		}
		tg, err := target.Parse("big", raw.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		var serial []string
		for _, procs := range []int{1, 4} {
			runtime.GOMAXPROCS(procs)
			r, err := refs.Take(context.Background(), tg, refs.Steps{})
			if err != nil {
				t.Fatal(err)
			}
			var sets []refs.Set
			reached := 0
			r.In(tg.Heaps, func(id refs.ID) {
				sets = append(sets, r.Set(id))
				if r.Set(id) == refs.Reachable {
					reached++
				}
			})
			if r.Len() != truth.Busy || reached < truth.Busy*8/10 || shape == synth.List && reached != truth.Busy {
				t.Errorf("%v: %d of %d reached, the truth has %d", shape, reached, r.Len(), truth.Busy)
			}
			d, err := r.Dominators(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			top := d.Largest(1, true)
			if len(top) != 1 || top[0].Blocks != reached {
				t.Errorf("%v: %+v, want one variable that retains %d blocks", shape, top, reached)
			}
			s := d.Suspects(nil)
			if len(s) == 0 || s[0].Length < 100 {
				t.Errorf("%v: %+v", shape, s)
			}
			got := []string{fmt.Sprint(sets), fmt.Sprint(d.Largest(50, false)), fmt.Sprint(s), fmt.Sprint(r.Edges, r.Words, r.Counts)}
			if serial == nil {
				serial = got
			} else if !reflect.DeepEqual(got, serial) {
				t.Errorf("%v: on %d processors another result than on one", shape, procs)
			}
		}
	}
}
