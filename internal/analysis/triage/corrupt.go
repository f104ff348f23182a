package triage

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/heapdump/heapdump/internal/analysis/check"
	"github.com/heapdump/heapdump/internal/analysis/stacks"
	"github.com/heapdump/heapdump/internal/finding"
	"github.com/heapdump/heapdump/pkg/heap"
)

// corruptRules are the rules for the codes of a check. A code that is not here
// is damage of the heap's own structures.
var corruptRules = map[string]string{
	"crt-overrun": finding.Overrun, "crt-underrun": finding.Overrun, "tail-fill": finding.Overrun,
	"pageheap-suffix": finding.Overrun, "lightpageheap-suffix": finding.Overrun, "pageheap-guard": finding.Overrun,

	"free-fill": finding.WriteAfterFree, "crt-write-after-free": finding.WriteAfterFree, "lightpageheap-freed": finding.WriteAfterFree,

	"heap-failure": finding.DetectedDamage,

	"heap-counter": finding.HeapCounter, "total-free-size": finding.HeapCounter, "free-count": finding.HeapCounter,
	"ucr-count": finding.HeapCounter, "pageheap-count": finding.HeapCounter, "lfh-depth": finding.HeapCounter,
}

// corruption makes findings of what a check found.
func (x *taker) corruption(r *check.Result) {
	if r.Heaps > 0 || len(r.Findings) > 0 {
		x.out.Figures["corruption"] = float64(len(r.Findings) + r.Dropped)
	}
	for i := range r.Findings {
		x.damage(&r.Findings[i])
	}
	if r.Dropped > 0 {
		x.missing("%d more findings of damage were counted but not looked at.", r.Dropped)
	}
}

func (x *taker) damage(c *check.Finding) {
	code := string(c.Code)
	rule, ok := corruptRules[code]
	if !ok {
		rule = finding.HeapStructure
	}
	known, _ := finding.ByID(rule)
	f := finding.Finding{Rule: rule, Severity: known.Severity, Confidence: finding.Sure, Title: known.Title, Places: 1}
	if c.Title != "" {
		f.Title = upper(c.Title)
	}
	if rule == finding.HeapCounter {
		f.Confidence = finding.Likely
	}
	who := owner(c.Stack)
	if who != "" {
		f.Title += ", allocated by " + called(c.Stack, who)
	}
	f.Evidence = c.Problem.String() + "."
	if c.Story != "" {
		f.Evidence += fmt.Sprintf(" Likely a %s: %s.", c.Story, c.Evidence)
	}
	if c.MidUpdate {
		f.Severity, f.Confidence = finding.Low, finding.Unsure
		f.Evidence += " The heap's lock was held: it may be a change in progress, and no damage."
	}
	parts := []string{code, c.Object + "." + c.Field, c.Story}
	if who == "" {
		who = sizeOf(c)
	}
	x.add(f, append(parts, who)...)
}

// owner is the frame that names the owner of a stack, as module and offset;
// empty when none does.
func owner(frames []stacks.Frame) string {
	f, ok := stacks.Owner(frames)
	if !ok {
		return ""
	}
	return fmt.Sprintf("%s+%#x", strings.ToLower(f.Module), f.Offset)
}

// called is the owner's frame in words for people; who where no symbol of it is
// known.
func called(frames []stacks.Frame, who string) string {
	if f, ok := stacks.Owner(frames); ok {
		return cmp.Or(function(f.Name), who)
	}
	return who
}

// through is how an allocation was reached, innermost first.
func through(frames []stacks.Frame) string {
	var names []string
	for i, f := range frames {
		if i == mostFrames {
			names = append(names, "…")
			break
		}
		names = append(names, cmp.Or(function(f.Name), f.String()))
	}
	return strings.Join(names, " < ")
}

// sizeOf is the size class of the block that a write ran out of: that before
// the damage in an overrun over a header, else the block itself.
func sizeOf(c *check.Finding) string {
	which := "block"
	if strings.HasSuffix(c.Story, "from the block before") {
		which = "before"
	}
	for i := range c.Around {
		if b := &c.Around[i]; b.Which == which && b.State == heap.Busy {
			return finding.SizeClass(b.UserBytes())
		}
	}
	return ""
}

// upper begins a sentence.
func upper(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
