package target_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/crtheap"
	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
)

// crtTruth is a row of crt_blocks: block, data, size, use, file, line,
// request, state, heap, layout.
type crtTruth struct {
	block, data, size, use uint64
	file                   string
	line, request          uint32
	state, form            string
}

func readCRTTruth(t *testing.T, name string) map[memory.Addr]crtTruth {
	t.Helper()
	var raw struct {
		Blocks [][10]any `json:"crt_blocks"`
	}
	if err := json.Unmarshal(content(t, name+".truth.json.zst"), &raw); err != nil {
		t.Fatal(err)
	}
	out := map[memory.Addr]crtTruth{}
	for _, r := range raw.Blocks {
		n := func(i int) uint64 { return uint64(int64(r[i].(float64))) }
		out[memory.Addr(n(0))] = crtTruth{n(0), n(1), n(2), n(3), r[4].(string), uint32(n(5)), uint32(n(6)), r[7].(string), r[9].(string)}
	}
	return out
}

// crtSeen is what all heaps of a dump hold of debug blocks and fills.
type crtSeen struct {
	headers  map[memory.Addr]crtheap.Header
	findings map[memory.Addr]crtheap.Finding // by header
	chains   []crtheap.Chain
	fills    []string
	filled   int // blocks whose fill was checked
}

func crtLook(t *testing.T, tg *target.Target) crtSeen {
	t.Helper()
	out := crtSeen{headers: map[memory.Addr]crtheap.Header{}, findings: map[memory.Addr]crtheap.Finding{}}
	for _, h := range tg.Heaps {
		if h.NT == nil {
			continue
		}
		var list crtheap.List
		for b := range h.NT.Blocks(nil) {
			if f, bad := h.NT.CheckFills(b); bad {
				out.fills = append(out.fills, fmt.Sprintf("%s %v, %d bytes from %v", f.Rule, b.Addr, f.Bytes, f.At))
			}
			if b.Flags&heap.FlagFill != 0 {
				out.filled++
			}
			if b.State != heap.Busy {
				continue
			}
			x, ok := crtheap.Recognise(tg.Space, h.Bits, b)
			if !ok {
				continue
			}
			out.headers[x.Addr] = x
			list.Add(x)
			for _, f := range x.Check(tg.Space) {
				if _, twice := out.findings[f.Block]; twice {
					t.Errorf("a second finding: %v", f.Problem(h.Address))
				}
				out.findings[f.Block] = f
			}
		}
		w := list.Walk(tg.Space)
		out.chains = append(out.chains, w.Chains...)
		for _, f := range w.Findings {
			t.Errorf("list: %v", f.Problem(h.Address))
		}
	}
	return out
}

// TestCRTTruth holds the debug blocks of the generated dumps against what the
// program that made them wrote down: every one with its fields, each planted
// overrun and underrun, and nothing else; and no fill of the debug heap
// differs.
func TestCRTTruth(t *testing.T) {
	for name, filled := range map[string]int{"gen-enc-w7-x64.own": 0, "gen-enc-w7-x86.own": 0, "gen-std-w7-x64.dbghelp": 0, "gen-dbg-w7-x86.own": 14000, "gen-corrupt-w7enc-x64.own": 0} {
		t.Run(name, func(t *testing.T) {
			tg, truth := openReal(t, name), readCRTTruth(t, name)
			got := crtLook(t, tg)
			if len(got.headers) != len(truth) {
				t.Errorf("%d debug blocks, truth %d", len(got.headers), len(truth))
			}
			planted, names := 0, map[memory.Addr]string{}
			for a, want := range truth {
				h, ok := got.headers[a]
				if !ok {
					t.Errorf("%v is not recognised: %+v", a, want)
					continue
				}
				sameCRT(t, h, want)
				if n, seen := names[h.File]; seen && n != want.file {
					t.Errorf("%v is both %q and %q", h.File, n, want.file)
				}
				names[h.File] = want.file
				if n, ok := h.FileName(tg.Space); ok { // the dumps have zeros there
					t.Errorf("%v is %q", h.File, n)
				}
				planted += samePlanted(t, got.findings, a, want)
			}
			if len(truth) > 0 && len(names) != 2 {
				t.Errorf("%d source files: %v", len(names), names)
			}
			if planted != len(got.findings) || len(truth) > 0 && planted != 4 {
				t.Errorf("%d planted damages of %d found: %v", planted, len(got.findings), got.findings)
			}
			for _, c := range got.chains {
				if !c.Whole() || c.Blocks != 120 || c.Others != 0 {
					t.Errorf("chain %+v", c)
				}
			}
			if len(got.chains) != len(truth)/120 || len(got.fills) != 0 || got.filled < filled {
				t.Errorf("%d chains, %d blocks with fills, %v", len(got.chains), got.filled, got.fills)
			}
		})
	}
}

// sameCRT compares one header with the truth.
func sameCRT(t *testing.T, h crtheap.Header, want crtTruth) {
	t.Helper()
	form := want.form
	if h.User-h.Addr == 0x30 { // x64
		form = "either"
	}
	if uint64(h.User) != want.data || h.Bytes != want.size || uint64(h.Use) != want.use ||
		h.Line != want.line || h.Request != want.request || h.Form.String() != form {
		t.Errorf("got %+v; truth %+v", h, want)
	}
}

// samePlanted counts the finding about a block if the truth has it.
func samePlanted(t *testing.T, findings map[memory.Addr]crtheap.Finding, a memory.Addr, want crtTruth) int {
	t.Helper()
	rule := map[string]diag.Code{"overrun": crtheap.CodeOverrun, "underrun": crtheap.CodeUnderrun}[want.state]
	f, found := findings[a]
	if !found && rule == "" {
		return 0
	}
	at, text := memory.Addr(want.data-1), "U"
	if want.state == "overrun" {
		at, text = memory.Addr(want.data+want.size), "AB"
	}
	if f.Rule != rule || f.At != at || string(f.Got) != text {
		t.Errorf("%v: %v, truth %s", a, f.Problem(0), want.state)
		return 0
	}
	return 1
}

// TestCRTNothingReal: no dump of ours that Windows made is of a program with
// a debug runtime. The debug heap's fills of the one that has them are sound,
// but for what a fuzzer wrote into the file: single bytes at file offsets
// 0x21d3d, 0x22b97 and 0xc3f6b, and the number 0x80000000 at 0xc690c.
func TestCRTNothingReal(t *testing.T) {
	fuzzed := []string{
		"free-fill 0x20a80, 2 bytes from 0x2e16b",
		"free-fill 0x9f0fb8, 1 bytes from 0x9f1399",
		"free-fill 0x9f3770, 4 bytes from 0x9f3d3a",
	}
	for name, fills := range map[string][]string{"real-win10-11082-wow64-full": nil, "real-win7-wow64-truncated": fuzzed, "real-win7-x86-partial": nil} {
		t.Run(name, func(t *testing.T) {
			got := crtLook(t, openReal(t, name))
			if len(got.headers) != 0 || fmt.Sprint(got.fills) != fmt.Sprint(fills) {
				t.Errorf("%d debug blocks, fills %v", len(got.headers), got.fills)
			}
			if fills != nil && got.filled < 80 {
				t.Errorf("%d blocks with fills", got.filled)
			}
		})
	}
}
