package report

import (
	"fmt"
	"maps"
	"slices"

	"github.com/heapdump/heapdump/internal/analysis/handles"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/internal/thousands"
)

// Handles is the result of heapdump handles.
func Handles(t *target.Target, r *handles.Result) *Document {
	d := Describe(t)
	doc := &Document{Title: d.title()}
	doc.add(header(d)[0], handleCounts(t, r), handleTypes(r))
	if r.Search != nil {
		doc.add(handleSearch(r))
	}
	doc.add(handleList(r))
	doc.problems(r.Problems, r.Dropped)
	doc.Warn("handles", handleNotes(r))
	return doc
}

func handleCounts(d *target.Target, r *handles.Result) Table {
	t := record("counts", "", []pair{
		{Column{"count", "Handles", Count}, known(r.Listed, len(r.Handles))},
		{Column{"declared", titleIf(r.Listed && r.Declared != uint64(r.Read), "Handles that the stream promises"), Count}, known(r.Listed, r.Declared)},
		{Column{"read", titleIf(r.Read != len(r.Handles) || r.Listed && r.Declared != uint64(r.Read), "Handles that could be read"), Count}, known(r.Listed, r.Read)},
		{Column{"written", "", Text}, written(d)},
	})
	t.Flat = true
	return t
}

func handleTypes(r *handles.Result) Table {
	return fill(Table{Key: "by_type", Title: "By type"}, []field[handles.TypeCount]{
		f("type", "Type", Text, func(c handles.TypeCount) any { return c.Type }),
		f("count", "Handles", Count, func(c handles.TypeCount) any { return c.Count }),
	}, r.ByType)
}

// handleFields are the columns of a handle; those of the search only when
// there was one.
func handleFields(r *handles.Result) []field[handles.Handle] {
	type h = handles.Handle
	held := func(cell func(*handles.Held) any) func(h) any {
		return func(x h) any {
			if x.Held == nil || x.Held.Verdict == handles.NotSearched {
				return nil
			}
			return cell(x.Held)
		}
	}
	out := []field[h]{
		f("handle", "Handle", Hex, func(x h) any { return x.Handle.Handle }),
		f("type", "Type", Text, func(x h) any { return x.TypeName() }),
	}
	if r.Search != nil {
		out = append(out,
			f("verdict", "Held", Text, func(x h) any { return x.Held.Verdict.String() }),
			f("words", "Words", Count, held(func(x *handles.Held) any { return x.Total() })),
			f("chance_words", "by chance\nat most", Count, held(func(x *handles.Held) any { return known(x.Controls > 0, x.Chance) })),
			f("heap_words", "in heaps", Count, held(func(x *handles.Held) any { return x.Heap })),
			f("stack_words", "on stacks", Count, held(func(x *handles.Held) any { return x.Stack })),
			f("module_words", "in modules", Count, held(func(x *handles.Held) any { return x.Module })),
			f("other_words", "elsewhere", Count, held(func(x *handles.Held) any { return x.Other })),
			f("dead_words", "freed or\nbelow stacks", Count, held(func(x *handles.Held) any { return x.Dead })),
			f("compared", "", Count, held(func(x *handles.Held) any { return x.Controls })),
			f("compared_as_many", "of those\nas many", Count, held(func(x *handles.Held) any { return known(x.Controls > 0, x.AsMany) })),
			f("at", "One is at", Address, held(func(x *handles.Held) any { return some(x.At) })),
			f("held_by", "Held by", Text, held(func(x *handles.Held) any { return word(x.By) })))
	}
	return append(out,
		f("access", "Access", Hex, func(x h) any { return x.GrantedAccess }),
		f("attributes", "Attr", Hex, func(x h) any { return x.Attributes }),
		f("inherit", "", Yes, func(x h) any { return x.Inherit() }),
		f("protect", "", Yes, func(x h) any { return x.Protect() }),
		f("handle_count", "Handles", Count, func(x h) any { return x.HandleCount }),
		f("pointer_count", "Pointers", Count, func(x h) any { return x.PointerCount }),
		f("info", "Object", List, func(x h) any { return list(handleObject(x)) }),
		f("name", "Name", Text, func(x h) any { return word(x.Name) }),
		f("rights", "Rights", List, func(x h) any { return list(handles.Rights(x.Type, x.GrantedAccess)) }),
		f("type_missing", "", Text, func(x h) any { return word(x.Untyped()) }))
}

// handleObject is what is known of the object, and the flags of the handle.
func handleObject(x handles.Handle) []string {
	out := handles.Info(&x.Handle, x.Threads)
	if x.Inherit() {
		out = append(out, "inherited")
	}
	if x.Protect() {
		out = append(out, "protected from close")
	}
	return out
}

func handleList(r *handles.Result) Table {
	t := fill(Table{Key: "handles", Title: "Handles", Main: true}, handleFields(r), r.Handles)
	t.Empty = "none that were asked for"
	if r.Read == 0 {
		t.Empty = "none could be read"
	}
	if !r.Listed {
		t.Empty = "The dump has no HandleData stream. Write it with handles: procdump -ma PID, or .dump /mh in a debugger."
	}
	return t
}

func handleSearch(r *handles.Result) Table {
	s, n := r.Search, map[handles.Verdict]int{}
	for i := range r.Handles {
		n[r.Handles[i].Held.Verdict]++
	}
	return record("search", "Who holds their numbers", []pair{
		{Column{"searched_bytes", "Writable bytes searched", Bytes}, s.Bytes},
		{Column{"dead_bytes", "Of these freed, or below a stack pointer", Bytes}, s.Dead},
		{Column{"word_bytes", "Bytes of a word", Count}, s.Width},
		{Column{"whole", "All memory is in the dump", Yes}, s.Whole},
		{Column{"controls", "Numbers that are no handle, for comparison", Count}, s.Controls},
		{Column{"unreferenced", "Handles that no word holds that is kept", Count}, n[handles.Unreferenced]},
		{Column{"unsure", "Handles whose words may be chance", Count}, n[handles.Unsure]},
		{Column{"referenced", "Handles that words hold", Count}, n[handles.Referenced]},
	})
}

func handleNotes(r *handles.Result) []string {
	var out []string
	if r.Listed && r.Declared != uint64(r.Read) {
		out = append(out, fmt.Sprintf("The stream promises %s handles; %s of them could be read. Counts are of those.", thousands.Grouped(r.Declared), thousands.Grouped(uint64(r.Read))))
	}
	if r.Inverted && len(r.Handles) > 0 {
		out = append(out, "Windows 8 and later give each handle some 32,767 references in advance: large pointer counts are normal, and no leak.")
	}
	out = append(out, untyped(r)...)
	if s := r.Search; s != nil && !s.Whole {
		out = append(out, "The dump does not hold all memory: a handle that nothing here holds may be held in what was not saved.")
	}
	return out
}

// untyped says of how many handles no type is known, by why.
func untyped(r *handles.Result) []string {
	n := map[string]int{}
	for i := range r.Handles {
		if why := r.Handles[i].Untyped(); why != "" {
			n[why]++
		}
	}
	var out []string
	for _, why := range slices.Sorted(maps.Keys(n)) {
		out = append(out, fmt.Sprintf("Type %s, %s: %s.", handles.Unnamed, plural(n[why], "handle", "handles"), why))
	}
	return out
}
