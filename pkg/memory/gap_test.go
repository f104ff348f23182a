package memory

import "testing"

func TestGapEndsWhereTheReasonChanges(t *testing.T) {
	s := NewSpace(Contents{
		Runs: []Run{{Start: 0x1000, Bytes: make([]byte, 0x1000)}, {Start: 0x9000, Bytes: make([]byte, 0x10)}},
		Regions: []Region{
			{Range: Range{0x1000, 0x3000}, State: MemCommit},
			{Range: Range{0x3000, 0x5000}, State: MemReserve},
			{Range: Range{0x5000, 0x6000}, State: MemFree},
		},
		Cut:          []Range{{0x7000, 0x7800}},
		RegionsKnown: true,
	})
	for _, c := range []struct {
		at, end Addr
		why     Reason
	}{
		{0x0fff, 0x1000, Unknown},
		{0x1fff, 0x1fff, Present},
		{0x2000, 0x3000, NotSaved},
		{0x2fff, 0x3000, NotSaved},
		{0x3000, 0x5000, Reserved},
		{0x5800, 0x6000, Free},
		{0x6000, 0x7000, Unknown},
		{0x7000, 0x7800, FileTruncated},
		{0x7800, 0x9000, Unknown},
		{0x9010, ^Addr(0), Unknown},
	} {
		got, why := s.Gap(c.at)
		if got != (Range{c.at, c.end}) || why != c.why {
			t.Errorf("Gap(%v) = %v %v, want end %v %v", c.at, got, why, c.end, c.why)
		}
	}
}
