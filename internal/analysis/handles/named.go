package handles

import (
	"fmt"

	"github.com/heapdump/heapdump/internal/analysis/vmmap"
	"github.com/heapdump/heapdump/pkg/memory"
)

// handleFields are the handles of RTL_USER_PROCESS_PARAMETERS (public symbols;
// the same from XP to 11).
var handleFields = []struct {
	name         string
	off32, off64 memory.Addr
}{
	{"ConsoleHandle", 0x10, 0x10}, {"StandardInput", 0x18, 0x20}, {"StandardOutput", 0x1c, 0x28},
	{"StandardError", 0x20, 0x30}, {"CurrentDirectory.Handle", 0x2c, 0x48},
}

// named fills in the handles that fields of known structures have: those of
// the process parameters, and of thread pools.
func (s *search) named() {
	hold := func(n uint64, format string, args ...any) {
		if _, open := s.types[n]; open {
			s.fields[n] = fmt.Sprintf(format, args...)
		}
	}
	for _, p := range vmmap.Take(s.t).Pools {
		hold(p.Factory, "worker factory of the thread pool %v", p.Address)
		hold(p.Port, "completion port of the thread pool %v", p.Address)
		for _, n := range p.Timers {
			hold(n, "a timer of the thread pool %v", p.Address)
		}
	}
	for _, p := range s.t.PEBs {
		if !p.Knows("ProcessParameters") || p.ProcessParameters == 0 {
			continue
		}
		for _, f := range handleFields {
			off := f.off32
			if p.Bits == 64 {
				off = f.off64
			}
			v, err := s.t.Space.Pointer(p.ProcessParameters+off, p.Bits)
			if err == nil {
				hold(uint64(v), "RTL_USER_PROCESS_PARAMETERS.%s of the %d-bit PEB", f.name, p.Bits)
			}
		}
	}
}
