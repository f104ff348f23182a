package mmap

import "testing"

// TestLarge: as many elements as asked for, all zero and the caller's own, for
// sizes below, at and above what large pages are asked for.
func TestLarge(t *testing.T) {
	type odd struct{ a [1541]uint32 }
	for _, n := range []int{0, 1, 1 << 10, 1 << 20, 1<<20 + 1, 3<<20 - 7} {
		a, b := Large[uint32](n), Large[uint32](n)
		if len(a) != n || cap(a) != n || len(b) != n {
			t.Fatalf("%d elements: got %d, room for %d", n, len(a), cap(a))
		}
		for i := range a {
			if a[i] != 0 {
				t.Fatalf("%d elements: element %d is not zero", n, i)
			}
			a[i] = ^uint32(0)
		}
		for i := range b {
			if b[i] != 0 {
				t.Fatalf("%d elements: element %d is that of another", n, i)
			}
		}
	}
	x := Large[odd](1000)
	x[999].a[1540] = 1
	if len(x) != 1000 || x[0].a[0] != 0 {
		t.Fatal("elements of an odd size")
	}
}
