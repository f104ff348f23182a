package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/heapdump/heapdump/internal/analysis/refs"
	"github.com/heapdump/heapdump/internal/analysis/triage"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/internal/thousands"
)

// Retained is the result of heapdump retained.
func Retained(t *target.Target, d *refs.Dominators, rows []refs.Retainer, byRoot bool) *Document {
	dump := Describe(t)
	doc := &Document{Title: dump.title()}
	doc.add(header(dump)[0], retainedBlocks(rows, byRoot))
	cov := values("coverage", "What this dump cannot answer", LeakCoverage(t, d.Reach))
	cov.Wrap = true
	doc.add(cov)
	return doc
}

// RetainedByType is the result of heapdump retained --by type.
func RetainedByType(t *target.Target, d *refs.Dominators, rows []refs.TypeRetained, top int) *Document {
	dump := Describe(t)
	doc := &Document{Title: dump.title()}
	doc.add(header(dump)[0], fill(Table{Key: "retained", Title: "What retains the most, by type", Main: true, Empty: "No root leads to any block."}, []field[refs.TypeRetained]{
		f("retained_bytes", "Retained bytes", Bytes, func(r refs.TypeRetained) any { return r.Retained }),
		f("retained_blocks", "Blocks", Count, func(r refs.TypeRetained) any { return r.Under }),
		f("type", "Type", Text, func(r refs.TypeRetained) any { return word(r.Type) }),
		f("type_evidence", "By", Text, func(r refs.TypeRetained) any { return word(r.Evidence) }),
		f("blocks", "Of the type", Count, func(r refs.TypeRetained) any { return r.Blocks }),
		f("bytes", "Their bytes", Bytes, func(r refs.TypeRetained) any { return r.Bytes }),
		f("example", "For example", Address, func(r refs.TypeRetained) any { return addr(r.Example) }),
	}, cut(rows, top)))
	cov := values("coverage", "What this dump cannot answer", LeakCoverage(t, d.Reach))
	cov.Wrap = true
	doc.add(cov)
	return doc
}

func retainedBlocks(rows []refs.Retainer, byRoot bool) Table {
	t := Table{Key: "retained", Title: "What retains the most", Main: true, Empty: "No root leads to any block."}
	share := []field[refs.Retainer]{
		f("retained_bytes", "Retained bytes", Bytes, func(r refs.Retainer) any { return r.Retained }),
		f("retained_blocks", "Blocks", Count, func(r refs.Retainer) any { return r.Blocks }),
	}
	if byRoot {
		named := slices.ContainsFunc(rows, func(r refs.Retainer) bool { return r.Variable.NamedBy() != "" })
		return fill(t, append(share,
			f("root", "Root", Text, func(r refs.Retainer) any { return r.Variable.Name() }),
			f("root_named_by", titleIf(named, "Named by"), Text, func(r refs.Retainer) any { return word(r.Variable.NamedBy()) }),
			f("kind", "Kind", Text, func(r refs.Retainer) any { return r.Variable.Area.Kind.String() }),
			f("address", "At", Address, func(r refs.Retainer) any { return some(r.Variable.At) })), rows)
	}
	return fill(t, append(share,
		f("user", "User pointer", Address, func(r refs.Retainer) any { return addr(r.User) }),
		f("user_bytes", "User bytes", Bytes, func(r refs.Retainer) any { return r.Size }),
		f("held_by", "Held by", Text, func(r refs.Retainer) any { return r.Dominator })), rows)
}

// suspectTitle is a suspect in one line.
func suspectTitle(s *refs.Suspect) string {
	shape := s.Shape
	if shape == "blocks" {
		shape = "holder"
	}
	return fmt.Sprintf("A %s of %s blocks of %s bytes%s, from %s", shape, thousands.Grouped(uint64(s.Length)), thousands.Grouped(s.Element), inParentheses(s.Type), s.Root)
}

func inParentheses(s string) string {
	if s == "" {
		return ""
	}
	return " (" + s + ")"
}

// suspectText is a suspect in two or three sentences, the last of which is
// what to run next.
func suspectText(s *refs.Suspect, file string) string {
	out := fmt.Sprintf("It alone keeps %s bytes in use, of which its %s blocks of %s bytes are %s.",
		thousands.Grouped(s.Retained), thousands.Grouped(uint64(s.Length)), thousands.Grouped(s.Element), thousands.Grouped(s.Bytes))
	if len(s.Path) > 0 {
		out += " The way to it: " + strings.Join(s.Path, " → ") + "."
	}
	if s.Holder != 0 {
		return out + fmt.Sprintf(" Next: heapdump refs %v %s", s.Holder, file)
	}
	return out + fmt.Sprintf(" Next: heapdump retained --by root %s", file)
}

// suspects is the accumulators, for programs and for people.
func suspects(t *target.Target, all []refs.Suspect) []Table {
	file := shell(t.Path)
	program := fill(Table{Key: "suspects", Media: ForPrograms}, []field[refs.Suspect]{
		f("rule", "", Text, func(s refs.Suspect) any { return s.Rule }),
		f("fingerprint", "", Text, func(s refs.Suspect) any { return triage.SuspectFingerprint(t, &s) }),
		f("title", "", Text, func(s refs.Suspect) any { return suspectTitle(&s) }),
		f("shape", "", Text, func(s refs.Suspect) any { return s.Shape }),
		f("length", "", Count, func(s refs.Suspect) any { return s.Length }),
		f("element_type", "", Text, func(s refs.Suspect) any { return word(s.Type) }),
		f("element_bytes", "", Bytes, func(s refs.Suspect) any { return s.Element }),
		f("bytes", "", Bytes, func(s refs.Suspect) any { return s.Bytes }),
		f("retained_bytes", "", Bytes, func(s refs.Suspect) any { return s.Retained }),
		f("path", "", List, func(s refs.Suspect) any { return s.Path }),
		f("text", "", Text, func(s refs.Suspect) any { return suspectText(&s, file) }),
	}, all)
	var said []string
	for i := range all {
		said = append(said, fmt.Sprintf("%d. %s. %s", i+1, suspectTitle(&all[i]), suspectText(&all[i], file)))
	}
	people := values("", "Accumulators: reachable, and most of what is in use", said)
	people.Media, people.Wrap = ForPeople, true
	return []Table{program, people}
}
