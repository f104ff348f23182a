package report

import (
	"fmt"
	"strings"

	"github.com/heapdump/heapdump/internal/analysis/structure"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/structs"
)

// Structure is the result of heapdump dt TYPE.
func Structure(t *target.Target, r *structure.Result) *Document {
	d := Describe(t)
	doc := &Document{Title: d.title()}
	doc.Warn("structure", r.Notes)
	var at, heapAt any
	if r.Placed {
		at = addr(r.At)
	}
	if r.Heap != nil {
		heapAt = addr(r.Heap.Address)
	}
	head := record("structure", "", []pair{
		{Column{"name", "Structure", Text}, r.Structure.Name},
		{Column{"layout", "Layout", Text}, r.Set.Family},
		{Column{"bits", "", Count}, r.Set.Bits},
		{Column{"size_bytes", "Size", Hex}, r.Structure.Size},
		{Column{"address", titleIf(r.Placed, "Address"), Address}, at},
		{Column{"heap", titleIf(heapAt != nil, "In the heap"), Address}, heapAt},
	})
	head.Columns[3].Title = ""
	doc.add(header(d)[0], head)
	doc.add(fill(Table{Key: "fields", Media: ForPrograms, Main: true}, []field[structure.Field]{
		f("offset", "", Hex, func(x structure.Field) any { return x.Off }),
		f("name", "", Text, func(x structure.Field) any { return x.Path }),
		f("type", "", Text, func(x structure.Field) any { return typeName(r.Set, x.Field) }),
		f("size_bytes", "", Bytes, func(x structure.Field) any { return x.Size }),
		f("depth", "", Count, func(x structure.Field) any { return x.Depth }),
		f("value", "", Hex, func(x structure.Field) any { return number(x.Value) }),
		f("decoded", "", Hex, func(x structure.Field) any { return number(x.Decoded) }),
		f("text", "", Text, func(x structure.Field) any { return word(x.Text) }),
		f("missing", "", Text, func(x structure.Field) any { return word(x.Missing) }),
	}, r.Fields))
	lines := make([]string, len(r.Fields))
	for i := range r.Fields {
		lines[i] = dtLine(r, &r.Fields[i])
	}
	shown := values("", r.Structure.Name, lines)
	shown.Media = ForPeople
	doc.add(shown)
	return doc
}

// number makes a cell of a number that may not be known.
func number(v *uint64) any {
	if v == nil {
		return nil
	}
	return *v
}

// dtLine is a field in the manner of a debugger's dt; what is nested stands
// further to the right.
func dtLine(r *structure.Result, x *structure.Field) string {
	name := x.Path
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		name = name[i+1:]
	}
	line := fmt.Sprintf("%s+0x%03x %-16s : ", strings.Repeat("   ", x.Depth), x.Off, name)
	of, n := x.Element()
	array := ""
	if n > 1 {
		array = fmt.Sprintf("[%d] ", n)
	}
	switch {
	case !r.Placed:
		return line + typeName(r.Set, x.Field)
	case x.Missing != "":
		return line + "?? (" + x.Missing + ")"
	case x.Bits():
		return line + fmt.Sprintf("bits %d to %d: %s", x.First, x.End-1, x.Text)
	case strings.HasPrefix(of, "_") && x.Text != "":
		return line + of + " " + x.Text
	case strings.HasPrefix(of, "_"):
		return line + array + of
	case x.Decoded != nil:
		return line + fmt.Sprintf("%#x, decoded %s", *x.Value, x.Text)
	}
	return line + array + x.Text
}

// typeName is a type in the words of a debugger's dt.
func typeName(s *structs.Set, x structs.Field) string {
	of, n := x.Element()
	name := of
	switch {
	case of == "bytes":
		return fmt.Sprintf("%d bytes", x.Size)
	case x.Bits():
		return fmt.Sprintf("Bits %d to %d of Uint%dB", x.First, x.End-1, x.Size)
	case of == "u8":
		name = "UChar"
	case of == "wchar":
		name = "Wchar"
	case of[0] == 'u':
		name = fmt.Sprintf("Uint%dB", x.Size/n)
	case of[0] == 'i':
		name = fmt.Sprintf("Int%dB", x.Size/n)
	case of == "*":
		name = fmt.Sprintf("Ptr%d Void", s.Bits)
	case of[0] == '*':
		name = fmt.Sprintf("Ptr%d %s", s.Bits, of[1:])
	}
	if n > 1 {
		return fmt.Sprintf("[%d] %s", n, name)
	}
	return name
}

// StructureTypes is the result of heapdump dt without a type.
func StructureTypes(t *target.Target, s *structs.Set) *Document {
	d := Describe(t)
	doc := &Document{Title: d.title()}
	head := record("structure", "", []pair{{Column{"layout", "Layout", Text}, s.Family}, {Column{"bits", "Bits", Count}, s.Bits}})
	doc.add(header(d)[0], head, fill(Table{Key: "types", Title: "Structures", Main: true}, []field[structs.Structure]{
		f("name", "Structure", Text, func(x structs.Structure) any { return x.Name }),
		f("size_bytes", "Size", Bytes, func(x structs.Structure) any { return x.Size }),
		f("field_count", "Fields", Count, func(x structs.Structure) any { return len(x.Fields) }),
	}, s.Structures))
	return doc
}
