package windbg_test

import (
	"strings"
	"testing"

	"github.com/heapdump/heapdump/internal/render/windbg"
)

// TestPublishedHandles has the published listings of !handle: handle 8 of 32
// bits (the documentation's, whose page turned tabs into blanks) and handle 10
// of 64 (an article's, in pieces), and the count at the end.
func TestPublishedHandles(t *testing.T) {
	var b strings.Builder
	std := []string{"Delete", "ReadControl", "WriteDac", "WriteOwner", "Synch"}
	state := []string{"QueryState", "ModifyState"}
	if err := windbg.WriteHandles(&b, windbg.Handles{Bits: 32, Handles: []windbg.Handle{
		{Value: 8, Type: "Event", Access: 0x100003, Standard: std[4:], Specific: state, HandleCount: 2, PointerCount: 3,
			Info: []string{"Event Type Auto Reset", "Event is Waiting"}},
	}}); err != nil {
		t.Fatal(err)
	}
	want := "Handle 8\n  Type         \tEvent\n  Attributes   \t0\n  GrantedAccess\t0x100003:\n         Synch\n         QueryState,ModifyState\n" +
		"  HandleCount  \t2\n  PointerCount \t3\n  Name         \t<none>\n  Object Specific Information\n    Event Type Auto Reset\n    Event is Waiting\n" +
		"1 Handles\nType           \tCount\nEvent          \t1\n"
	if b.String() != want {
		t.Errorf("%q\nwant\n%q", b.String(), want)
	}
	b.Reset()
	all := []windbg.Handle{{Value: 0x10, Type: "Event", Access: 0x1f0003, Standard: std, Specific: state, HandleCount: 2, PointerCount: 65537}}
	for _, x := range []struct {
		typ string
		n   int
	}{{"", 26}, {"WaitCompletionPacket", 4}, {"Zebra", 1}, {"Event", 73}, {"ALPC Port", 9}, {"Section", 5}, {"TpWorkerFactory", 1}, {"File", 7}, {"Directory", 2},
		{"Mutant", 115}, {"Semaphore", 17}, {"Key", 104}, {"Thread", 11}, {"IoCompletion", 2}} {
		for range x.n {
			all = append(all, windbg.Handle{Value: 0x20, Type: x.typ})
		}
	}
	if err := windbg.WriteHandles(&b, windbg.Handles{Bits: 64, Handles: all}); err != nil {
		t.Fatal(err)
	}
	head := "Handle 0000000000000010\n  Type         \tEvent\n  Attributes   \t0\n  GrantedAccess\t0x1f0003:\n         Delete,ReadControl,WriteDac,WriteOwner,Synch\n" +
		"         QueryState,ModifyState\n  HandleCount  \t2\n  PointerCount \t65537\n  Name         \t<none>\n  No object specific information available\n"
	tail := "378 Handles\nType           \tCount\nNone           \t26\nEvent          \t74\nSection        \t5\nFile           \t7\nDirectory      \t2\n" +
		"Mutant         \t115\nSemaphore      \t17\nKey            \t104\nThread         \t11\nIoCompletion   \t2\nTpWorkerFactory\t1\nALPC Port      \t9\n" +
		"WaitCompletionPacket\t4\nZebra          \t1\n"
	if s := b.String(); !strings.HasPrefix(s, head) || !strings.HasSuffix(s, tail) {
		t.Errorf("%q … %q", s[:min(len(s), len(head))], s[max(0, len(s)-len(tail)):])
	}
}
