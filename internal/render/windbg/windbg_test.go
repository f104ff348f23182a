package windbg_test

import (
	"bufio"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/heapdump/heapdump/internal/render/windbg"
)

var rowPattern = regexp.MustCompile(`^([0-9a-f]{8}|[0-9a-f]{16}) ([0-9a-f]{8})\s+(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s+(\w*)\s*(\w*)\s*$`)

// parseRow reads a published row of !heap -s back into values.
func parseRow(line string) (windbg.Row, bool) {
	m := rowPattern.FindStringSubmatch(line)
	if m == nil {
		return windbg.Row{}, false
	}
	hex := func(s string) uint64 { n, _ := strconv.ParseUint(s, 16, 64); return n }
	dec := func(s string) int { n, _ := strconv.Atoi(s); return n }
	kib := func(s string) uint64 { return uint64(dec(s)) << 10 }
	r := windbg.Row{
		Bits: len(m[1]) * 4, Heap: hex(m[1]), Flags: uint32(hex(m[2])),
		Reserved: kib(m[3]), Committed: kib(m[4]), Virtual: kib(m[5]), Free: kib(m[6]),
		ListLength: dec(m[7]), UncommittedRanges: dec(m[8]), VirtualCount: dec(m[9]),
		Lock: m[10], FrontEnd: map[string]uint8{"L": 1, "LFH": 2}[m[11]],
	}
	if n, err := strconv.ParseUint(m[10], 16, 32); err == nil {
		r.Lock = windbg.Contention(uint32(n))
	}
	return r, true
}

// publishedRows are rows as debuggers printed them: x86 and x64, every kind of
// lock column, every front end, and columns that grew.
var publishedRows = []string{
	"001e0000 00000002    1024    148   1024     13     2     1    0      0   LFH",
	"63830000 00001001   10240  10240  10240    160    21     0    0    bad      ",
	"000d0000 00000002    1024    896    896      6     1     1    0      0   L  ",
	"00510000 08000002  162164 148972 162056  43273  1549    40  542     8a   LFH",
	"00310000 00001002 1682164 1669420 1682164   7769   618   318    1     23   LFH",
	"00000218f1710000 00000002   65320  14712  64928   5575   163    16    2      c   LFH",
}

func TestPublishedRows(t *testing.T) {
	for _, line := range publishedRows {
		r, ok := parseRow(line)
		if !ok {
			t.Errorf("cannot read %q", line)
			continue
		}
		if got := r.RowLine(); strings.TrimRight(got, " ") != strings.TrimRight(line, " ") {
			t.Errorf("got  %q\nwant %q", got, line)
		}
	}
}

// TestSamples renders every published row in the samples folder again, and
// asks for the fragmentation lines under exactly the rows that have them.
func TestSamples(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join("..", "..", "..", "..", "shared", "samples", "heap_*.txt"))
	if len(files) == 0 {
		t.Skip("no folder ../shared/samples beside the repository: published rows are not compared")
	}
	rows := 0
	for _, file := range files {
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		var lines []string
		for s := bufio.NewScanner(f); s.Scan(); {
			lines = append(lines, s.Text())
		}
		f.Close()
		for i, line := range lines {
			r, ok := parseRow(line)
			if !ok {
				continue
			}
			rows++
			if got := r.RowLine(); strings.TrimRight(got, " ") != strings.TrimRight(line, " ") {
				t.Errorf("%s:%d\ngot  %q\nwant %q", filepath.Base(file), i+1, got, line)
			}
			compareFragmentation(t, r, lines[i+1:])
		}
	}
	if rows != 133 {
		t.Errorf("%d published rows, want 133", rows)
	}
}

// TestNoLock: a heap without a lock says so in words of its own width.
func TestNoLock(t *testing.T) {
	r := windbg.Row{Bits: 64, Heap: 0x253215d0000, Flags: 1, Reserved: 16 << 10, Committed: 16 << 10, Virtual: 16 << 10, Free: 10 << 10,
		ListLength: 1, UncommittedRanges: 1, Lock: "N/A"}
	want := "00000253215d0000 00000001      16     16     16     10     1     1    0    N/A      "
	if got := r.RowLine(); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// compareFragmentation compares the lines under a row. Percentages may differ
// by one: the debugger divides bytes, a row has KiB.
func compareFragmentation(t *testing.T, r windbg.Row, next []string) {
	t.Helper()
	var b strings.Builder
	if err := windbg.WriteSummary(&b, windbg.Summary{Bits: r.Bits, Rows: []windbg.Row{r}}); err != nil {
		t.Fatal(err)
	}
	number := regexp.MustCompile(`(\w+) .*fragmentation  (\d+) %.*`)
	for _, kind := range []string{"External", "Virtual address"} {
		published, ours := -1, -1
		for _, l := range next[:min(2, len(next))] {
			if m := number.FindStringSubmatch(l); m != nil && strings.Contains(l, kind) {
				published, _ = strconv.Atoi(m[2])
			} else if _, isRow := parseRow(l); isRow {
				break
			}
		}
		for _, l := range strings.Split(b.String(), "\n") {
			if m := number.FindStringSubmatch(l); m != nil && strings.Contains(l, kind) {
				ours, _ = strconv.Atoi(m[2])
			}
		}
		if published >= 0 != (ours >= 0) || max(published-ours, ours-published) > 1 {
			t.Errorf("%x: %s fragmentation published %d, ours %d", r.Heap, kind, published, ours)
		}
	}
}

// article is the whole listing of a published Windows 7 x86 heap of 8 KiB with
// one block of 0x80 bytes in it, as !heap -a printed it.
const article = `Index   Address  Name      Debugging options enabled
  5:   002c0000 
    Segment at 002c0000 to 002c2000 (00001000 bytes committed)
    Flags:                00001000
    ForceFlags:           00000000
    Granularity:          8 bytes
    Segment Reserve:      00100000
    Segment Commit:       00002000
    DeCommit Block Thres: 00000200
    DeCommit Total Thres: 00002000
    Total Free Size:      0000013a
    Max. Allocation Size: 7ffdefff
    Lock Variable at:     002c0138
    Next TagIndex:        0000
    Maximum TagIndex:     0000
    Tag Entries:          00000000
    PsuedoTag Entries:    00000000
    Virtual Alloc List:   002c00a0
    Uncommitted ranges:   002c0090
            002c1000: 00001000  (4096 bytes)
    FreeList[ 00 ] at 002c00c4: 002c0618 . 002c0618  
        002c0610: 00088 . 009d0 [100] - free

    Segment00 at 002c0000:
        Flags:           00000000
        Base:            002c0000
        First Entry:     002c0588
        Last Entry:      002c2000
        Total Pages:     00000002
        Total UnCommit:  00000001
        Largest UnCommit:00000000
        UnCommitted Ranges: (1)

    Heap entries for Segment00 in Heap 002c0000
        002c0000: 00000 . 00588 [101] - busy (587)
        002c0588: 00588 . 00088 [101] - busy (80)
        002c0610: 00088 . 009d0 [100]
        002c0fe0: 009d0 . 00020 [111] - busy (1d)
        002c1000:      00001000      - uncommitted bytes.
`

func articleHeap() windbg.Heap {
	free := windbg.Entry{Address: 0x2c0610, Previous: 0x88, Size: 0x9d0, Encoded: true}
	entries := []windbg.Entry{
		{Address: 0x2c0000, Size: 0x588, Used: 0x587, Flags: 1, Encoded: true},
		{Address: 0x2c0588, Previous: 0x588, Size: 0x88, Used: 0x80, Flags: 1, Encoded: true},
		free,
		{Address: 0x2c0fe0, Previous: 0x9d0, Size: 0x20, Used: 0x1d, Flags: 1, Encoded: true, Sentinel: true},
		{Address: 0x2c1000, Size: 0x1000, Uncommitted: true},
	}
	return windbg.Heap{
		Bits: 32, Index: 5, Address: 0x2c0000, Flags: 0x1000, Unit: 8,
		SegmentReserve: 0x100000, SegmentCommit: 0x2000, DeCommitBlock: 0x200, DeCommitTotal: 0x2000,
		TotalFree: 0x13a, MaximumAllocation: 0x7ffdefff, Lock: 0x2c0138,
		VirtualAllocdBlocks: 0x2c00a0, UCRList: 0x2c0090,
		FreeLists: []windbg.FreeList{{Head: 0x2c00c4, Blink: 0x2c0618, Flink: 0x2c0618, Entries: []windbg.Entry{free}}},
		Segments: []windbg.Segment{{
			Address: 0x2c0000, Base: 0x2c0000, First: 0x2c0588, Last: 0x2c2000, Committed: 0x1000, Pages: 2, UnCommitted: 1,
			Uncommitted: []windbg.Uncommitted{{Address: 0x2c1000, Size: 0x1000}}, UncommittedRanges: 1,
		}},
		Entries: func(int) iter.Seq[windbg.Entry] { return slices.Values(entries) },
	}
}

func TestArticle(t *testing.T) {
	var b strings.Builder
	if err := windbg.WriteHeap(&b, articleHeap()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(article, b.String()); diff != "" {
		t.Error(diff)
	}
}

// TestEntryLines pins published entry lines of Vista, XP and 64-bit listings.
func TestEntryLines(t *testing.T) {
	for _, c := range []struct {
		entry windbg.Entry
		bits  int
		want  string
	}{
		{windbg.Entry{Address: 0xc107d8, Previous: 0x43c88, Size: 0x24238, Used: 0x24238, Flags: 0x41}, 32, "00c107d8: 43c88 . 24238 [41] - busy (24238), user flags (2)"},
		{windbg.Entry{Address: 0x250bc8, Previous: 0x38, Size: 0x40, Used: 0x24, Flags: 7}, 32, "00250bc8: 00038 . 00040 [07] - busy (24), tail fill"},
		{windbg.Entry{Address: 0x2527b0, Previous: 0x58, Size: 0x10, Flags: 4}, 32, "002527b0: 00058 . 00010 [04] free fill"},
		{windbg.Entry{Address: 0x2a4370, Previous: 0x98, Size: 0x1c90, Flags: 0x14}, 32, "002a4370: 00098 . 01c90 [14] free fill"},
		{windbg.Entry{Address: 0x1bf0820, Previous: 0x20, Size: 0x7c0}, 32, "01bf0820: 00020 . 007c0 [00]"},
		{windbg.Entry{Address: 0x4a1fc0, Previous: 0x1540, Size: 0x40, Used: 0x3d, Flags: 1, Encoded: true, Sentinel: true}, 64, "00000000004a1fc0: 01540 . 00040 [111] - busy (3d)"},
		{windbg.Entry{Address: 0x2a6000, Size: 0xaa000, Uncommitted: true}, 32, "002a6000:      000aa000      - uncommitted bytes."},
	} {
		if got := c.entry.Line(c.bits); got != c.want {
			t.Errorf("got  %q\nwant %q", got, c.want)
		}
	}
}

func ptr(n uint64) *uint64 { return &n }

// TestFound pins published answers of !heap -x.
func TestFound(t *testing.T) {
	for _, c := range []struct {
		found windbg.Found
		want  string
	}{
		{windbg.Found{Bits: 64, Entry: 0x3075810, User: 0x3075820, Heap: 0x640000, Segment: 0x2ee0000, Size: 0x8010, Previous: ptr(0x20), Unused: 0x31, Flags: 7},
			`Entry             User              Heap              Segment               Size  PrevSize  Unused    Flags
-------------------------------------------------------------------------------------------------------------
0000000003075810  0000000003075820  0000000000640000  0000000002ee0000      8010        20        31  busy extra fill 

`},
		{windbg.Found{Bits: 64, Entry: 0x234c1b1a9a0, User: 0x234c1b1a9b0, Heap: 0x234c1450000, Segment: 0x234c1a5e870, Size: 0x2c0, Unused: 0xf, Flags: 1, LFH: true},
			`Entry             User              Heap              Segment               Size  PrevSize  Unused    Flags
-------------------------------------------------------------------------------------------------------------
00000234c1b1a9a0  00000234c1b1a9b0  00000234c1450000  00000234c1a5e870       2c0      -            f  LFH;busy 

`},
		{windbg.Found{Bits: 32, Entry: 0x2057a8, User: 0x2057b0, Heap: 0x170000, Segment: 0x170640, Size: 0x58, Previous: ptr(0x58), Unused: 8, Flags: 3},
			`Entry     User      Heap      Segment       Size  PrevSize  Unused    Flags
-----------------------------------------------------------------------------
002057a8  002057b0  00170000  00170640        58        58         8  busy extra 

`},
	} {
		var b strings.Builder
		if err := windbg.WriteFound(&b, c.found.Bits, &c.found); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, b.String()); diff != "" {
			t.Error(diff)
		}
	}
}

func ExampleWriteSummary() {
	key := uint64(0x352f041c)
	var out strings.Builder
	err := windbg.WriteSummary(&out, windbg.Summary{Bits: 32, NtGlobalFlag: 0x1000, LFHKey: &key, Rows: []windbg.Row{{
		Bits: 32, Heap: 0x340000, Flags: 0x1002, Reserved: 64 << 10, Committed: 12 << 10, Virtual: 64 << 10, Free: 1 << 10,
		ListLength: 2, UncommittedRanges: 1, VirtualCount: 1, VirtualBlocks: []windbg.VirtualBlock{{Start: 0x39ee0000, Size: 0x101000}}, Lock: "0",
	}}})
	if err != nil {
		fmt.Println(err)
	}
	for line := range strings.Lines(out.String()) {
		fmt.Println(strings.TrimRight(line, " \n")) // rows end in blanks
	}
	// Output:
	// NtGlobalFlag enables following debugging aids for new heaps:
	//     stack back traces
	// LFH Key                   : 0x352f041c
	//   Heap     Flags   Reserv  Commit  Virt   Free  List   UCR  Virt  Lock  Fast
	//                     (k)     (k)    (k)     (k) length      blocks cont. heap
	// -----------------------------------------------------------------------------
	// Virtual block: 39ee0000 - 39fe1000 (size 00101000)
	// 00340000 00001002      64     12     64      1     2     1    1      0
	// -----------------------------------------------------------------------------
}
