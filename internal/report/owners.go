package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/heapdump/heapdump/internal/analysis/attrib"
	"github.com/heapdump/heapdump/internal/analysis/content"
	"github.com/heapdump/heapdump/internal/analysis/stacks"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/internal/thousands"
)

// shownStacks is of how many groups text shows the stack.
const shownStacks = 3

// Owners is the result of heapdump owners. chosen says that flags chose among
// the blocks.
func Owners(t *target.Target, r *attrib.Result, top int, chosen bool) *Document {
	x := Describe(t)
	d := &Document{Title: x.title()}
	d.add(header(x)[0])
	what := "in use"
	if chosen {
		what = "picked"
	}
	d.add(record("total", "", []pair{
		{Column{"by", "", List}, by(r)},
		{Column{"blocks", "Blocks " + what, Count}, r.Blocks},
		{Column{"bytes", "Bytes in them", Bytes}, r.Bytes},
		{Column{"groups", "Owners", Count}, len(r.Groups)},
		{Column{"known_bytes", "Bytes with a known owner", Bytes}, r.Known},
		{Column{"known_percent", "", Percent}, known(r.Bytes > 0, share(r.Known, r.Bytes))},
		{Column{"written", "", Text}, written(t)},
		{Column{"lost_bytes", titleIf(r.Lost > 0, "Damaged bytes, in no group"), Bytes}, r.Lost},
	}))
	d.add(ownerGroups(t, r, top))
	d.add(ownerStacks(r)...)
	cov := values("coverage", "What this dump cannot answer", append(Coverage(t, nil), r.Notes...))
	cov.Wrap = true
	d.add(cov, ownerNext(x, r))
	return d
}

// written is when the dump was written, null when it does not say.
func written(t *target.Target) any {
	if at := t.File.Time(); at.Unix() > 0 {
		return at.UTC().Format(time.RFC3339)
	}
	return nil
}

func by(r *attrib.Result) []string {
	var out []string
	for _, b := range r.By {
		out = append(out, b.String())
	}
	return out
}

func share(part, whole uint64) float64 { return 100 * float64(part) / float64(max(whole, 1)) }

// ownerGroups is the table of groups.
func ownerGroups(t *target.Target, r *attrib.Result, top int) Table {
	shown := cut(r.Groups, top)
	out := fill(Table{Key: "groups", Title: "Owners, by " + strings.Join(by(r), ", then ") + ", the most bytes first", Main: true,
		Empty: "no block in use is picked"}, []field[attrib.Group]{
		f("keys", "Owner", List, func(g attrib.Group) any { return groupKeys(g) }),
		f("blocks", "Blocks", Count, func(g attrib.Group) any { return g.Blocks }),
		f("bytes", "Bytes", Bytes, func(g attrib.Group) any { return g.Bytes }),
		f("share", "Share", Percent, func(g attrib.Group) any { return known(r.Bytes > 0, share(g.Bytes, r.Bytes)) }),
		f("evidence", "", List, func(g attrib.Group) any { return groupEvidence(g) }),
		f("confidence", "Confidence", Text, func(g attrib.Group) any { return g.Confidence().String() }),
		f("fingerprint", "", Text, func(g attrib.Group) any { return g.Fingerprint() }),
		f("example", "For example", Address, func(g attrib.Group) any { return addr(g.Example) }),
		f("sample", titleIf(hasText(r), "Text there"), Text, func(g attrib.Group) any { return groupSample(t, g) }),
		f("stack", "", Stack, func(g attrib.Group) any { return stackCell(groupStack(g)) }),
		f("stack_names", "", List, func(g attrib.Group) any { return stackNames(groupStack(g)) }),
	}, shown)
	if n := len(r.Groups) - len(shown); n > 0 {
		blocks, bytes := 0, uint64(0)
		for _, g := range r.Groups[len(shown):] {
			blocks, bytes = blocks+g.Blocks, bytes+g.Bytes
		}
		out.Notes = append(out.Notes, fmt.Sprintf("… and %s of %s bytes in %s blocks; --top 0 shows all",
			plural(n, "more owner", "more owners"), thousands.Grouped(bytes), thousands.Grouped(uint64(blocks))))
	}
	seen := map[string]bool{}
	for _, g := range shown {
		for _, k := range g.Keys {
			if s := k.Text + ": " + k.Evidence; k.By != attrib.Size && k.By != attrib.Heap && !seen[k.Evidence] {
				seen[k.Evidence] = true
				out.Notes = append(out.Notes, s)
			}
		}
	}
	return out
}

// hasText reports whether groups are made of what bytes are.
func hasText(r *attrib.Result) bool {
	return slices.Contains(r.By, attrib.Type) || slices.Contains(r.By, attrib.Content)
}

func groupKeys(g attrib.Group) []string {
	var out []string
	for _, k := range g.Keys {
		out = append(out, k.Text)
	}
	return out
}

func groupEvidence(g attrib.Group) []string {
	var out []string
	for _, k := range g.Keys {
		out = append(out, k.Evidence)
	}
	return out
}

// groupSample is the text at the start of a group's example, when its bytes
// are text; null when not.
func groupSample(t *target.Target, g attrib.Group) any {
	for _, k := range g.Keys {
		if !k.Kind.Text() {
			continue
		}
		b := t.Space.Tail(g.ExampleData)
		return word(content.Sample(k.Kind, b[:min(len(b), content.Look)], g.In.Bits))
	}
	return nil
}

// groupStack is the stack of a group by stack; nil of another.
func groupStack(g attrib.Group) []stacks.Frame {
	for _, k := range g.Keys {
		if len(k.Stack) > 0 {
			return k.Stack
		}
	}
	return nil
}

// ownerStacks are the stacks of the first groups, for people.
func ownerStacks(r *attrib.Result) []Table {
	var out []Table
	for _, g := range r.Groups {
		for _, k := range g.Keys {
			if len(k.Stack) == 0 || len(out) == shownStacks {
				continue
			}
			t := frames("", "", k.Stack)
			t.Key, t.Media = "", ForPeople
			t.Title = fmt.Sprintf("Where %s was called for %s bytes in %s, innermost first", k.Text, thousands.Grouped(g.Bytes), plural(g.Blocks, "block", "blocks"))
			out = append(out, t)
		}
	}
	return out
}

// ownerNext suggests what to run next.
func ownerNext(d Dump, r *attrib.Result) Table {
	t := values("next", nextTitle, nil)
	t.Media = ForPeople
	if len(r.Groups) == 0 {
		return t
	}
	file := shell(d.Path)
	t.Rows = append(t.Rows,
		[]any{"# a block of the first group, with all that is known of it"},
		[]any{fmt.Sprintf("heapdump find %v %s", r.Groups[0].Example, file)},
		[]any{"# what of it no root leads to"},
		[]any{"heapdump leaks " + file})
	if slices.Contains(r.By, attrib.Type) && !slices.Contains(r.By, attrib.Module) && r.Known < r.Bytes-r.Bytes/20 {
		t.Rows = append(t.Rows,
			[]any{"# whose the blocks of unknown type are: the module whose stack, or whose data, leads to them"},
			[]any{"heapdump owners --by type,module " + file})
	}
	return t
}
