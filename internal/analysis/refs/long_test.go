package refs_test

import (
	"bufio"
	"context"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"testing"

	"github.com/heapdump/heapdump/internal/analysis/refs"
	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/internal/target"
)

// TestHugeList: one singly linked list of 200,000 blocks, or of as many as
// HEAPDUMP_LONG says (make test-long: 10 million), is reached, dominated and told
// as one suspect, on stacks that may not grow beyond 512 KiB (recursion along it
// ends the process), and in 64 bytes of memory a block at most.
func TestHugeList(t *testing.T) {
	n := 200_000
	if s := os.Getenv("HEAPDUMP_LONG"); s != "" {
		var err error
		if n, err = strconv.Atoi(s); err != nil {
			t.Fatal("HEAPDUMP_LONG: ", err)
		}
	} else {
		t.Log("200,000 blocks; 10 million take 12 s and 800 MB of disk: make test-long")
	}
	path := filepath.Join(t.TempDir(), "long.dmp")
	busy := writeList(t, path, n)
	tg, err := target.Open(path, target.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer tg.Close()
	defer debug.SetMaxStack(debug.SetMaxStack(512 << 10))
	r, err := refs.Take(context.Background(), tg, refs.Steps{})
	if err != nil {
		t.Fatal(err)
	}
	reached := 0
	r.In(tg.Heaps, func(id refs.ID) {
		if r.Set(id) == refs.Reachable {
			reached++
		}
	})
	if reached != busy || r.Len() != busy {
		t.Errorf("%d of %d reached, %d are in the list", reached, r.Len(), busy)
	}
	d, err := r.Dominators(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if top := d.Largest(1, true); len(top) != 1 || top[0].Blocks != busy {
		t.Errorf("%+v, want one variable that retains %d blocks", top, busy)
	}
	if s := d.Suspects(nil); len(s) == 0 || s[0].Shape != "list" {
		t.Errorf("%+v, want a list", s)
	}
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	if most := uint64(64*busy + 32<<20); m.HeapAlloc > most {
		t.Errorf("%d bytes for %d blocks, at most %d are wanted", m.HeapAlloc, busy, most)
	}
	runtime.KeepAlive(d)
}

// writeList writes a dump whose blocks in use are one list, and returns how many
// they are.
func writeList(t *testing.T, path string, n int) int {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := bufio.NewWriterSize(f, 1<<20)
	truth, err := synth.WriteBig(w, synth.BigOptions{Bytes: uint64(n) * 80, Blocks: n, Shape: synth.List})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return truth.Busy
}
