package refs

import (
	"fmt"

	"github.com/heapdump/heapdump/internal/thousands"
)

// Gaps says in sentences what of the roots and of the blocks could not be
// followed, and what that means for what is unreachable; empty when nothing.
func (r *Reach) Gaps() []string {
	var out []string
	add := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	for _, c := range r.Counts {
		switch {
		case !c.Taken:
			add("Roots of kind %s were not looked at (--roots): what only they lead to counts as unreachable.", c.Kind)
		case c.Missing > 0:
			add("%s bytes of roots of kind %s are not in the dump: what only they lead to counts as unreachable, so the unreachable bytes are an upper bound.", thousands.Grouped(c.Missing), c.Kind)
		}
	}
	if c := r.Counts[Stack]; c.Taken && c.Areas == 0 {
		add("The dump has no stack of any thread: what only a stack leads to counts as unreachable, so the unreachable bytes are an upper bound.")
	}
	if c := r.Counts[Module]; c.Taken && c.Areas == 0 {
		add("The dump has no writable data of any module: what only variables lead to counts as unreachable, so the unreachable bytes are an upper bound.")
	}
	if r.Missing > 0 {
		add("%s bytes of blocks in use are not in the dump: what only they lead to counts as unreachable, so the unreachable bytes are an upper bound.", thousands.Grouped(r.Missing))
	}
	if n := len(r.Lost); n > 0 {
		what := fmt.Sprintf("%d stretches", n)
		if n == 1 {
			what = "1 stretch"
		}
		add("%s of damaged heaps could not be made blocks of: what is in them is neither leaked nor reachable, and what they point to counts as reachable.", what)
	}
	return out
}
