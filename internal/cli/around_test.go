package cli_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/heapdump/heapdump/internal/cli"
)

// windowsDumps are those of ../shared/dumps that a Windows wrote; without the
// folder the test is skipped.
func windowsDumps(t *testing.T) []string {
	t.Helper()
	all, _ := filepath.Glob(filepath.Join("..", "..", "..", "shared", "dumps", "real-*.dmp.zst"))
	if len(all) == 0 {
		t.Skip("no dumps of Windows in ../shared/dumps beside the repository")
	}
	return all
}

// answer is the JSON of a command, which must succeed.
func answer(t *testing.T, args ...string) map[string]any {
	t.Helper()
	w := newWorld(nil)
	if code := cli.Main(context.Background(), append(args, "--format", "json", "-q"), w.Env); code != 0 {
		t.Fatalf("%v: exit %d: %s", args, code, w.stderr.String())
	}
	var v map[string]any
	if err := json.Unmarshal(w.stdout.Bytes(), &v); err != nil {
		t.Fatalf("%v: %v", args, err)
	}
	return v
}

// rows are the objects of a key.
func rows(t *testing.T, of map[string]any, key string) []map[string]any {
	t.Helper()
	list, ok := of[key].([]any)
	if !ok {
		t.Fatalf("%s is no array: %v", key, of[key])
	}
	var out []map[string]any
	for _, x := range list {
		out = append(out, x.(map[string]any))
	}
	return out
}

// kindOf is "string", "number", "bool", "null", …
func kindOf(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case string:
		return "string"
	case float64:
		return "number"
	case bool:
		return "bool"
	}
	return fmt.Sprintf("%T", v)
}

// shape checks that an object has keys of the kinds that a contract names:
// "name:string handle_count:number?", where ? allows null.
func shape(t *testing.T, what string, x map[string]any, contract string) {
	t.Helper()
	for _, want := range strings.Fields(contract) {
		key, kind, _ := strings.Cut(want, ":")
		kind, optional := strings.CutSuffix(kind, "?")
		v, ok := x[key]
		if !ok {
			t.Errorf("%s: no key %q", what, key)
		} else if got := kindOf(v); got != kind && (got != "null" || !optional) {
			t.Errorf("%s: %q is a %s: %v", what, key, got, v)
		}
	}
}

// TestAroundContract: the keys and kinds that programs rely on, and what
// belongs together in them, on every dump that a Windows wrote.
func TestAroundContract(t *testing.T) {
	for _, dump := range append(windowsDumps(t), demo(t)) {
		name := filepath.Base(dump)
		s := answer(t, "address", "--summary", dump)
		for _, key := range []string{"usage", "type", "state", "protect"} {
			for _, r := range rows(t, s, key) {
				shape(t, name+" "+key, r, "name:string regions:number bytes:number")
				if _, ok := r["bits"]; ok != (key == "usage") {
					t.Errorf("%s: bits in %s: %v", name, key, ok)
				}
			}
		}
		if len(rows(t, s, "largest")) != len(rows(t, s, "usage")) {
			t.Errorf("%s: not one largest region for each usage", name)
		}
		for _, r := range rows(t, s, "largest") {
			shape(t, name+" largest", r, "name:string base:string bytes:number")
			x := answer(t, "address", r["base"].(string), dump)
			shape(t, name+" "+r["base"].(string), x, "usage:string base:string bytes:number state:string protect:string? type:string? allocation_base:string? owner:string?")
			if x["usage"] != r["name"] || x["base"] != r["base"] || x["bytes"] != r["bytes"] {
				t.Errorf("%s: the largest %v is %v %v %v", name, r, x["usage"], x["base"], x["bytes"])
			}
		}
		h := answer(t, "handles", dump)
		shape(t, name+" handles", h, "count:number?")
		byType := 0.0
		for _, r := range rows(t, h, "by_type") {
			shape(t, name+" by_type", r, "type:string count:number")
			byType += r["count"].(float64)
		}
		all := rows(t, h, "handles")
		if n, ok := h["count"].(float64); ok && (n != float64(len(all)) || n != byType) {
			t.Errorf("%s: %v handles, %d listed, %v by type", name, n, len(all), byType)
		}
		for _, r := range all {
			shape(t, name+" handle", r, "handle:string type:string name:string? access:string attributes:string handle_count:number pointer_count:number")
		}
		for _, r := range rows(t, answer(t, "modules", dump), "modules") {
			shape(t, name+" module", r, "name:string? path:string? base:string size_bytes:number version:string? pdb:string? guid:string? age:number? unloaded:bool")
		}
		for _, r := range rows(t, answer(t, "threads", dump), "threads") {
			shape(t, name+" thread", r, "tid:string name:string? teb:string? stack_base:string? stack_limit:string? ip:string? sp:string?")
		}
	}
}

// TestHandlesOfRealDumps: all of them, with types. The type None is what the
// dump's writer recorded the number of alone.
func TestHandlesOfRealDumps(t *testing.T) {
	windowsDumps(t)
	for dump, want := range map[string]string{
		"real-win10-11082-wow64-full": "43: None 8, File 7, Event 5, Key 5, WaitCompletionPacket 5, Directory 4, IRTimer 4, IoCompletion 2, TpWorkerFactory 2, ALPC Port 1",
		"real-win11-22631-x64-crashpad": "302: Event 91, None 68, File 30, Thread 28, Semaphore 19, Section 12, WaitCompletionPacket 12, Key 11, IoCompletion 9, IRTimer 8, " +
			"TpWorkerFactory 4, ALPC Port 3, Directory 2, WindowStation 2, Desktop 1, Mutant 1, Process 1",
	} {
		h := answer(t, "handles", filepath.Join("..", "..", "..", "shared", "dumps", dump+".dmp.zst"))
		var types []string
		for _, r := range rows(t, h, "by_type") {
			types = append(types, fmt.Sprint(r["type"], " ", r["count"]))
		}
		if got := fmt.Sprint(h["count"], ": ", strings.Join(types, ", ")); got != want {
			t.Errorf("%s: %s", dump, got)
		}
		seen := map[any]bool{}
		for _, r := range rows(t, h, "handles") {
			if seen[r["handle"]] {
				t.Errorf("%s: %v twice", dump, r["handle"])
			}
			seen[r["handle"]] = true
		}
	}
}

// TestAnyAddress: one command explains any address of a real dump. A few of
// each kind of region, of what each thread and heap is made of, and of what
// no program can have are asked for.
func TestAnyAddress(t *testing.T) {
	for _, dump := range windowsDumps(t) {
		rng := rand.New(rand.NewPCG(4, 20))
		ask := []uint64{0, 8, 0xffff, 0x7ffe0000, 1<<47 - 1, 1 << 47, 0xffff800000000000, 1<<64 - 1}
		byKind := map[string][]uint64{}
		for _, r := range rows(t, answer(t, "address", dump), "regions") {
			base, bytes := number(t, r["base"]), uint64(r["bytes"].(float64))
			kind := fmt.Sprint(r["usage"], r["state"], r["protect"])
			byKind[kind] = append(byKind[kind], base+rng.Uint64N(bytes))
		}
		for _, list := range byKind {
			ask = append(ask, list[rng.IntN(len(list))])
		}
		for _, th := range rows(t, answer(t, "threads", dump), "threads") {
			for _, key := range []string{"teb", "sp", "ip", "stack_base"} {
				if th[key] != nil && len(ask) < 60 {
					ask = append(ask, number(t, th[key]))
				}
			}
		}
		slices.Sort(ask)
		for _, a := range slices.Compact(ask) {
			explained(t, dump, a)
		}
	}
}

func number(t *testing.T, v any) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(v.(string), 0, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// explained asks for an address and checks that the answer says all that it
// can: whose it is and how that is known, or that it is no address, or what
// its region is and why the dump has no more.
func explained(t *testing.T, dump string, a uint64) {
	t.Helper()
	x := answer(t, "address", fmt.Sprintf("%#x", a), dump)
	name := fmt.Sprintf("%s %#x", filepath.Base(dump), a)
	switch {
	case x["saved"] == false && x["missing"] == nil:
		t.Errorf("%s: it is not said why the dump lacks it", name)
	case x["owner"] != nil:
		if x["evidence"] == nil || x["kind"] == nil || x["usage"] == nil {
			t.Errorf("%s: %v, by what?", name, x["owner"])
		}
	case x["beyond"] != nil:
	case x["base"] == nil:
		if x["usage"] != nil || x["saved"] == true || x["partial"] == false {
			t.Errorf("%s: described by nothing", name)
		}
	case x["state"] == nil || x["usage"] == nil || x["usage"] == "Heap" || x["usage"] == "Image" || x["usage"] == "Stack":
		t.Errorf("%s: %v of nobody", name, x["usage"])
	case x["state"] != "MEM_FREE":
		if x["partial"] == false {
			shape(t, name, x, "type:string allocation_base:string allocation_protect:string")
		}
		shape(t, name, x, "referrers_base:string referrers_bytes:number")
	}
}
