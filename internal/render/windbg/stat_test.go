package windbg_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/heapdump/heapdump/internal/render/windbg"
)

var statPattern = regexp.MustCompile(`^    ([0-9a-f]+) ([0-9a-f]+) - ([0-9a-f]+)  \((\d+\.\d\d)\)$`)

// publishedStats are listings as debuggers printed them, and the bytes in use
// that alone fit all their shares (see TestStatTotalsFit).
var publishedStats = []struct {
	bits int
	heap uint64
	busy uint64
	text string
}{
	{32, 0x520000, 244360000, ` heap @ 00520000
group-by: TOTSIZE max-display: 20
    size     #blocks     total     ( %) (percent of total busy bytes)
    1f64 76c6 - e905f58  (99.99)
    1800 1 - 1800  (0.00)
    824 2 - 1048  (0.00)
`},
	{64, 0x15d85bb0000, 8787000, ` heap @ 0000015d85bb0000
group-by: TOTSIZE max-display: 20
    size     #blocks     total     ( %) (percent of total busy bytes)
    28 14b40 - 33c200  (38.60)
    24b238 1 - 24b238  (27.37)
    100000 1 - 100000  (11.93)
    90000 1 - 90000  (6.71)
    12f77 1 - 12f77  (0.88)
`},
}

func TestPublishedStats(t *testing.T) {
	for _, p := range publishedStats {
		s := windbg.Stat{Bits: p.bits, Heap: p.heap, Group: "TOTSIZE", Max: 20, Busy: p.busy}
		for _, l := range strings.Split(p.text, "\n") {
			if m := statPattern.FindStringSubmatch(l); m != nil {
				size, _ := strconv.ParseUint(m[1], 16, 64)
				blocks, _ := strconv.ParseUint(m[2], 16, 64)
				s.Rows = append(s.Rows, windbg.StatRow{Size: size, Blocks: blocks})
			}
		}
		var b strings.Builder
		if err := windbg.WriteStat(&b, s); err != nil {
			t.Fatal(err)
		}
		if b.String() != p.text {
			t.Errorf("got\n%s\nwant\n%s", b.String(), p.text)
		}
	}
}

// TestStatCut: rows beyond the most are not shown, and 0 shows all.
func TestStatCut(t *testing.T) {
	s := windbg.Stat{Bits: 32, Heap: 0x520000, Group: windbg.StatGroup("blocks"), Max: 1, Rows: []windbg.StatRow{{16, 2}, {8, 1}}}
	const head = " heap @ 00520000\ngroup-by: BLOCKCOUNT max-display: "
	const title = "\n    size     #blocks     total     ( %) (percent of total busy bytes)\n"
	for most, want := range map[int]string{
		1: head + "1" + title + "    10 2 - 20  (0.00)\n",
		0: head + "2" + title + "    10 2 - 20  (0.00)\n    8 1 - 8  (0.00)\n",
	} {
		s.Max = most
		var b strings.Builder
		if err := windbg.WriteStat(&b, s); err != nil || b.String() != want {
			t.Errorf("%d: %v\n%s", most, err, b.String())
		}
	}
}

// TestStatSamples renders the rows of every published listing again. Their
// totals are not published: a listing passes when one total fits all of its
// rows.
func TestStatSamples(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join("..", "..", "..", "..", "shared", "samples", "heap_*.txt"))
	if len(files) == 0 {
		t.Skip("no folder ../shared/samples beside the repository: published rows are not compared")
	}
	listings, rows := 0, 0
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var s windbg.Stat
		var want []string
		flush := func() {
			if len(want) > 0 {
				listings, rows = listings+1, rows+len(want)
				statFits(t, filepath.Base(file), s, want)
			}
			s, want = windbg.Stat{Bits: 32}, nil
		}
		flush()
		for _, l := range strings.Split(strings.ReplaceAll(string(b), "\r", ""), "\n") {
			m := statPattern.FindStringSubmatch(strings.TrimRight(l, " "))
			if m == nil {
				flush()
				continue
			}
			size, _ := strconv.ParseUint(m[1], 16, 64)
			blocks, _ := strconv.ParseUint(m[2], 16, 64)
			s.Rows = append(s.Rows, windbg.StatRow{Size: size, Blocks: blocks})
			want = append(want, m[0])
		}
		flush()
	}
	if listings < 6 || rows < 88 {
		t.Errorf("only %d rows in %d listings were found", rows, listings)
	}
}

// statFits looks for a total under which the rows come out as published.
func statFits(t *testing.T, name string, s windbg.Stat, want []string) {
	t.Helper()
	m := statPattern.FindStringSubmatch(want[0])
	total, _ := strconv.ParseUint(m[3], 16, 64)
	share, _ := strconv.ParseFloat(m[4], 64)
	lo, hi := float64(total)*100/(share+0.005), float64(total)*100/(share-0.005)
	best := 0
	for i := range 2000 {
		s.Busy = uint64(lo + (hi-lo)*float64(i)/2000)
		var b strings.Builder
		if err := windbg.WriteStat(&b, s); err != nil {
			t.Fatal(err)
		}
		got := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")[3:]
		same := 0
		for k := range want {
			if got[k] == want[k] {
				same++
			}
		}
		best = max(best, same)
	}
	if best != len(want) {
		t.Errorf("%s: at most %d of %d rows come out as published", name, best, len(want))
	}
}
