package census

import (
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/ntheap"
)

// FrontEnd is what the low-fragmentation heap of one heap holds, and the key
// that its ntdll encodes slots with, as the containers of all heaps vote.
type FrontEnd struct {
	Key         ntheap.LFHKey
	Buckets     []ntheap.Bucket
	SubSegments []ntheap.Container // in the order of the walk
}

// LFH reads the front end of h, which has one when ok. It walks every heap of
// h's pointer size, since all vote for one key.
func LFH(t *target.Target, h *target.Heap) (f FrontEnd, ok bool) {
	if h.NT == nil || h.NT.Header.FrontEndHeapType != 2 {
		return f, false
	}
	var heaps []*ntheap.Heap
	for _, o := range t.Heaps {
		if o.NT != nil && o.Bits == h.Bits {
			heaps = append(heaps, o.NT)
		}
	}
	containers := h.NT.Containers()
	return FrontEnd{Key: ntheap.RecoverLFHKey(heaps...), Buckets: h.NT.Buckets(containers), SubSegments: containers}, true
}
