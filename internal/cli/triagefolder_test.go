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

// maxPeak is what triage of small dumps may take at a time, in bytes, however
// many they are; measured are 8 MiB for 200 dumps, four at a time.
const maxPeak = 64 << 20

// TestTriageFolder: of 200 mixed dumps none stops another, the result is the
// same bytes whatever --jobs is, and memory does not grow with their number.
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
		if most > maxPeak {
			t.Errorf("--jobs %s: %d MiB for %d dumps, more than %d", jobs, most>>20, n, maxPeak>>20)
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
	for i, d := range out.Dumps {
		if d.File != filepath.Join(dir, fmt.Sprintf("%04d.dmp", i)) {
			t.Errorf("%d is %s", i, d.File)
		}
		rules := ""
		for _, f := range d.Findings {
			rules += f.Rule + " "
		}
		switch i % 8 {
		case 0, 1:
			if d.Status != "ok" {
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
}

// grown is a dump of a program with so many blocks of 1,000 bytes.
func grown(t *testing.T, name string, blocks int) string {
	t.Helper()
	items := make([]synth.Item, blocks)
	for i := range items {
		items[i] = synth.Busy(1000)
	}
	p := synth.NewProcess(synth.Win10v1809, synth.X64)
	p.ImagePath = `C:\app\grow.exe`
	p.AddHeap(&synth.Heap{Address: 0x1d0000000, Segments: []synth.Segment{{Reserve: uint64(blocks)*0x400 + 0x100000, Items: items}}})
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, p.Build().Dump.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestTriageGrowth: a tenth and a megabyte more than the baseline says is a
// finding, a little less is none; growth is also what --fail-on compares.
func TestTriageGrowth(t *testing.T) {
	known := filepath.Join(t.TempDir(), "known.json")
	if code := cli.Main(context.Background(), []string{"baseline", "write", "--reason", "r", "-o", known, grown(t, "before.dmp", 11_000)}, newWorld(nil).Env); code != 0 {
		t.Fatalf("exit %d", code)
	}
	for _, c := range []struct {
		blocks int
		found  bool
		gate   string
		exit   int
	}{
		{12_101, true, "growth>5%", 1}, {12_098, false, "growth>5%", 1}, {12_098, false, "growth>10%", 0}, {11_000, false, "growth>0%", 0}, {9_000, false, "growth>5%", 0},
	} {
		got := triageOf(t, newWorld(nil), c.exit, "--baseline", known, "--fail-on", c.gate, grown(t, "after.dmp", c.blocks))
		found := false
		for _, f := range got.Dumps[0].Findings {
			if f.Rule != "HD1601" {
				continue
			}
			found = true
			if f.Fingerprint != "HD1601/grow.exe" || !strings.Contains(f.Evidence, "12,101,000 bytes are in use, 10.0 percent more than the 11,000,000 of the baseline.") {
				t.Errorf("%+v", f)
			}
		}
		if found != c.found {
			t.Errorf("%d blocks: %+v", c.blocks, got.Dumps[0].Findings)
		}
	}
}
