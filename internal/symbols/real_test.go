package symbols_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/heapdump/heapdump/internal/symbols"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/memory"
)

// openReal opens a real dump; the test is skipped when it is not there.
func openReal(t testing.TB, name string) *target.Target {
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
	return tg
}

// TestRealNames: where the threads of a WOW64 process wait, and what stands on
// their 32-bit stacks. The last known frame of each is the thread's start in
// kernel32, which Windows 10 calls from a function of ntdll that it does not
// export: that one keeps its module alone, though exports lie below it.
func TestRealNames(t *testing.T) {
	tg := openReal(t, "real-win10-11082-wow64-full")
	s := symbols.New(tg)
	var at []string
	for _, th := range tg.File.Threads(nil) {
		at = append(at, s.Find(th.Context.IP).String())
	}
	if want := []string{"wow64cpu+0x21bc", "ntdll!NtWaitForWorkViaWorkerFactory+0x14"}; !slices.Equal(at, want) {
		t.Errorf("threads are at %q", at)
	}
	for a, want := range map[memory.Addr]string{
		0x76752739: "KERNELBASE!ReadFile+0x79",
		0x74c1c303: "msvcrt!_read+0xb3",
		0x74c4305c: "msvcrt!_filbuf+0x7c",
		0x74c48422: "msvcrt!fgetc+0xe2",
		0x77023894: "kernel32!BaseThreadInitThunk+0x24",
		0x77ed5c9c: "ntdll_77e70000+0x65c9c",
		0x004010cf: "RunMe+0x10cf", // twice in the ModuleList
	} {
		if got := s.Return(a).String(); got != want {
			t.Errorf("%v: %q, want %q", a, got, want)
		}
	}
}
