package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
)

// most is the anonymous memory that a command may use, in KiB.
const most = 512 << 10

// TestHuge: a dump of HEAPDUMP_HUGE bytes, nearly all of them a hole, has
// right answers in bounded memory. `make test-huge` runs it.
func TestHuge(t *testing.T) {
	size, _ := strconv.ParseUint(os.Getenv("HEAPDUMP_HUGE"), 10, 64)
	if size < 1<<30 {
		t.Skip("HEAPDUMP_HUGE has no size of a GiB or more: `make test-huge` runs this test with a sparse dump of 24 GiB")
	}
	heapdump, path := filepath.Join("..", "..", "bin", "heapdump"), filepath.Join(t.TempDir(), "huge.dmp")
	truth, err := generate(path, huge(size))
	if err != nil {
		t.Skipf("a sparse file of %d bytes cannot be written here: %v", size, err)
	}
	if used, ok := stored(path); !ok || used > 2<<30 {
		t.Skipf("this file system has no sparse files: %d bytes are stored of %d", used, size)
	}
	within := func(args ...string) {
		t.Helper()
		c, err := measure(append([]string{heapdump}, args...), []string{"GOMEMLIMIT=off"}, false)
		if err != nil {
			t.Fatalf("%v: %v", args, err)
		}
		t.Logf("%v: %.2f CPU s, %.2f s, %d MiB anonymous", args, c.cpu.Seconds(), c.wall.Seconds(), c.anon>>10)
		if c.anon > most {
			t.Errorf("%v: %d KiB of anonymous memory", args, c.anon)
		}
	}
	say := func(args ...string) []byte {
		t.Helper()
		cmd := exec.Command(heapdump, args...)
		var problems bytes.Buffer
		cmd.Stderr = &problems
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%v: %v: %s", args, err, problems.String())
		}
		return out
	}
	var heaps struct {
		Heaps []struct {
			Busy uint64 `json:"busy_blocks"`
			Free uint64 `json:"free_blocks"`
			User uint64 `json:"busy_bytes"`
		} `json:"heaps"`
	}
	if err := json.Unmarshal(say("summary", "-q", "--format", "json", path), &heaps); err != nil {
		t.Fatal(err)
	}
	if h := heaps.Heaps; len(h) != 1 || h[0].Busy != uint64(truth.Busy) || h[0].Free != uint64(truth.Free) || h[0].User != truth.BusyUser {
		t.Errorf("summary says %+v of %+v", h, truth)
	}
	lines := bytes.Count(say("walk", "-q", "--heap", "all", "--format", "ndjson", path), []byte{'\n'})
	if lines != truth.Blocks {
		t.Errorf("walk has %d lines of %d blocks", lines, truth.Blocks)
	}
	for _, args := range [][]string{{"summary"}, {"check"}, {"walk", "--heap", "all", "--format", "ndjson"}, {"leaks"}} {
		within(append(args, "-q", path)...)
	}
}
