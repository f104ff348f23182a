package report

import (
	"fmt"
	"strings"

	"github.com/heapdump/heapdump/internal/analysis/roles"
	"github.com/heapdump/heapdump/internal/analysis/vmmap"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/memory"
)

// Explained is what heapdump address says of one address.
type Explained struct {
	Address   memory.Addr
	Piece     vmmap.Piece
	Described bool           // the dump describes the address: there is a Piece
	Owners    []*vmmap.Owner // the first has the memory
	Section   string         // of the module, empty when in none
	Symbol    string         // of an address in a module, module!name+0x1a; empty elsewhere
	// SymbolHow says what Symbol rests on, as symbols.Name.Found does.
	SymbolHow string
	Saved     bool
	Why       memory.Reason // why it is not saved
	Beyond    string        // what an address is that no program can have; empty for others

	Roles      *roles.Result    // nil unless it is in a heap
	Allocation memory.Range     // whose referrers were looked for; empty when not
	Referrers  []vmmap.Referrer // the likeliest owner first
}

// AddressAt is the result of heapdump address ADDR.
func AddressAt(t *target.Target, m *vmmap.Map, x Explained) *Document {
	d := Describe(t)
	doc := &Document{Title: d.title()}
	doc.add(header(d)[0], explained(t, m, x), owners(x.Owners), referrers(x))
	doc.add(addressNext(d, x))
	if m.Partial {
		doc.warn("regions-unknown", "", partialNote)
	}
	return doc
}

func explained(t *target.Target, m *vmmap.Map, x Explained) Table {
	p, in := x.Piece, x.Described
	free := p.State == memory.MemFree
	o := x.owner()
	pairs := []pair{
		{Column{"address", "Address", Address}, addr(x.Address)},
		{Column{"usage", "Usage", Text}, usageOf(x)},
		{Column{"bits", "", Count}, known(o != nil && o.Bits != 0, bitsOf(o))},
		{Column{"owner", titleIf(o != nil || x.Beyond == "", "Owner"), Text}, word(ownerLine(x))},
		{Column{"beyond", titleIf(x.Beyond != "", "What it is"), Text}, word(x.Beyond)},
		{Column{"part", titleIf(p.Part() != "", "Part of the stack"), Text}, word(p.Part())},
		{Column{"evidence", titleIf(o != nil, "Known by"), Text}, nil},
		{Column{"base", titleIf(in, "Region"), Address}, known(in, addr(p.Start))},
		{Column{"end", titleIf(in, "Up to"), Address}, known(in, addr(p.End))},
		{Column{"bytes", titleIf(in, "Bytes"), Bytes}, known(in, p.Size())},
		{Column{"offset", titleIf(in, "Offset in it"), Hex}, known(in, uint64(x.Address-p.Start))},
		{Column{"state", titleIf(in, "State"), Text}, known(in, p.State.String())},
		{Column{"protect", titleIf(in && p.State == memory.MemCommit, "Protection"), Text}, known(in && p.State == memory.MemCommit, word(p.Protect.String()))},
		{Column{"type", titleIf(in && !free, "Type"), Text}, known(in, word(p.Type.String()))},
		{Column{"allocation_base", titleIf(in && !free, "Allocation base"), Address}, known(in && !free, some(p.AllocationBase))},
		{Column{"allocation_protect", titleIf(in && !free, "Allocation protection"), Text}, known(in && !free, word(p.AllocationProtect.String()))},
		{Column{"unusable", titleIf(free, "Lost to 64 KiB steps"), Yes}, known(in && free, uint64(x.Address-p.Start) < vmmap.Unusable(p.Range))},
		{Column{"saved", "In the dump", Yes}, x.Saved},
		{Column{"missing", titleIf(!x.Saved, "Why not"), Text}, known(!x.Saved, x.Why.String())},
		{Column{"partial", "", Yes}, m.Partial},
		{Column{"referrers_base", "", Address}, known(!x.Allocation.Empty(), addr(x.Allocation.Start))},
		{Column{"referrers_bytes", "", Bytes}, known(!x.Allocation.Empty(), x.Allocation.Size())},
	}
	if o != nil {
		pairs[6].value = o.Evidence
	}
	doc := record("address", "", append(pairs, ownerPairs(t, x)...))
	doc.Main, doc.Flat = true, true
	if !in && o != nil {
		doc.Notes = append(doc.Notes, "The dump has no memory there and does not list its region: whose it is, is what its other lists say.")
	}
	return doc
}

// owner is whose the address is: the piece's owner or, where the dump describes
// no memory there, the first that the dump's lists name. Nil for nobody's.
func (x *Explained) owner() *vmmap.Owner {
	if !x.Described && len(x.Owners) > 0 {
		return x.Owners[0]
	}
	return x.Piece.Owner
}

func bitsOf(o *vmmap.Owner) int {
	if o == nil {
		return 0
	}
	return o.Bits
}

// usageOf is what the address is for, nil where nothing says it.
func usageOf(x Explained) any {
	switch o := x.owner(); {
	case x.Described:
		return x.Piece.Usage.String()
	case o != nil:
		return o.Usage.String()
	}
	return nil
}

// ownerPairs are the facts of the owner, each in a key of its own.
func ownerPairs(t *target.Target, x Explained) []pair {
	var h, thread, module, offset, role, said any
	o := x.owner()
	if o != nil {
		h, thread = some(o.Heap), known(o.HasThread, o.Thread)
		if o.Usage == vmmap.Image {
			module, offset = word(o.Name), uint64(x.Address-o.Start)
		}
		for _, heap := range t.Heaps {
			if o.Heap != 0 && heap.Address == o.Heap && x.Roles != nil {
				role, said = word(x.Roles.Of(heap).Kind.String()), roleWords(heap, x.Roles)
			}
		}
	}
	return []pair{
		{Column{"kind", "", Text}, kindOfOwner(o)},
		{Column{"heap", titleIf(h != nil, "Heap"), Address}, h},
		{Column{"heap_role", "", Text}, role},
		{Column{"", titleIf(said != nil, "Role of the heap"), Text}, said},
		{Column{"thread", titleIf(thread != nil, "Thread"), Hex}, thread},
		{Column{"module", titleIf(module != nil, "Module"), Text}, module},
		{Column{"module_offset", titleIf(module != nil, "Offset in the module"), Hex}, offset},
		{Column{"section", titleIf(x.Section != "", "Section"), Text}, word(x.Section)},
		{Column{"symbol", titleIf(x.Symbol != "", "Symbol"), Text}, word(x.Symbol)},
		{Column{"symbol_how", titleIf(x.Symbol != "", "Found by"), Text}, word(x.SymbolHow)},
	}
}

func kindOfOwner(o *vmmap.Owner) any {
	if o == nil {
		return nil
	}
	return o.Kind
}

// ownerLine says in one line what the address belongs to.
func ownerLine(x Explained) string {
	o := x.owner()
	if o == nil {
		return ""
	}
	s := o.Words()
	if !o.Contains(x.Address) {
		return "beside it on a page: " + s // pages have owners, and this one has less than its page
	}
	if x.Section != "" {
		s += ", section " + x.Section
	}
	return s
}

// owners is what else claims the address.
func owners(all []*vmmap.Owner) Table {
	if len(all) < 2 {
		all = nil
	} else {
		all = all[1:]
	}
	return fill(Table{Key: "also", Title: "Also there"}, []field[*vmmap.Owner]{
		f("base", "From", Address, func(o *vmmap.Owner) any { return addr(o.Start) }),
		f("bytes", "Bytes", Bytes, func(o *vmmap.Owner) any { return o.Size() }),
		f("usage", "Usage", Text, func(o *vmmap.Owner) any { return o.Usage.String() }),
		f("owner", "Owner", Text, func(o *vmmap.Owner) any { return o.Words() }),
		f("evidence", "Known by", Text, func(o *vmmap.Owner) any { return o.Evidence }),
	}, all)
}

// referrers is what points into an allocation of which nothing else is known.
func referrers(x Explained) Table {
	t := fill(Table{Key: "referrers", Title: fmt.Sprintf("Whose memory has words that point into %v", x.Allocation)}, []field[vmmap.Referrer]{
		f("owner", "Owner", Text, func(r vmmap.Referrer) any { return r.Owner.Words() }),
		f("words", "Words", Count, func(r vmmap.Referrer) any { return r.Words }),
		f("base_words", "To its start", Count, func(r vmmap.Referrer) any { return r.Base }),
		f("at", "One is at", Address, func(r vmmap.Referrer) any { return addr(r.At) }),
		f("value", "And holds", Address, func(r vmmap.Referrer) any { return addr(r.Value) }),
	}, x.Referrers)
	if len(t.Rows) == 0 && !x.Allocation.Empty() {
		t.Empty = "No word points there in the writable memory of images, heaps, stacks and the like that the dump has."
	}
	if len(t.Rows) > 0 {
		t.Notes = append(t.Notes, "Words in free blocks count too, and on 32 bits a number may look like an address.")
	}
	return t
}

// addressNext suggests what to ask next of the address.
func addressNext(d Dump, x Explained) Table {
	t := values("next", nextTitle, nil)
	t.Media = ForPeople
	add := func(why, format string, args ...any) {
		t.Rows = append(t.Rows, []any{"# " + why}, []any{"heapdump " + fmt.Sprintf(format, args...)})
	}
	file := shell(d.Path)
	o := x.owner()
	switch {
	case o != nil && o.Heap != 0 && !strings.Contains(o.Kind, "not walked") && (o.Usage == vmmap.Heap || o.Usage == vmmap.PageHeap):
		if o.Kind == "segment" || o.Kind == "virtual block" || o.Kind == "page heap" {
			add("the block there", "find %v %s", x.Address, file)
		}
		add("the heap", "heap %v %s", o.Heap, file)
	case len(x.Referrers) > 0 && x.Referrers[0].Owner.Usage == vmmap.Heap:
		add("the block that points there", "find %v %s", x.Referrers[0].At, file)
	case x.Described && x.Piece.Usage == vmmap.Unknown:
		add("the largest of its kind", "address --usage unknown --format csv %s", file)
	}
	return t
}
