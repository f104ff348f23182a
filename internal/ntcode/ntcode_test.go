package ntcode_test

import (
	"slices"
	"testing"

	"github.com/heapdump/heapdump/internal/ntcode"
)

func TestNames(t *testing.T) {
	if s, m := ntcode.Status(0xc0000374); s != "STATUS_HEAP_CORRUPTION" || m == "" {
		t.Errorf("%q %q", s, m)
	}
	if s, m := ntcode.Status(0xdeadbeef); s != "" || m != "" {
		t.Errorf("%q %q", s, m)
	}
	if ntcode.Win32(5) != "ERROR_ACCESS_DENIED" || ntcode.Win32(99999) != "error 99999" {
		t.Error("errors of Win32")
	}
	// The published NtGlobalFlag 0x70, and page heap with stack traces.
	if got := ntcode.GlobalFlags(0x70); !slices.Equal(got, []string{"htc: heap tail checking", "hfc: heap free checking", "hpc: heap parameter checking"}) {
		t.Errorf("%q", got)
	}
	if got := ntcode.GlobalFlags(0x02001200); !slices.Equal(got, []string{"0x200", "ust: user mode stack traces", "hpa: page heap"}) {
		t.Errorf("%q", got)
	}
}
