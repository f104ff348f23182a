package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/heapdump/heapdump/internal/cli"
	"github.com/heapdump/heapdump/internal/synth"
)

// mixed fills a folder with n dumps: good ones, damaged heaps, cut ones,
// hostile ones with bytes or whole pages overwritten, and what is no dump.
func mixed(t *testing.T, n int) string {
	t.Helper()
	demo, damaged := synth.Demo().Build().Dump.Bytes(), synth.Damaged().Build().Dump.Bytes()
	dir, rng := t.TempDir(), rand.New(rand.NewPCG(7, 7))
	for i := range n {
		var data []byte
		switch i % 8 {
		case 0, 1:
			data = demo
		case 2:
			data = damaged
		case 3:
			data = demo[:rng.IntN(len(demo))]
		case 4:
			data = damaged[:len(damaged)-rng.IntN(len(damaged)/2)]
		case 5: // counts and sizes of the file's own structures
			data = bytes.Clone(demo)
			for range 20 {
				data[4+rng.IntN(4000)] = byte(rng.IntN(256))
			}
		case 6: // pages of nothing but ones
			data = bytes.Clone(demo)
			for at := 8192 + rng.IntN(4096); at+4096 < len(data); at += 4096 * (2 + rng.IntN(8)) {
				copy(data[at:], bytes.Repeat([]byte{0xff}, 4096))
			}
		default:
			data = [][]byte{nil, []byte("MDMP"), []byte("no dump"), bytes.Repeat([]byte("PAGEDU64"), 4096)}[i/8%4]
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%04d.dmp", i)), data, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// peak is the most heap that a function had in use beyond what was before it.
func peak(do func()) uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	before, most := m.HeapAlloc, m.HeapAlloc
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		var m runtime.MemStats
		for tick := time.NewTicker(5 * time.Millisecond); ; {
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapAlloc)
			select {
			case <-stop:
				tick.Stop()
				return
			case <-tick.C:
			}
		}
	})
	do()
	close(stop)
	wg.Wait()
	return most - before
}

// What triage of small dumps may take, in bytes: for the dumps that it reads at
// a time, and for what it says of each, which it keeps until all are read, to
// group it (and this test keeps it as JSON). Measured are 7 MiB for 200 dumps
// and 73 MiB for 4,000, one or four at a time: 17 KiB a dump.
const (
	maxPeak    = 32 << 20
	maxPerDump = 24 << 10
)

// TestTriageFolder: of 200 mixed dumps none stops another, the result is the
// same bytes whatever --jobs is, and memory grows by what is said of them only.
// HEAPDUMP_FOLDER has another number of dumps.
func TestTriageFolder(t *testing.T) {
	n := 200
	if s := os.Getenv("HEAPDUMP_FOLDER"); s != "" {
		if _, err := fmt.Sscan(s, &n); err != nil || n < 8 {
			t.Fatalf("HEAPDUMP_FOLDER=%s is no number from 8", s)
		}
	}
	dir := mixed(t, n)
	outputs := make([]string, 0, 2)
	for _, jobs := range []string{"1", "4"} {
		w := newWorld(nil)
		code := 0
		most := peak(func() {
			code = cli.Main(context.Background(), []string{"triage", "--jobs", jobs, "--format", "json", dir}, w.Env)
		})
		if code != 0 {
			t.Fatalf("--jobs %s: exit %d: %s", jobs, code, w.stderr.String())
		}
		if limit := uint64(maxPeak + n*maxPerDump); most > limit {
			t.Errorf("--jobs %s: %d MiB for %d dumps, more than %d", jobs, most>>20, n, limit>>20)
		}
		t.Logf("--jobs %s: at most %d KiB of heap for %d dumps", jobs, most>>10, n)
		outputs = append(outputs, w.stdout.String())
	}
	if outputs[0] != outputs[1] {
		t.Error("the output depends on --jobs")
	}
	var out triageJSON
	if err := json.Unmarshal([]byte(outputs[0]), &out); err != nil {
		t.Fatal(err)
	}
	if len(out.Dumps) != n {
		t.Fatalf("%d dumps of %d", len(out.Dumps), n)
	}
	for i := range out.Dumps {
		expectMixed(t, &out, i, filepath.Join(dir, fmt.Sprintf("%04d.dmp", i)))
	}
}

// expectMixed holds what was said of a dump of mixed against what it is.
func expectMixed(t *testing.T, out *triageJSON, i int, file string) {
	t.Helper()
	d := &out.Dumps[i]
	if d.File != file {
		t.Errorf("%d is %s", i, d.File)
	}
	rules := ""
	for _, f := range d.Findings {
		rules += f.Rule + " "
	}
	switch i % 8 {
	case 0, 1:
		if d.Status == "error" {
			t.Errorf("%d, a good one: %+v", i, d)
		}
	case 2:
		if rules != "HD1101 HD1102 " {
			t.Errorf("%d, a damaged one: %s", i, rules)
		}
	case 3, 4:
		if d.Status == "ok" {
			t.Errorf("%d, a cut one: %+v", i, d)
		}
	case 7:
		if d.Status != "error" || rules != "HD1901 " {
			t.Errorf("%d, no dump: %+v", i, d)
		}
	}
	if strings.Contains(rules, "HD1903") {
		t.Errorf("%d: a fault of ours: %+v", i, d.Findings)
	}
}
