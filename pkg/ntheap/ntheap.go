// Package ntheap walks the NT heap of Windows XP to 11, x86 and x64: from a
// _HEAP over its segments to every block, with what is damaged reported and
// no byte passed over. It knows no dump format; anything with heap.Memory
// will do.
package ntheap

import (
	"sync"

	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/ntheap/internal/layout"
)

// Heap is one opened NT heap. But for SetLFHKey and AskLFHKey it is immutable, and safe for
// many goroutines.
type Heap struct {
	Header   Header
	Segments []Segment
	Virtuals []Virtual

	mem     heap.Memory
	set     *layout.Set
	codec   codec
	byNode  []int    // indexes of Virtuals by address
	byStart []int    // indexes of Segments by address
	gaps    struct { // see freeGaps
		once  sync.Once
		nodes []memory.Addr
	}
	front    frontEnd                          // see lfh
	lfhKey   func() LFHKey                     // see LFHKey; nil when none was set
	parking  parking                           // see isParked
	problems []diag.Problem                    // of header, lists and segments
	partial  struct{ segments, virtuals bool } // lists that the dump lacks a part of
}

var _ heap.Heap = (*Heap)(nil)
