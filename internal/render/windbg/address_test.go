package windbg_test

import (
	"bufio"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/heapdump/heapdump/internal/render/windbg"
)

var (
	addressRow     = regexp.MustCompile("^(.{0,36}?)\\s+(\\d+)\\s+([0-9a-f`]+) \\(\\s*[\\d.]+ (\\w\\w)\\)\\s*([\\d.]+%)?\\s+([\\d.]+)%$")
	largestRow     = regexp.MustCompile("^(.{0,32}?)\\s+([0-9a-f`]+)\\s+([0-9a-f`]+) \\(\\s*[\\d.]+ (\\w\\w)\\)$")
	addressHeading = regexp.MustCompile(`^--- (\w+)`)
)

// published is the numbers of one published !address -summary, and its rows as
// they were printed.
type published struct {
	windbg.AddressSummary
	rows, largest []string
}

// readAddressSummary reads the numbers of a published summary back.
func readAddressSummary(t *testing.T, file string) published {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	hex := func(s string) uint64 {
		n, err := strconv.ParseUint(strings.ReplaceAll(s, "`", ""), 16, 64)
		if err != nil {
			t.Error(err)
		}
		return n
	}
	x := published{AddressSummary: windbg.AddressSummary{Bits: 32}}
	var rows *[]windbg.AddressRow
	for s := bufio.NewScanner(f); s.Scan(); {
		line := strings.TrimRight(s.Text(), "\r")
		if m := addressHeading.FindStringSubmatch(line); m != nil {
			rows = map[string]*[]windbg.AddressRow{"Usage": &x.Usage, "Type": &x.Type, "State": &x.State, "Protect": &x.Protect}[m[1]]
			continue
		}
		if strings.Contains(line, "`") {
			x.Bits = 64
		}
		if m := addressRow.FindStringSubmatch(line); m != nil && rows != nil {
			n, _ := strconv.Atoi(m[2])
			r := windbg.AddressRow{Name: strings.TrimSpace(m[1]), Regions: n, Bytes: hex(m[3]), Free: m[5] == ""}
			*rows = append(*rows, r)
			x.rows = append(x.rows, line)
			x.Old = x.Old || m[4] == "kb"
			if rows == &x.Usage {
				x.Total += r.Bytes
				if r.Free {
					x.FreeBytes = r.Bytes
				}
			}
		} else if m := largestRow.FindStringSubmatch(line); m != nil && rows == nil {
			x.Largest = append(x.Largest, windbg.AddressLargest{Name: strings.TrimSpace(m[1]), Base: hex(m[2]), Bytes: hex(m[3])})
			x.largest = append(x.largest, line)
		}
	}
	return x
}

// TestAddressSamples prints the numbers of every published summary again: 94
// rows, byte for byte. In one file the name <unknown> was lost on the way.
func TestAddressSamples(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join("..", "..", "..", "..", "shared", "samples", "address_summary_*.txt"))
	if len(files) == 0 {
		t.Skip("no folder ../shared/samples beside the repository: published rows are not compared")
	}
	same := 0
	compare := func(file, got, want string) {
		if strings.HasPrefix(want, "    ") { // without its name
			got, want = strings.TrimSpace(got), strings.TrimSpace(want)
		} else {
			same++
		}
		if got != want {
			t.Errorf("%s\ngot  %q\nwant %q", filepath.Base(file), got, want)
		}
	}
	for _, file := range files {
		x := readAddressSummary(t, file)
		i := 0
		for _, rows := range [][]windbg.AddressRow{x.Usage, x.Type, x.State, x.Protect} {
			for _, r := range rows {
				compare(file, x.Row(r), x.rows[i])
				i++
			}
		}
		for i, l := range x.Largest {
			compare(file, x.LargestRow(l), x.largest[i])
		}
	}
	if same != 94 {
		t.Errorf("%d published rows, want 94", same)
	}
}

// TestAddressRows are published rows of each form, for where the folder of
// samples is not there.
func TestAddressRows(t *testing.T) {
	x64 := windbg.AddressSummary{Bits: 64, Total: 0x7fffffff0000, FreeBytes: 0x7df974541000}
	x86 := windbg.AddressSummary{Bits: 32, Old: true, Total: 0x7fff0000, FreeBytes: 0x2e40000}
	for _, x := range []struct{ got, want string }{
		{x64.Row(windbg.AddressRow{Name: "Free", Regions: 579, Bytes: 0x7df974541000, Free: true}),
			"Free                                    579     7df9`74541000 ( 125.974 TB)           98.42%"},
		{x64.Row(windbg.AddressRow{Name: "TEB", Regions: 38, Bytes: 0x4c000}),
			"TEB                                      38        0`0004c000 ( 304.000 kB)   0.00%    0.00%"},
		{x86.Row(windbg.AddressRow{Name: "Heap", Regions: 340, Bytes: 0x3c876000}),
			"Heap                                    340          3c876000 ( 968.461 Mb)  48.38%   47.29%"},
		{x64.LargestRow(windbg.AddressLargest{Name: "<unknown>", Base: 0x7dfdd8ac0000, Bytes: 0x1f768898000}),
			"<unknown>                              7dfd`d8ac0000      1f7`68898000 (   1.966 TB)"},
		{x86.LargestRow(windbg.AddressLargest{Name: "Stack", Base: 0x2cf0000, Bytes: 0xfd000}),
			"Stack                                        2cf0000             fd000 (1012.000 kb)"},
	} {
		if x.got != x.want {
			t.Errorf("got  %q\nwant %q", x.got, x.want)
		}
	}
}

// TestAddressHuge: a region of all the address space there is is no reason to
// divide by zero or to overflow.
func TestAddressHuge(t *testing.T) {
	all := windbg.AddressSummary{Bits: 64, Total: ^uint64(0)}
	if got := all.Row(windbg.AddressRow{Name: "<unknown>", Regions: 1, Bytes: ^uint64(0)}); !strings.HasSuffix(got, "100.00%  100.00%") {
		t.Errorf("%q", got)
	}
	free := windbg.AddressSummary{Bits: 32, Total: 0x1000, FreeBytes: 0x1000}
	if got := free.Row(windbg.AddressRow{Name: "MEM_FREE", Regions: 1, Bytes: 0x1000, Free: true}); !strings.HasSuffix(got, "         100.00%") {
		t.Errorf("%q", got)
	}
}

// TestAddressOne is a published answer.
func TestAddressOne(t *testing.T) {
	var b strings.Builder
	err := windbg.WriteAddress(&b, windbg.Address{
		Bits: 32, Usage: "Heap", Base: 0x1800000, End: 0x180f000, State: 0x1000, StateWord: "MEM_COMMIT", Protect: 4, ProtectWord: "PAGE_READWRITE",
		Type: 0x20000, TypeWord: "MEM_PRIVATE", AllocationBase: 0x1800000, AllocGuard: 4, AllocationWord: "PAGE_READWRITE",
		Info:  []string{"heap owning the address: !heap 0x1800000", "heap segment", "heap entry containing the address: !heap -x 0x1805a86"},
		Saved: true, Length: 0x180f000 - 0x1805a86,
	})
	if err != nil {
		t.Fatal(err)
	}
	want := `
Usage:                  Heap
Base Address:           01800000
End Address:            0180f000
Region Size:            0000f000 (  60.000 kB)
State:                  00001000          MEM_COMMIT
Protect:                00000004          PAGE_READWRITE
Type:                   00020000          MEM_PRIVATE
Allocation Base:        01800000
Allocation Protect:     00000004          PAGE_READWRITE
More info:              heap owning the address: !heap 0x1800000
More info:              heap segment
More info:              heap entry containing the address: !heap -x 0x1805a86


Content source: 1 (target), length: 957a
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}
