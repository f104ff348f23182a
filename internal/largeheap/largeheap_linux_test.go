package largeheap

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"unsafe"
)

// TestHeapIsAdvised: the mapping that the heap is in is marked for large pages
// (hg in its VmFlags, proc(5)), and memory is as it was.
func TestHeapIsAdvised(t *testing.T) {
	text, err := os.ReadFile("/proc/self/smaps")
	if err != nil || !strings.Contains(string(text), "VmFlags:") {
		t.Skipf("the system does not say how its mappings are marked: %v", err)
	}
	if _, err := os.Stat("/sys/kernel/mm/transparent_hugepage/enabled"); err != nil {
		t.Skipf("the system has no large pages on request: %v", err)
	}
	at := uint64(uintptr(unsafe.Pointer(inHeap)))
	var start, end uint64
	for line := range strings.Lines(string(text)) {
		var a, b uint64
		if n, _ := fmt.Sscanf(line, "%x-%x ", &a, &b); n == 2 {
			start, end = a, b
		}
		if flags, ok := strings.CutPrefix(line, "VmFlags:"); ok && start <= at && at < end {
			if !slices.Contains(strings.Fields(flags), "hg") {
				t.Errorf("the heap at %#x is in %#x-%#x, which has the flags %s", at, start, end, flags)
			}
			if *inHeap != [64]byte{} {
				t.Error("new memory is not zero")
			}
			return
		}
	}
	t.Errorf("no mapping has %#x", at)
}
