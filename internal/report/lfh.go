package report

import (
	"fmt"

	"github.com/heapdump/heapdump/internal/analysis/census"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/ntheap"
)

// LFH adds a heap's front end to the document of heapdump heap: the vote for
// its key, and what each bucket holds.
func (d *Document) LFH(front census.FrontEnd) {
	k := front.Key
	verdict := "too few votes to say"
	switch {
	case k.Known():
		verdict = "clear"
	case k.For+k.Against > 0:
		verdict = "not clear: the key is not used"
	}
	d.add(record("lfh_key", "Key of the low-fragmentation heap", []pair{
		{Column{"value", "RtlpLFHKey", Text}, known(k.Known(), fmt.Sprintf("%#x", k.Value))},
		{Column{"votes_for", "Votes for it", Count}, k.For},
		{Column{"votes_against", "Votes against it", Count}, k.Against},
		{Column{"vote", "The vote is", Text}, verdict},
	}))
	d.add(fill(Table{Key: "lfh_buckets", Title: "Buckets of the low-fragmentation heap, in bytes"}, []field[ntheap.Bucket]{
		f("size_index", "Bucket", Count, func(b ntheap.Bucket) any { return known(b.SizeIndex != heap.NoBucket, int(b.SizeIndex)) }),
		f("block_bytes", "Block bytes", Bytes, func(b ntheap.Bucket) any { return b.BlockSize }),
		f("subsegments", "Subsegments", Count, func(b ntheap.Bucket) any { return b.SubSegments }),
		f("blocks", "Blocks", Count, func(b ntheap.Bucket) any { return b.Blocks }),
		f("busy_blocks", "Busy", Count, func(b ntheap.Bucket) any { return b.Busy }),
		f("free_blocks", "Free", Count, func(b ntheap.Bucket) any { return b.Free }),
		f("affinity", "By processor", Yes, func(b ntheap.Bucket) any { return b.Affinity }),
		f("unused_bytes", "Unused", Bytes, func(b ntheap.Bucket) any { return b.Unused }),
		f("container_bytes", "Containers", Bytes, func(b ntheap.Bucket) any { return b.Bytes }),
	}, front.Buckets))
}
