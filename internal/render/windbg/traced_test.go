package windbg_test

import (
	"strings"
	"testing"

	"github.com/heapdump/heapdump/internal/render/windbg"
)

// TestTracedPublished: listings of !heap -p -a that were published (BugId's
// comments, workshops, and blogs on leaks), byte for byte.
func TestTracedPublished(t *testing.T) {
	for _, d := range []struct {
		b    windbg.TracedBlock
		want string
	}{
		{windbg.TracedBlock{Bits: 64, Address: 0x1ec4e8cc790, Heap: 0x1ec4e8c0000, Entry: 0x1ec4e8cc740, Units: 8, User: 0x1ec4e8cc790, UserBytes: 0x10,
			Stack: []string{"7fff11ce401f verifier!AVrfDebugPageHeapAllocate+0x000000000000039f"}}, `    address 000001ec4e8cc790 found in
    _HEAP @ 1ec4e8c0000
              HEAP_ENTRY Size Prev Flags            UserPtr UserSize - state
        000001ec4e8cc740 0008 0000  [00]   000001ec4e8cc790    00010 - (busy)
        7fff11ce401f verifier!AVrfDebugPageHeapAllocate+0x000000000000039f
`},
		{windbg.TracedBlock{Bits: 64, Address: 0x2572ef108f0, Heap: 0x2577f5f0000, Entry: 0x2572ef108a0, Units: 8, User: 0x2572ef108f0, UserBytes: 0x10, Delayed: true,
			Stack: []string{"7ff9c4b5412f verifier!AVrfDebugPageHeapFree+0x00000000000000af"}}, `    address 000002572ef108f0 found in
    _HEAP @ 2577f5f0000
              HEAP_ENTRY Size Prev Flags            UserPtr UserSize - state
        000002572ef108a0 0008 0000  [00]   000002572ef108f0    00010 - (free DelayedFree)
        7ff9c4b5412f verifier!AVrfDebugPageHeapFree+0x00000000000000af
`},
		{windbg.TracedBlock{Bits: 32, Address: 0x7edcc018, Heap: 0x510000, Entry: 0x7edcc018, Units: 0x2ae00, User: 0x7edcc030, UserBytes: 0x156600, Virtual: true,
			Stack: []string{"77e44ab6 ntdll!RtlpCallInterceptRoutine+0x00000026"}}, `    address 7edcc018 found in
    _HEAP @ 510000
      HEAP_ENTRY Size Prev Flags    UserPtr UserSize - state
        7edcc018 2ae00 0000  [00]   7edcc030    156600 - (busy VirtualAlloc)
        77e44ab6 ntdll!RtlpCallInterceptRoutine+0x00000026
`},
		{windbg.TracedBlock{Bits: 64, Address: 0x15da8026b50, Heap: 0x15d85bb0000, Entry: 0x15da8026b50, Units: 5, User: 0x15da8026b80, UserBytes: 0x28,
			Stack: []string{windbg.TracedFrame(64, 0x7ffbb42facc6, "System.Private.CoreLib.dll", "", 0x50acc6), windbg.TracedFrame(64, 0x7ffb54f18807, "", "", 0)}}, `    address 0000015da8026b50 found in
    _HEAP @ 15d85bb0000
              HEAP_ENTRY Size Prev Flags            UserPtr UserSize - state
        0000015da8026b50 0005 0000  [00]   0000015da8026b80    00028 - (busy)
        7ffbb42facc6 System_Private_CoreLib+0x000000000050acc6
        7ffb54f18807 +0x00007ffb54f18807
`},
	} {
		var b strings.Builder
		if err := windbg.WriteTracedBlock(&b, d.b); err != nil || b.String() != d.want+"\n" {
			t.Errorf("%v\n%s\nwant\n%s", err, b.String(), d.want)
		}
	}
}

// TestPageBlockPublished: the same for full page heap.
func TestPageBlockPublished(t *testing.T) {
	for _, d := range []struct {
		b    windbg.PageBlock
		want string
	}{
		{windbg.PageBlock{Bits: 32, Address: 0x7fd1000, Root: 0x4fd1000, Node: 0x7f51d9c, Kind: "busy", User: 0x7fd0fc0, UserBytes: 0x40, Pages: 0x7fd0000, PagesBytes: 0x2000,
			Stack: []string{"6c469abc verifier!AVrfDebugPageHeapAllocate+0x0000023c"}}, `    address 07fd1000 found in
    _DPH_HEAP_ROOT @ 4fd1000
    in busy allocation (  DPH_HEAP_BLOCK:         UserAddr         UserSize -         VirtAddr         VirtSize)
                                 7f51d9c:          7fd0fc0               40 -          7fd0000             2000
    6c469abc verifier!AVrfDebugPageHeapAllocate+0x0000023c
`},
		{windbg.PageBlock{Bits: 32, Address: 0xe948ffc, Root: 0x48b1000, Node: 0xe9f08bc, Kind: "freed", Pages: 0xe948000, PagesBytes: 0x2000,
			Stack: []string{"6d009cd2 verifier!AVrfDebugPageHeapFree+0x000000c2"}}, `    address 0e948ffc found in
    _DPH_HEAP_ROOT @ 48b1000
    in free-ed allocation (  DPH_HEAP_BLOCK:         VirtAddr         VirtSize)
                                    e9f08bc:          e948000             2000
    6d009cd2 verifier!AVrfDebugPageHeapFree+0x000000c2
`},
		{windbg.PageBlock{Bits: 64, Address: 0x21cc85ac000, Root: 0x21ce0331000, Node: 0x21ccb3eb000, Kind: "busy", User: 0x21cc85a7ff0, UserBytes: 0x4010, Pages: 0x21cc85a7000, PagesBytes: 0x6000,
			Stack: []string{"00007ffea238825b ntdll!RtlDebugAllocateHeap+0x000000000000003b"}}, `    address 0000021cc85ac000 found in
    _DPH_HEAP_ROOT @ 21ce0331000
    in busy allocation (  DPH_HEAP_BLOCK:         UserAddr         UserSize -         VirtAddr         VirtSize)
                             21ccb3eb000:      21cc85a7ff0             4010 -      21cc85a7000             6000
    00007ffea238825b ntdll!RtlDebugAllocateHeap+0x000000000000003b
`},
	} {
		var b strings.Builder
		if err := windbg.WritePageBlock(&b, d.b); err != nil || b.String() != d.want+"\n" {
			t.Errorf("%v\n%s\nwant\n%s", err, b.String(), d.want)
		}
	}
}
