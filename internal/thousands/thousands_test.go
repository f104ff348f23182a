package thousands

import (
	"math"
	"testing"
)

func TestGrouped(t *testing.T) {
	for n, want := range map[uint64]string{0: "0", 7: "7", 999: "999", 1000: "1,000", 12_345: "12,345", 999_999: "999,999",
		1_000_000: "1,000,000", math.MaxUint64: "18,446,744,073,709,551,615"} {
		if got := Grouped(n); got != want {
			t.Errorf("%d is %s, not %s", n, got, want)
		}
	}
	for n, want := range map[int]string{-1: "-1", -1000: "-1,000", 1000: "1,000"} {
		if got := Grouped(n); got != want {
			t.Errorf("%d is %s, not %s", n, got, want)
		}
	}
	if got := string(AppendGrouped([]byte("x"), 1234)); got != "x1,234" {
		t.Errorf("appended: %s", got)
	}
}
