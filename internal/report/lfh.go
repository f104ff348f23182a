package report

import (
	"fmt"

	"github.com/heapdump/heapdump/internal/analysis/census"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/ntheap"
)

// LFH adds a heap's front end to the document of heapdump heap: the vote for
// its key, what each bucket holds, and the first shown of its subsegments.
func (d *Document) LFH(front census.FrontEnd, shown int) {
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
	d.add(subsegments(front.SubSegments, shown))
}

// subsegments is one row for each container of slots.
func subsegments(all []ntheap.Container, shown int) Table {
	t := fill(Table{Key: "lfh_subsegments", Title: "Subsegments of the low-fragmentation heap"}, []field[ntheap.Container]{
		f("subsegment", "_HEAP_SUBSEGMENT", Address, func(c ntheap.Container) any { return some(c.SubSegment) }),
		f("user_blocks", "UserBlocks", Address, func(c ntheap.Container) any { return addr(c.UserBlocks) }),
		f("size_index", "Bucket", Count, func(c ntheap.Container) any { return known(c.SizeIndex != heap.NoBucket, int(c.SizeIndex)) }),
		f("block_bytes", "Block bytes", Bytes, func(c ntheap.Container) any { return c.BlockSize }),
		f("blocks", "Blocks", Count, func(c ntheap.Container) any { return c.Blocks }),
		f("busy_blocks", "Busy", Count, func(c ntheap.Container) any { return c.Busy }),
		f("free_blocks", "Free", Count, func(c ntheap.Container) any { return c.Free }),
		f("depth", "Depth", Count, func(c ntheap.Container) any { return known(c.Depth >= 0, c.Depth) }),
		f("affinity", "Affinity", Count, func(c ntheap.Container) any { return int(c.Affinity) }),
		f("unused_bytes", "Unused", Bytes, func(c ntheap.Container) any { return uint64(c.Free) * c.BlockSize }),
		f("container_bytes", "Container", Bytes, func(c ntheap.Container) any { return c.Bytes }),
		f("trust", "Trust", Text, func(c ntheap.Container) any { return trustOf(c).String() }),
	}, all[:min(len(all), shown)])
	if left := len(all) - shown; left > 0 {
		t.Notes = []string{fmt.Sprintf("… and %d more; --format json has them all", left)}
	}
	return t
}

// trustOf is how sure it is what a container's slots are.
func trustOf(c ntheap.Container) heap.Trust {
	if c.Doubtful {
		return heap.Doubtful
	}
	return heap.Sound
}
