package report

import (
	"fmt"

	"github.com/heapdump/heapdump/internal/analysis/check"
	"github.com/heapdump/heapdump/internal/analysis/crash"
	"github.com/heapdump/heapdump/internal/analysis/locate"
	"github.com/heapdump/heapdump/internal/symbols"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/minidump"
)

// Exception is the result of heapdump exception.
func Exception(t *target.Target, r *crash.Result) *Document {
	d := Describe(t)
	doc := &Document{Title: d.title()}
	doc.add(header(d)[0])
	switch {
	case !r.Has:
		doc.warn("no-exception", "", "The dump has no Exception stream: it was made of a process that ran, or without the exception.")
	case r.Why != "":
		doc.warn("exception", "", "The exception could not be read: "+r.Why+".")
	}
	if !r.Has || r.Why != "" {
		doc.add(Table{Key: "exception", Shape: Record})
	} else {
		doc.add(exceptionRecord(r))
	}
	doc.add(assertion(r.Assertion))
	doc.add(instruction(r.Code)...)
	if x := r.Detected; x != nil {
		doc.add(shownDetected(x), detected([]check.Detected{*x}))
	}
	doc.add(fill(Table{Key: "registers", Title: "Registers at the exception", Main: true}, registerFields(), r.Registers))
	doc.add(fill(Table{Key: "registers_32", Title: "Registers of the 32-bit side"}, registerFields(), r.Wow))
	doc.problems(r.Problems, r.Dropped)
	if r.Has && d.WOW64 && r.Exception.Context.Arch == minidump.AMD64 && r.Wow == nil {
		doc.warn("wow64-side", "", "The registers are those of the 64-bit side; the dump has not got the 32-bit ones.")
	}
	if c := r.Code; c != nil && c.At != r.Exception.Address && r.Exception.Address != 0 {
		doc.warn("other-instruction", "", "The instruction is that of the registers in the dump, which are not those at the address of the exception.")
	}
	return doc
}

// registerFields are a register and what it points at: the name of what is
// in a module, with how that was found.
func registerFields() []field[crash.Register] {
	return []field[crash.Register]{
		f("name", "Register", Text, func(x crash.Register) any { return x.Register.Name }),
		f("value", "Value", Hex, func(x crash.Register) any { return x.Value }),
		f("", "Points", Text, func(x crash.Register) any { return word(pointed(x.Says, x.Name)) }),
		f("says", "", Text, func(x crash.Register) any { return word(x.Says) }),
		f("symbol", "", Text, func(x crash.Register) any { return word(x.Name.String()) }),
		f("symbol_how", "", Text, func(x crash.Register) any { return symbolHow(x.Name) }),
		f("symbol_source", "", Text, func(x crash.Register) any { return symbolSource(x.Name) }),
		f("file", "", Text, func(x crash.Register) any { return sourceFile(x.Name) }),
		f("line", "", Count, func(x crash.Register) any { return sourceLine(x.Name) }),
	}
}

// pointed says what is pointed at: its name, else what is there. A name that
// need not be its function's says so.
func pointed(says string, name symbols.Name) string {
	switch s := name.Text(); {
	case s == "":
		return says
	case name.How == symbols.Nearest:
		return s + " (" + name.Found() + ")"
	default:
		return s
	}
}

// instruction is the instruction of an exception and its operands.
func instruction(x *crash.Instruction) []Table {
	if x == nil {
		return []Table{{Key: "instruction", Shape: Record}}
	}
	var bytes any
	if x.Text != "" {
		bytes = fmt.Sprintf("% x", x.Bytes)
	}
	return []Table{
		record("instruction", "Instruction", []pair{
			{Column{"address", "At", Address}, addr(x.At)},
			{Column{"text", titleIf(x.Text != "", "Instruction"), Text}, word(x.Text)},
			{Column{"bytes", titleIf(x.Text != "", "Bytes"), Text}, bytes},
			{Column{"missing", titleIf(x.Text == "", "Not read"), Text}, word(x.Why)},
		}),
		fill(Table{Key: "operands", Title: "Memory of the instruction"}, []field[crash.Operand]{
			f("text", "Operand", Text, func(o crash.Operand) any { return o.Text }),
			f("address", "Address", Address, func(o crash.Operand) any { return known(o.Known, o.Address) }),
			f("size_bytes", "Size", Bytes, func(o crash.Operand) any { return known(o.Bytes > 0, uint64(max(o.Bytes, 0))) }),
			f("touched", "Exception", Yes, func(o crash.Operand) any { return o.Touched }),
			f("says", "There", Text, func(o crash.Operand) any { return word(o.Says) }),
		}, x.Operands),
	}
}

func exceptionRecord(r *crash.Result) Table {
	e := r.Exception
	var name, hit, block, heapAt, fault any
	if r.Thread != nil {
		name = word(r.Thread.Name)
	}
	if x := r.Touched; x != nil {
		fault, hit = addr(x.Address), word(r.Hit)
		if x.Heap != nil {
			heapAt = addr(x.Heap.Address)
		}
		if x.Block != nil {
			block = addr(x.Block.Addr)
		}
	}
	params := make([]string, len(e.Parameters))
	for i, p := range e.Parameters {
		params[i] = fmt.Sprintf("%#x", p)
	}
	return record("exception", "Exception", []pair{
		{Column{"code", "Code", Hex}, e.Code},
		{Column{"name", "Name", Text}, word(r.Name)},
		{Column{"meaning", "Meaning", Text}, word(r.Meaning)},
		{Column{"continuable", "Can be continued", Yes}, e.Flags&1 == 0},
		{Column{"parameters", "Parameters", List}, list(params)},
		{Column{"thread", "Thread", Hex}, e.ThreadID},
		{Column{"thread_name", titleIf(name != nil, "Thread name"), Text}, name},
		{Column{"address", "At", Address}, addr(e.Address)},
		{Column{"at", "in", Text}, word(at(r.At))},
		{Column{"symbol_how", titleIf(r.At.Name.Symbol != "", "Named by"), Text}, symbolHow(r.At.Name)},
		{Column{"symbol_source", "", Text}, symbolSource(r.At.Name)},
		{Column{"", titleIf(r.At.Name.Line != 0, "Source"), Text}, sourcePlace(r.At.Name)},
		{Column{"file", "", Text}, sourceFile(r.At.Name)},
		{Column{"line", "", Count}, sourceLine(r.At.Name)},
		{Column{"fault_address", titleIf(r.Touched != nil, "Accessed"), Address}, fault},
		{Column{"hit", titleIf(r.Touched != nil, "It hit"), Text}, hit},
		{Column{"heap", titleIf(heapAt != nil, "Heap"), Address}, heapAt},
		{Column{"entry", titleIf(block != nil, "Entry"), Address}, block},
		{Column{"nested", titleIf(e.Record != 0, "Nested record"), Address}, some(memory.Addr(e.Record))},
	})
}

// assertion is what Breakpad's handler was told by the C runtime, whose
// release build tells no texts.
func assertion(a *minidump.Assertion) Table {
	none := a == nil
	if none {
		a = &minidump.Assertion{}
	}
	t := record("assertion", "Assertion", []pair{
		{Column{"kind", "Kind", Text}, a.String()},
		{Column{"expression", titleIf(a.Expression != "", "Was not so"), Text}, word(a.Expression)},
		{Column{"function", titleIf(a.Function != "", "Function"), Text}, word(a.Function)},
		{Column{"file", titleIf(a.File != "", "File"), Text}, word(a.File)},
		{Column{"line", titleIf(a.Line != 0, "Line"), Count}, known(a.Line != 0, a.Line)},
	})
	if none {
		t.Rows = nil // its columns are still those that a reader of the schema may meet
	}
	return t
}

// at names the place of an instruction: its name, else what is there.
func at(x locate.Found) string {
	if s := x.Name.String(); s != "" {
		return s
	}
	return x.Says
}
