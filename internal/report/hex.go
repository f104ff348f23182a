package report

import (
	"fmt"
	"strings"

	"github.com/heapdump/heapdump/internal/symbols"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/memory"
)

// HexLine is 16 bytes of memory or fewer.
type HexLine struct {
	Address memory.Addr
	Bytes   []byte        // of Saved, 0 where the dump has none
	Saved   []bool        // which of them the dump has
	Why     memory.Reason // why the first missing one is missing; Present when none is
}

// HexWord is one word of memory and what it points at.
type HexWord struct {
	Address memory.Addr
	Value   uint64
	Saved   bool // all of it is in the dump
	Says    string
	Symbol  symbols.Name // of what it points at, in a module
}

// HexBytes is the result of heapdump hex; words may be nil.
func HexBytes(t *target.Target, lines []HexLine, words []HexWord) *Document {
	d := Describe(t)
	doc := &Document{Title: d.title()}
	doc.add(header(d)[0])
	bytes := fill(Table{Key: "bytes", Title: "Bytes", Main: words == nil}, []field[HexLine]{
		f("address", "Address", Address, func(x HexLine) any { return addr(x.Address) }),
		f("bytes", "Bytes", Text, func(x HexLine) any { return x.hex() }),
		f("ascii", "ASCII", Text, func(x HexLine) any { return x.ascii() }),
		f("missing", "Missing", Text, func(x HexLine) any { return known(x.Why != memory.Present, x.Why.String()) }),
	}, lines)
	doc.add(bytes)
	if words != nil {
		doc.add(fill(Table{Key: "words", Title: "Words", Main: true}, []field[HexWord]{
			f("address", "Address", Address, func(x HexWord) any { return addr(x.Address) }),
			f("value", "Value", Hex, func(x HexWord) any { return known(x.Saved, x.Value) }),
			f("", "Points", Text, func(x HexWord) any { return word(pointed(x.Says, x.Symbol)) }),
			f("says", "", Text, func(x HexWord) any { return word(x.Says) }),
			f("symbol", "", Text, func(x HexWord) any { return word(x.Symbol.String()) }),
			f("symbol_how", "", Text, func(x HexWord) any { return symbolHow(x.Symbol) }),
			f("symbol_source", "", Text, func(x HexWord) any { return symbolSource(x.Symbol) }),
			f("file", "", Text, func(x HexWord) any { return sourceFile(x.Symbol) }),
			f("line", "", Count, func(x HexWord) any { return sourceLine(x.Symbol) }),
		}, words))
	}
	return doc
}

func (x HexLine) hex() string {
	parts := make([]string, len(x.Bytes))
	for i, b := range x.Bytes {
		parts[i] = "??"
		if x.Saved[i] {
			parts[i] = fmt.Sprintf("%02x", b)
		}
	}
	return strings.Join(parts, " ")
}

func (x HexLine) ascii() string {
	out := make([]byte, len(x.Bytes))
	for i, b := range x.Bytes {
		switch {
		case !x.Saved[i]:
			out[i] = '?'
		case b < 0x20 || b >= 0x7f:
			out[i] = '.'
		default:
			out[i] = b
		}
	}
	return string(out)
}
