package report

import (
	"fmt"
	"strings"

	"github.com/heapdump/heapdump/internal/analysis/locate"
	"github.com/heapdump/heapdump/internal/analysis/search"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
)

// Hit is one place where search found something, and whose memory it is.
type Hit struct {
	search.Hit
	Pattern string // what was looked for, in words
	Match   search.Match
	Owner   locate.Found
	Sample  []byte // bytes from the hit on, as far as the dump has them
}

// Search is the result of heapdump search.
func Search(t *target.Target, r *search.Result, hits []Hit) *Document {
	x := Describe(t)
	d := &Document{Title: x.title()}
	d.add(header(x)[0])
	d.add(record("searched", "Searched", []pair{
		{Column{"bytes", "Bytes searched", Bytes}, r.Searched},
		{Column{"hits", "Hits", Count}, r.Total},
		{Column{"shown", "Hits shown", Count}, len(hits)},
	}))
	table := fill(Table{Title: "Hits, in order of address", Media: ForPeople, Empty: "nothing was found in the memory that the dump has"}, hitFields(), hits)
	if n := r.Total - len(hits); n > 0 {
		table.Notes = append(table.Notes, plural(n, "hit more", "hits more")+": --limit shows more, --range narrows the search.")
	}
	d.add(table, hitKeys(hits), coverage(t, nil))
	return d
}

// hitFields are the columns of a hit for people.
func hitFields() []field[Hit] {
	return []field[Hit]{
		f("", "Address", Address, func(h Hit) any { return addr(h.Address) }),
		f("", "Match", Text, func(h Hit) any { return h.Match.String() }),
		f("", "Pattern", Text, func(h Hit) any { return h.Pattern }),
		f("", "Value", Hex, hitValue),
		f("", "In", Text, func(h Hit) any { return hitOwner(&h.Owner) }),
		f("", "Text there", Text, func(h Hit) any { return sample(h) }),
	}
}

func hitValue(h Hit) any {
	return known(h.Match == search.Pointer || h.Match == search.Number, h.Value)
}

// hitKeys are the keys of a hit for programs.
func hitKeys(hits []Hit) Table {
	block := func(key string, k Kind, of func(*heap.Block) any) field[Hit] {
		return f(key, "", k, func(h Hit) any {
			if h.Owner.Block == nil {
				return nil
			}
			return of(h.Owner.Block)
		})
	}
	busy := func(of func(*heap.Block) any) func(*heap.Block) any {
		return func(b *heap.Block) any {
			if b.State != heap.Busy {
				return nil
			}
			return of(b)
		}
	}
	return fill(Table{Key: "hits", Media: ForPrograms, Main: true}, []field[Hit]{
		f("address", "", Address, func(h Hit) any { return addr(h.Address) }),
		f("match", "", Text, func(h Hit) any { return h.Match.String() }),
		f("pattern", "", Text, func(h Hit) any { return h.Pattern }),
		f("value", "", Hex, hitValue),
		f("where", "", Text, func(h Hit) any { return h.Owner.Where }),
		f("heap", "", Address, func(h Hit) any {
			if h.Owner.Heap == nil {
				return nil
			}
			return addr(h.Owner.Heap.Address)
		}),
		block("entry", Address, func(b *heap.Block) any { return addr(b.Addr) }),
		block("state", Text, func(b *heap.Block) any { return b.State.String() }),
		block("user", Address, busy(func(b *heap.Block) any { return addr(b.User()) })),
		block("user_bytes", Bytes, busy(func(b *heap.Block) any { return b.UserBytes() })),
		f("module", "", Text, func(h Hit) any { return word(h.Owner.Module) }),
		f("module_offset", "", Hex, func(h Hit) any { return known(h.Owner.Module != "", h.Owner.ModuleOffset) }),
		f("symbol", "", Text, func(h Hit) any { return symbol(h.Owner.Name) }),
		f("symbol_how", "", Text, func(h Hit) any { return symbolHow(h.Owner.Name) }),
		f("symbol_source", "", Text, func(h Hit) any { return symbolSource(h.Owner.Name) }),
		f("file", "", Text, func(h Hit) any { return sourceFile(h.Owner.Name) }),
		f("line", "", Count, func(h Hit) any { return sourceLine(h.Owner.Name) }),
		f("tid", "", Count, func(h Hit) any { return known(h.Owner.InStack, h.Owner.Thread) }),
		f("sample", "", Text, func(h Hit) any { return sample(h) }),
	}, hits)
}

// hitOwner says in a few words whose memory a hit is in.
func hitOwner(x *locate.Found) string {
	switch b := x.Block; {
	case x.Heap != nil && b != nil && b.State == heap.Busy && x.Address >= b.User():
		return fmt.Sprintf("block %v+%#x of %d bytes, heap %v", b.User(), x.Address.Sub(b.User()), b.UserBytes(), x.Heap.Address)
	case x.Heap != nil && b != nil:
		return fmt.Sprintf("%s block %v+%#x, heap %v", b.State, b.Addr, x.Address.Sub(b.Addr), x.Heap.Address)
	case x.Heap != nil:
		return fmt.Sprintf("heap %v", x.Heap.Address)
	case x.Module != "":
		return pointed(x.Module, x.Name)
	case x.InStack:
		return fmt.Sprintf("stack of thread %#x", x.Thread)
	case x.InRegion && x.Region.AllocationBase != 0:
		return fmt.Sprintf("%s %v+%#x", strings.ToLower(strings.TrimPrefix(x.Region.Type.String(), "MEM_")), x.Region.AllocationBase, x.Address.Sub(x.Region.AllocationBase))
	}
	return "memory"
}

// sampleChars is how many characters of text a hit shows.
const sampleChars = 40

// sample is the text at a hit of text; null at another.
func sample(h Hit) any {
	width := 1
	switch h.Match {
	case search.ASCII:
	case search.UTF16:
		width = 2
	default:
		return nil
	}
	var out []byte
	for i := 0; i+width <= len(h.Sample) && len(out) < sampleChars; i += width {
		c := h.Sample[i]
		if c < 0x20 || c > 0x7e || width == 2 && h.Sample[i+1] != 0 {
			if c == 0 {
				break
			}
			c = '.'
		}
		out = append(out, c)
	}
	return string(out)
}

// SampleBytes is how many bytes from a hit on Search shows at most.
const SampleBytes = 2 * sampleChars

// Addresses returns the places of hits.
func Addresses(hits []search.Hit) []memory.Addr {
	out := make([]memory.Addr, len(hits))
	for i, h := range hits {
		out[i] = h.Address
	}
	return out
}
