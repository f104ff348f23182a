package report

import (
	"fmt"
	"strings"

	"github.com/heapdump/heapdump/internal/analysis/check"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/internal/thousands"
	"github.com/heapdump/heapdump/pkg/heap"
)

// shownFindings is how many findings text shows in full.
const shownFindings = 50

// Check is the result of heapdump check.
func Check(t *target.Target, r *check.Result) *Document {
	d := Describe(t)
	doc := &Document{Title: d.title()}
	doc.add(header(d)[0])
	doc.add(record("checked", "", []pair{
		{Column{"heaps", "Heaps checked", Count}, r.Heaps},
		{Column{"blocks", "Blocks in them", Count}, r.Blocks},
		{Column{"findings", "Findings", Count}, len(r.Findings) + r.Dropped},
		{Column{"unjudged", titleIf(r.Unjudged > 0, "Problems not kept"), Count}, r.Unjudged},
	}))
	doc.add(findings(r.Findings), around(r.Findings), detected(r.Detected), locksHeld(r.Held))
	for i := range r.Detected {
		doc.add(shownDetected(&r.Detected[i]))
	}
	for _, h := range r.Held {
		doc.warn("lock-held", "", heldNote(h))
	}
	for i := range r.Findings {
		if i == shownFindings {
			break
		}
		doc.add(shown(i, &r.Findings[i]))
	}
	unchecked := problems(r.NotChecked, 0)
	unchecked[0].Key, unchecked[1].Title = "not_checked", "Not checked, the first of each kind"
	doc.add(unchecked...)
	doc.add(coverage(t, nil))
	doc.Warnings = append(doc.Warnings, problemWarnings(r.NotChecked, 0)...)
	doc.Warn("stacks", r.NoStacks)
	doc.Notes = append(doc.Notes, verdict(r))
	return doc
}

// verdict is the last line of text.
func verdict(r *check.Result) string {
	in := fmt.Sprintf("%s, %s", plural(r.Heaps, "heap", "heaps"), plural(r.Blocks, "block", "blocks"))
	n := len(r.Findings) + r.Dropped
	switch {
	case n == 0 && r.Heaps == 0:
		return "No heap could be checked."
	case n == 0 && r.Unjudged > 0:
		return fmt.Sprintf("Nothing wrong found in %s, but %s not looked at.", in, plural(r.Unjudged, "problem was", "problems were"))
	case n == 0:
		return "Nothing wrong found in " + in + "."
	case n > shownFindings:
		return fmt.Sprintf("%d findings in %s; --format json has them all.", n, in)
	}
	return fmt.Sprintf("%s in %s.", plural(n, "finding", "findings"), in)
}

// findings is the table for programs.
func findings(all []check.Finding) Table {
	return fill(Table{Key: "findings", Media: ForPrograms, Main: true}, []field[check.Finding]{
		f("rule", "", Text, func(x check.Finding) any { return string(x.Code) }),
		f("heap", "", Address, func(x check.Finding) any { return some(x.Heap) }),
		f("address", "", Address, func(x check.Finding) any { return x.At.Off }),
		f("object", "", Text, func(x check.Finding) any { return word(x.Object) }),
		f("field", "", Text, func(x check.Finding) any { return word(x.Field) }),
		f("title", "", Text, func(x check.Finding) any { return word(x.Title) }),
		f("expected", "", Text, func(x check.Finding) any { return word(x.Want) }),
		f("found", "", Text, func(x check.Finding) any { return word(x.Got) }),
		f("story", "", Text, func(x check.Finding) any { return word(x.Story) }),
		f("evidence", "", Text, func(x check.Finding) any { return word(x.Evidence) }),
		f("stack", "", Stack, func(x check.Finding) any { return stackCell(x.Stack) }),
		f("stack_names", "", List, func(x check.Finding) any { return stackNames(x.Stack) }),
		f("lost_bytes", "", Bytes, func(x check.Finding) any { return x.Lost }),
		f("mid_update", "", Yes, func(x check.Finding) any { return x.MidUpdate }),
	}, all)
}

// beside is a block at or beside a finding.
type beside struct {
	finding int
	check.Neighbour
}

// around is the blocks at and beside the findings, for programs.
func around(all []check.Finding) Table {
	var rows []beside
	for i := range all {
		for _, n := range all[i].Around {
			rows = append(rows, beside{i, n})
		}
	}
	return fill(Table{Key: "finding_blocks", Media: ForPrograms}, []field[beside]{
		f("finding", "", Count, func(b beside) any { return b.finding }),
		f("which", "", Text, func(b beside) any { return b.Which }),
		f("entry", "", Address, func(b beside) any { return addr(b.Addr) }),
		f("user", "", Address, func(b beside) any { return known(b.State == heap.Busy, addr(b.User())) }),
		f("block_bytes", "", Bytes, func(b beside) any { return b.Size }),
		f("user_bytes", "", Bytes, func(b beside) any { return known(b.State == heap.Busy, b.UserBytes()) }),
		f("state", "", Text, func(b beside) any { return b.State.String() }),
		f("origin", "", Text, func(b beside) any { return b.Origin.String() }),
		f("hex", "", Text, func(b beside) any { return word(fmt.Sprintf("% x", b.Data)) }),
		f("text", "", Text, func(b beside) any { return word(printable(b.Data)) }),
		f("stack", "", Stack, func(b beside) any { return stackCell(b.Stack) }),
		f("stack_names", "", List, func(b beside) any { return stackNames(b.Stack) }),
	}, rows)
}

// shown is one finding for people.
func shown(i int, x *check.Finding) Table {
	title := fmt.Sprintf("%d. %s", i+1, x.Code)
	if x.Title != "" {
		title += ": " + x.Title
	}
	object := x.Object
	if x.Field != "" {
		object += "." + x.Field
	}
	pairs := []pair{
		{Column{"", titleIf(x.Heap != 0, "Heap"), Address}, addr(x.Heap)},
		{Column{"", "At", Address}, x.At.Off},
		{Column{"", titleIf(object != "", "Object"), Text}, object},
		{Column{"", titleIf(x.Want != "", "Expected"), Text}, x.Want},
		{Column{"", titleIf(x.Got != "", "Found"), Text}, x.Got},
		{Column{"", titleIf(x.Story != "", "Likely"), Text}, x.Story},
		{Column{"", titleIf(x.Evidence != "", "Because"), Text}, x.Evidence},
		{Column{"", titleIf(x.MidUpdate, "But"), Text}, "the heap's lock was held: it may be a change in progress, and no damage"},
	}
	names := map[string]string{"before": "Block before", "block": "Block", "behind": "Block behind"}
	for _, n := range x.Around {
		pairs = append(pairs, pair{Column{"", names[n.Which], Text}, neighbourLine(n)})
		if n.Which == "before" && x.Overran() {
			for _, p := range stackLines(n.Stack) {
				p.Title = "Before's " + strings.ToLower(p.Title)
				pairs = append(pairs, p)
			}
		}
	}
	pairs = append(pairs, stackLines(x.Stack)...)
	t := record("", title, pairs)
	t.Media = ForPeople
	return t
}

func neighbourLine(n check.Neighbour) string {
	s := fmt.Sprintf("%#x, %s, %s bytes", uint64(n.Addr), n.State, thousands.Grouped(n.Size))
	if n.State == heap.Busy {
		s = fmt.Sprintf("%#x, %s, %s bytes at %#x", uint64(n.Addr), n.State, thousands.Grouped(n.UserBytes()), uint64(n.DataAt))
	}
	if len(n.Data) > 0 {
		s += fmt.Sprintf(": % x  %s", n.Data, printable(n.Data))
	}
	return s
}

// printable is bytes as text, with a dot for what is not printable ASCII.
func printable(b []byte) string {
	out := make([]byte, len(b))
	for i, c := range b {
		if out[i] = c; c < 0x20 || c >= 0x7f {
			out[i] = '.'
		}
	}
	return string(out)
}
