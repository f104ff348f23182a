package report

import (
	"github.com/heapdump/heapdump/internal/analysis/vmmap"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/memory"
)

// partialNote says what pieces without a list of regions are.
const partialNote = "The dump does not list its regions: this is the memory that was saved. What was free, reserved or left out is not known."

// AddressSummary is the result of heapdump address --summary.
func AddressSummary(t *target.Target, s vmmap.Summary) *Document {
	partial := !t.Space.RegionsKnown()
	d := Describe(t)
	doc := &Document{Title: d.title()}
	doc.add(header(d)...)
	doc.add(addressSpace(t, partial, s))
	doc.add(usages(s), sums(s, "type", "Type, of what is not free", s.Type), sums(s, "state", "State", s.State),
		sums(s, "protect", "Protection, of what is committed", s.Protect), largest(s), kinds(s))
	doc.add(coverage(t, nil))
	if partial {
		doc.warn("regions-unknown", "", partialNote)
	}
	return doc
}

func addressSpace(t *target.Target, partial bool, s vmmap.Summary) Table {
	return record("address_space", "Address space", []pair{
		{Column{"partial", "", Yes}, partial},
		{Column{"regions", "Regions", Count}, s.Regions},
		{Column{"bytes", "Bytes in them", Bytes}, s.Bytes},
		{Column{"free_bytes", titleIf(!partial, "Free bytes"), Bytes}, known(!partial, s.FreeBytes)},
		{Column{"unusable_bytes", titleIf(!partial, "Of these lost to 64 KiB steps"), Bytes}, known(!partial, s.UnusableBytes)},
		{Column{"written", "", Text}, written(t)},
	})
}

// percent is a part of a whole, nil when there is none.
func percent(part, whole uint64) any {
	if whole == 0 {
		return nil
	}
	return float64(part) / float64(whole) * 100
}

func usages(s vmmap.Summary) Table {
	busy := s.Bytes - s.FreeBytes
	return fill(Table{Key: "usage", Title: "Usage", Main: true}, []field[vmmap.Row]{
		f("name", "Usage", Text, func(r vmmap.Row) any { return r.Name }),
		f("bits", "Bits", Count, func(r vmmap.Row) any { return known(r.Bits != 0, r.Bits) }),
		f("regions", "Regions", Count, func(r vmmap.Row) any { return r.Regions }),
		f("bytes", "Bytes", Bytes, func(r vmmap.Row) any { return r.Bytes }),
		f("busy_percent", "Of what is not free", Percent, func(r vmmap.Row) any {
			if r.Name == vmmap.Free.String() {
				return nil
			}
			return percent(r.Bytes, busy)
		}),
		f("total_percent", "Of all", Percent, func(r vmmap.Row) any { return percent(r.Bytes, s.Bytes) }),
	}, s.Usage)
}

func sums(s vmmap.Summary, key, title string, rows []vmmap.Row) Table {
	return fill(Table{Key: key, Title: title}, []field[vmmap.Row]{
		f("name", "Name", Text, func(r vmmap.Row) any { return r.Name }),
		f("regions", "Regions", Count, func(r vmmap.Row) any { return r.Regions }),
		f("bytes", "Bytes", Bytes, func(r vmmap.Row) any { return r.Bytes }),
		f("total_percent", "Of all", Percent, func(r vmmap.Row) any { return percent(r.Bytes, s.Bytes) }),
	}, rows)
}

func kinds(s vmmap.Summary) Table {
	return fill(Table{Key: "kinds", Title: "What is known of Other and <unknown>"}, []field[vmmap.Row]{
		f("name", "Kind", Text, func(r vmmap.Row) any { return r.Name }),
		f("regions", "Regions", Count, func(r vmmap.Row) any { return r.Regions }),
		f("bytes", "Bytes", Bytes, func(r vmmap.Row) any { return r.Bytes }),
	}, s.Kinds)
}

func largest(s vmmap.Summary) Table {
	return fill(Table{Key: "largest", Title: "Largest region by usage"}, []field[vmmap.Largest]{
		f("name", "Usage", Text, func(l vmmap.Largest) any { return l.Name }),
		f("bits", "Bits", Count, func(l vmmap.Largest) any { return known(l.Bits != 0, l.Bits) }),
		f("base", "Base", Address, func(l vmmap.Largest) any { return addr(l.Base) }),
		f("bytes", "Bytes", Bytes, func(l vmmap.Largest) any { return l.Bytes }),
	}, s.Largest)
}

// AddressList is the result of heapdump address without an address: the
// pieces that were asked for.
func AddressList(t *target.Target, m *vmmap.Map, pieces []vmmap.Piece) *Document {
	d := Describe(t)
	doc := &Document{Title: d.title()}
	doc.add(header(d)[0])
	doc.add(fill(Table{Key: "regions", Title: "Regions", Main: true, Empty: "none"}, pieceFields(t), pieces))
	doc.add(coverage(t, nil))
	if m.Partial {
		doc.warn("regions-unknown", "", partialNote)
	}
	return doc
}

func pieceFields(t *target.Target) []field[vmmap.Piece] {
	return []field[vmmap.Piece]{
		f("base", "Base", Address, func(p vmmap.Piece) any { return addr(p.Start) }),
		f("end", "End", Address, func(p vmmap.Piece) any { return addr(p.End) }),
		f("bytes", "Bytes", Bytes, func(p vmmap.Piece) any { return p.Size() }),
		f("state", "State", Text, func(p vmmap.Piece) any { return p.State.String() }),
		f("type", "Type", Text, func(p vmmap.Piece) any { return word(p.Type.String()) }),
		f("protect", "Protection", Text, func(p vmmap.Piece) any { return known(p.State == memory.MemCommit, word(p.Protect.String())) }),
		f("allocation_base", "", Address, func(p vmmap.Piece) any { return some(p.AllocationBase) }),
		f("allocation_protect", "", Text, func(p vmmap.Piece) any { return word(p.AllocationProtect.String()) }),
		f("saved_bytes", "", Bytes, func(p vmmap.Piece) any { return t.Space.Saved(p.Range) }),
		f("usage", "Usage", Text, func(p vmmap.Piece) any { return p.Usage.String() }),
		f("bits", "", Count, func(p vmmap.Piece) any { return known(p.Bits() != 0, p.Bits()) }),
		f("part", "", Text, func(p vmmap.Piece) any { return word(p.Part()) }),
		f("owner", "Owner", Text, func(p vmmap.Piece) any { return word(ownerOf(p)) }),
	}
}

func ownerOf(p vmmap.Piece) string {
	if p.Owner == nil {
		return ""
	}
	return p.Owner.Words()
}
