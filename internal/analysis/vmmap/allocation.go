package vmmap

import "github.com/heapdump/heapdump/pkg/memory"

// allocations returns the ranges of the allocations that regions are of, in
// order: regions beside each other that have the same base.
func allocations(regions []memory.Region) []memory.Range {
	var out []memory.Range
	var base memory.Addr
	for _, r := range regions {
		if r.State == memory.MemFree {
			continue
		}
		if n := len(out); n > 0 && out[n-1].End == r.Start && base == r.AllocationBase {
			out[n-1].End = r.End
			continue
		}
		base = r.AllocationBase
		out = append(out, r.Range)
	}
	return out
}
