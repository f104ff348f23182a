package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/heapdump/heapdump/internal/render"
	"github.com/heapdump/heapdump/internal/report"
)

// FuzzWords: addresses, budgets and lines of a summary of any text are read or
// refused; an address means the same when it is written as reports write it.
func FuzzWords(f *testing.F) {
	for _, s := range []string{"", "0x", "0x29fb0000", "29fb0000h", "00000000`29fb0000", "+1", "-1", "0x`", "h", "ffffffffffffffff", "0xfffffffffffffffff", "process", "16KB", "1e9", "0", "99999999999TB", "2 mb", "1099511627777", "1099511627776mb"} {
		f.Add(s, uint8(3))
	}
	f.Fuzz(func(t *testing.T, s string, room uint8) {
		for _, bare := range []bool{false, true} {
			a, err := ParseAddr(s, bare)
			if err != nil {
				continue
			}
			for _, again := range []string{fmt.Sprintf("%v", a), fmt.Sprintf("%#x", uint64(a)), fmt.Sprintf("%08x`%08x", uint64(a)>>32, uint64(a)&0xffffffff)} {
				if b, err := ParseAddr(again, false); err != nil || b != a {
					t.Fatalf("%q is %v, and %q is %v, %v", s, a, again, b, err)
				}
			}
		}
		if n, err := parseBudget(s); err == nil {
			if m, err := parseBudget(strconv.Itoa(n)); n <= 0 || n <= 1<<40 && (err != nil || m != n) {
				t.Fatalf("%q is %d, and again %d, %v", s, n, m, err)
			}
		}
		if cut := cutSummary([]byte(s), int(room)); len(cut) > int(room) || len(s) <= int(room) && string(cut) != s {
			t.Fatalf("%d bytes of %d in room for %d", len(cut), len(s), room)
		}
	})
}

// FuzzBudget: a document of any tables within any budget has no more bytes than
// that, is whole by the rules of its format, and has no row that the document
// has not; where nothing fits, the error names a budget that does.
func FuzzBudget(f *testing.F) {
	f.Add("row", uint16(600), uint8(40), uint8(3), uint8(0))
	f.Add("\x1b\u202e<b>|", uint16(2000), uint8(90), uint8(1), uint8(1))
	f.Add("a", uint16(1), uint8(0), uint8(0), uint8(2))
	f.Fuzz(func(t *testing.T, s string, budget uint16, rows, tables, which uint8) {
		d := &report.Document{Title: "T", Notes: []string{s}}
		for i := range int(tables) % 5 {
			x := report.Table{Key: "t" + strconv.Itoa(i), Title: s, Columns: []report.Column{{Key: "n", Title: "N", Kind: report.Count}, {Key: "s", Title: "S"}}}
			for n := range int(rows) {
				x.Rows = append(x.Rows, []any{uint64(n), s})
			}
			d.Tables = append(d.Tables, x)
		}
		name := []string{"text", "json", "markdown"}[int(which)%3]
		a := &app{flags: common{format: name, budget: strconv.Itoa(int(budget) + 1)}}
		var out bytes.Buffer
		err := a.withinBudget(&out, d, render.Options{Format: formatNames[name]})
		if err != nil {
			var fail *failure
			_, rest, _ := strings.Cut(err.Error(), "has ")
			least, _, _ := strings.Cut(rest, " ")
			a.flags.budget = least
			if !errors.As(err, &fail) || fail.code != exitUsage || out.Len() > 0 || a.withinBudget(&out, d, render.Options{Format: formatNames[name]}) != nil {
				t.Fatalf("%v; and with %s bytes not either", err, least)
			}
		}
		if n, _ := strconv.Atoi(a.flags.budget); out.Len() > n {
			t.Fatalf("%d bytes in a budget of %d", out.Len(), n)
		}
		if name != "json" {
			return
		}
		var v map[string]any
		if err := json.Unmarshal(out.Bytes(), &v); err != nil {
			t.Fatalf("%v: %s", err, out.String())
		}
		for i := range d.Tables {
			list, _ := v["t"+strconv.Itoa(i)].([]any)
			for n, r := range list {
				if got := r.(map[string]any)["n"]; got != float64(n) {
					t.Fatalf("row %d of table %d is %v", n, i, got)
				}
			}
		}
	})
}
