package unwind_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/heapdump/heapdump/internal/symbols"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/internal/unwind"
)

// realStacks opens a real dump and unwinds all its threads; the test is skipped
// when it is not there.
func realStacks(t *testing.T, name string) []unwind.Stack {
	t.Helper()
	dir := os.Getenv("HEAPDUMP_REAL")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "dumps")
	}
	path := filepath.Join(dir, name+".dmp.zst")
	if _, err := os.Stat(path); err != nil {
		t.Skipf("the real dumps are not here (%v); set HEAPDUMP_REAL to the folder that has them", err)
	}
	tg, err := target.Open(path, target.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tg.Close() })
	u := unwind.New(tg, symbols.New(tg))
	var out []unwind.Stack
	for _, th := range tg.File.Threads(nil) {
		out = append(out, u.Stacks(th)...)
	}
	return out
}

// TestRealEnds: every stack of every dump ends where Windows starts threads,
// in ntdll or (to XP) kernel32, or says what the dump lacks: images whose
// headers, exception directory or code are not saved or blank, and a thread
// without registers. None leaves its bounds, loops or contradicts itself.
func TestRealEnds(t *testing.T) {
	for name, want := range map[string]string{
		"real-win10-11082-wow64-full":   "start 4",
		"real-win10-16299-x64-noheap":   "missing 1",
		"real-win10-17134-x64-stacks":   "missing 6",
		"real-win11-22631-x64-crashpad": "missing 19",
		"real-win7-wow64-truncated":     "start 1",
		"real-win7-x64-partial":         "missing 1",
		"real-win7-x86-partial":         "start 1",
		"real-xp-x86-stacks":            "missing 1, start 1",
		"gen-corrupt-w7enc-x64.own":     "missing 1",
		"gen-dbg-w7-x86.own":            "start 3",
		"gen-dph-ros-x64.own":           "missing 1",
		"gen-enc-w7-x64.own":            "missing 3",
		"gen-enc-w7-x86.own":            "start 3",
		"gen-std-w7-x64.dbghelp":        "missing 2, no_context 1",
		"gen-wine-x64.own":              "start 1",
	} {
		t.Run(name, func(t *testing.T) {
			ends := map[string]int{}
			for _, s := range realStacks(t, name) {
				ends[s.End.String()]++
				if s.Why == "" {
					t.Errorf("thread %#x: no reason", s.Thread)
				}
				if s.End != unwind.Start {
					continue
				}
				last := s.Frames[len(s.Frames)-1].Name.Module
				if base, _, _ := strings.Cut(last, "_"); base != "ntdll" && base != "kernel32" {
					t.Errorf("thread %#x began in %q", s.Thread, last)
				}
			}
			var got []string
			for end, n := range ends {
				got = append(got, fmt.Sprint(end, " ", n))
			}
			slices.Sort(got)
			if s := strings.Join(got, ", "); s != want {
				t.Errorf("%s, want %s", s, want)
			}
		})
	}
}

// TestRealFrames: frames that are known. Breakpad publishes the stack of its
// XP dump (main, its CRT, kernel32); the WOW64 one was waiting in getchar,
// called by main, which has no frame pointer, and its 64-bit stack is the way
// that WOW64 starts a thread.
func TestRealFrames(t *testing.T) {
	names := func(s unwind.Stack) (out []string) {
		for _, f := range s.Frames {
			out = append(out, f.Name.String()+" "+f.How.String())
		}
		return out
	}
	xp := realStacks(t, "real-xp-x86-stacks")[0]
	if got, want := names(xp), []string{"test_app+0x429e context", "test_app+0x4200 frame pointer", "test_app+0x53ec frame pointer",
		"kernel32+0x16fd7 frame pointer"}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	wow := realStacks(t, "real-win10-11082-wow64-full")
	if wow[0].Bits != 32 || wow[0].From != unwind.FromWOW64 || wow[1].Bits != 64 || wow[1].From != unwind.FromThread {
		t.Errorf("%d bits %v, %d bits %v", wow[0].Bits, wow[0].From, wow[1].Bits, wow[1].From)
	}
	if got, want := names(wow[0]), []string{"ntdll_77e70000!NtReadFile+0xc context", "KERNELBASE!ReadFile+0x79 instructions",
		"msvcrt+0x4c5cf frame pointer", "msvcrt!_read+0xb3 frame pointer", "msvcrt!_filbuf+0x7c frame pointer", "msvcrt!fgetc+0xe2 frame pointer",
		"msvcrt!_fgetchar+0xa frame pointer", "RunMe+0x1037 scan", "RunMe+0x10cf frame pointer", "kernel32!BaseThreadInitThunk+0x24 frame pointer",
		"ntdll_77e70000+0x65c9c frame pointer", "ntdll_77e70000+0x65c67 frame pointer"}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if got, want := names(wow[3]), []string{"ntdll!NtWaitForWorkViaWorkerFactory+0x14 context", "wow64+0x686e unwind", "wow64!Wow64SystemServiceEx+0x175 unwind",
		"wow64cpu!TurboDispatchJumpAddressEnd+0xb unwind", "wow64+0xbdb2 unwind", "wow64!Wow64LdrpInitialize+0x120 unwind", "ntdll+0x76683 unwind",
		"ntdll!LdrInitializeThunk+0xe unwind"}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}
