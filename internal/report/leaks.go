package report

import (
	"fmt"
	"math"

	"github.com/heapdump/heapdump/internal/analysis/refs"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/internal/thousands"
)

// LeakOptions say what of a result is shown.
type LeakOptions struct {
	Top    int  // groups in text; 0 is all
	Blocks bool // every unreachable block
	Heaps  []*target.Heap
}

// Leaks is the result of heapdump leaks.
func Leaks(t *target.Target, r *refs.Reach, l *refs.Leaks, accumulators []refs.Suspect, o LeakOptions) *Document {
	d := Describe(t)
	doc := &Document{Title: d.title()}
	doc.add(header(d)[0])
	doc.add(count("busy", "", "Blocks in use", "Bytes in use", l.Busy),
		count("unreachable", "", "Unreachable blocks", "Unreachable bytes", l.Unreachable))
	doc.add(sets(l), leakGroups(l, o.Top))
	doc.add(leakStacks(l)...)
	doc.add(suspects(t, accumulators)...)
	doc.add(rootCounts(r), confidence(r, l))
	if o.Blocks {
		doc.add(leakedBlocks(r, o.Heaps))
	}
	cov := values("coverage", "What this dump cannot answer", LeakCoverage(t, r))
	cov.Wrap = true
	doc.add(cov)
	doc.Notes = append(doc.Notes, leakVerdict(r, l)...)
	doc.add(leakNext(d, l))
	return doc
}

func count(key, title, blocks, bytes string, c refs.Count) Table {
	return record(key, title, []pair{
		{Column{"blocks", blocks, Count}, c.Blocks},
		{Column{"bytes", bytes, Bytes}, c.Bytes},
	})
}

// meanings say in words what the sets are.
var meanings = [refs.Sets]string{
	refs.Reachable:    "a root leads to them",
	refs.InteriorOnly: "only by pointers into their middle",
	refs.StackOnly:    "only from a stack or register",
	refs.Leaked:       "nothing points to them",
	refs.Indirect:     "only unreachable blocks point to them",
	refs.Cycle:        "they point to each other, and nothing else does",
	refs.Kept:         "the program freed them; the debug C runtime or page heap keeps them",
}

type setRow struct {
	set refs.Set
	refs.Count
}

// sets is the account: each block in use stands in one row.
func sets(l *refs.Leaks) Table {
	var rows []setRow
	for s, c := range l.Sets {
		if c.Blocks > 0 || refs.Set(s) == refs.Reachable || refs.Set(s) == refs.Leaked {
			rows = append(rows, setRow{refs.Set(s), c})
		}
	}
	t := fill(Table{Key: "sets", Title: "How the blocks in use are reached"}, []field[setRow]{
		f("set", "Set", Text, func(x setRow) any { return x.set.String() }),
		f("unreachable", "", Yes, func(x setRow) any { return x.set.Unreachable() }),
		f("blocks", "Blocks", Count, func(x setRow) any { return x.Blocks }),
		f("bytes", "Bytes", Bytes, func(x setRow) any { return x.Bytes }),
		f("", "Meaning", Text, func(x setRow) any { return meanings[x.set] }),
	}, rows)
	t.Total = []any{"in use", nil, l.Busy.Blocks, l.Busy.Bytes, ""}
	return t
}

// leakGroups is the unreachable blocks by owner.
func leakGroups(l *refs.Leaks, top int) Table {
	t := fill(Table{Key: "groups", Title: "Unreachable, by owner", Main: true}, []field[refs.Group]{
		f("owner", "Owner", Text, func(x refs.Group) any { return x.Owner }),
		f("evidence", "Evidence", Text, func(x refs.Group) any { return x.Evidence }),
		f("blocks", "Blocks", Count, func(x refs.Group) any { return x.Blocks }),
		f("bytes", "Bytes", Bytes, func(x refs.Group) any { return x.Bytes }),
		f("leaked_blocks", "Nothing points\nto", Count, func(x refs.Group) any { return x.Heads }),
		f("example", "For example", Address, func(x refs.Group) any { return addr(x.Example) }),
		f("stack", "", Stack, func(x refs.Group) any { return stackCell(x.Stack) }),
		f("stack_names", "", List, func(x refs.Group) any { return stackNames(x.Stack) }),
	}, cut(l.Groups, top))
	if n := len(l.Groups) - len(t.Rows); n > 0 {
		rest := refs.Count{}
		for _, g := range l.Groups[len(t.Rows):] {
			rest.Blocks += g.Blocks
			rest.Bytes += g.Bytes
		}
		t.Notes = append(t.Notes, fmt.Sprintf("… and %s of %s bytes in %s blocks; --top 0 shows all", plural(n, "more owner", "more owners"), thousands.Grouped(rest.Bytes), thousands.Grouped(uint64(rest.Blocks))))
	}
	return t
}

func cut[T any](all []T, top int) []T {
	if top > 0 && len(all) > top {
		return all[:top]
	}
	return all
}

// leakStacks are the stacks of the first groups that have one, for people.
func leakStacks(l *refs.Leaks) []Table {
	var out []Table
	for i := range l.Groups {
		if g := &l.Groups[i]; len(g.Stack) > 0 && len(out) < shownStacks {
			t := frames("", "", g.Stack)
			t.Key, t.Media = "", ForPeople
			t.Title = fmt.Sprintf("Where %s allocated %s, innermost first", g.Owner, plural(g.Blocks, "block", "blocks"))
			out = append(out, t)
		}
	}
	return out
}

// rootCounts says what was looked at.
func rootCounts(r *refs.Reach) Table {
	var rows []refs.KindCount
	for _, c := range r.Counts {
		if c.Areas > 0 || !c.Taken {
			rows = append(rows, c)
		}
	}
	return fill(Table{Key: "roots", Title: "Roots"}, []field[refs.KindCount]{
		f("kind", "Kind", Text, func(c refs.KindCount) any { return c.Kind.String() }),
		f("taken", "Looked at", Yes, func(c refs.KindCount) any { return c.Taken }),
		f("areas", "Areas", Count, func(c refs.KindCount) any { return c.Areas }),
		f("scanned_bytes", "Bytes", Bytes, func(c refs.KindCount) any { return known(c.Kind != refs.Register, c.Bytes) }),
		f("missing_bytes", "Missing bytes", Bytes, func(c refs.KindCount) any { return known(c.Kind != refs.Register, c.Missing) }),
		f("references", "References", Count, func(c refs.KindCount) any { return c.Hits }),
	}, rows)
}

// confidence says how far the answer can be trusted.
func confidence(r *refs.Reach, l *refs.Leaks) Table {
	chance, ok := r.Chance()
	lost := uint64(0)
	for _, x := range r.Lost {
		lost += x.Size()
	}
	share := 100.0
	if l.Unreachable.Blocks > 0 {
		share = 100 * float64(l.Unreachable.Blocks) / (float64(l.Unreachable.Blocks) + chance)
	}
	return record("confidence", "Confidence", []pair{
		{Column{"complete", "All that refers is in the dump", Yes}, complete(r)},
		{Column{"chance_blocks", "Blocks hidden by chance, at most about", Count}, known(ok, uint64(math.Ceil(chance)))},
		{Column{"found_percent", "Share of the unreachable found, at least", Percent}, known(ok, share)},
		{Column{"missing_block_bytes", "Missing bytes of blocks", Bytes}, r.Missing},
		{Column{"lost_bytes", "Damaged bytes, neither leaked nor not", Bytes}, lost},
		{Column{"skipped_blocks", titleIf(r.Dropped > 0, "Blocks left out, since they overlap"), Count}, r.Dropped},
	})
}

// complete reports whether nothing that could refer to a block is missing.
func complete(r *refs.Reach) bool {
	for _, c := range r.Counts {
		if c.Missing > 0 || !c.Taken {
			return false
		}
	}
	return r.Missing == 0 && len(r.Lost) == 0
}

// LeakCoverage says what is missing, and what that means for reachability.
func LeakCoverage(t *target.Target, r *refs.Reach) []string {
	return append(Coverage(t, nil), r.Gaps()...)
}

// leakVerdict is the last words of text.
func leakVerdict(r *refs.Reach, l *refs.Leaks) []string {
	switch {
	case l.Busy.Blocks == 0:
		return []string{"No block in use could be looked at."}
	case l.Unreachable.Blocks == 0:
		return []string{"Every block in use is reachable."}
	}
	bound := ""
	if !complete(r) {
		bound = "at most "
	}
	return []string{fmt.Sprintf("Of %s bytes in use %s%s in %s have no path from any root.",
		thousands.Grouped(l.Busy.Bytes), bound, thousands.Grouped(l.Unreachable.Bytes), plural(l.Unreachable.Blocks, "block", "blocks"))}
}

// leakNext suggests what to run next.
func leakNext(d Dump, l *refs.Leaks) Table {
	t := values("next", nextTitle, nil)
	t.Media = ForPeople
	if len(l.Groups) == 0 {
		return t
	}
	file := shell(d.Path)
	t.Rows = append(t.Rows, []any{"# a block of the largest owner, with its neighbours and stack"},
		[]any{fmt.Sprintf("heapdump find %v %s", l.Groups[0].Example, file)},
		[]any{"# every unreachable block, for a script"},
		[]any{fmt.Sprintf("heapdump leaks --blocks --format csv --table leaked %s", file)})
	return t
}

// leakedBlocks is every unreachable block.
func leakedBlocks(r *refs.Reach, heaps []*target.Heap) Table {
	var rows []refs.ID
	r.In(heaps, func(id refs.ID) {
		if r.Set(id).Unreachable() {
			rows = append(rows, id)
		}
	})
	return fill(Table{Key: "leaked", Title: "Unreachable blocks"}, []field[refs.ID]{
		f("user", "User pointer", Address, func(id refs.ID) any { return addr(r.User(id)) }),
		f("user_bytes", "User bytes", Bytes, func(id refs.ID) any { return r.Size(id) }),
		f("set", "Set", Text, func(id refs.ID) any { return r.Set(id).String() }),
		f("heap", "Heap", Address, func(id refs.ID) any { return addr(r.Heap(id).Address) }),
	}, rows)
}
