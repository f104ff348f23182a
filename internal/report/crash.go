package report

import (
	"fmt"

	"github.com/heapdump/heapdump/internal/analysis/crash"
	"github.com/heapdump/heapdump/internal/analysis/locate"
	"github.com/heapdump/heapdump/internal/analysis/stacks"
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
		doc.Notes = append(doc.Notes, "The dump has no Exception stream: it was made of a process that ran, or without the exception.")
	case r.Why != "":
		doc.Notes = append(doc.Notes, "The exception could not be read: "+r.Why+".")
	}
	if !r.Has || r.Why != "" {
		doc.add(Table{Key: "exception", Shape: Record})
	} else {
		doc.add(exceptionRecord(r))
	}
	doc.add(fill(Table{Key: "registers", Title: "Registers at the exception", Main: true}, []field[crash.Register]{
		f("name", "Register", Text, func(x crash.Register) any { return x.Name }),
		f("value", "Value", Hex, func(x crash.Register) any { return x.Value }),
		f("says", "Points", Text, func(x crash.Register) any { return word(x.Says) }),
	}, r.Registers))
	doc.add(problems(r.Problems, r.Dropped)...)
	if r.Has && d.WOW64 && r.Exception.Context.Arch == minidump.AMD64 {
		doc.Notes = append(doc.Notes, "The registers are those of the 64-bit side; the 32-bit ones are the thread's own.")
	}
	return doc
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
		{Column{"fault_address", titleIf(r.Touched != nil, "Accessed"), Address}, fault},
		{Column{"hit", titleIf(r.Touched != nil, "It hit"), Text}, hit},
		{Column{"heap", titleIf(heapAt != nil, "Heap"), Address}, heapAt},
		{Column{"entry", titleIf(block != nil, "Entry"), Address}, block},
		{Column{"nested", titleIf(e.Record != 0, "Nested record"), Address}, some(memory.Addr(e.Record))},
	})
}

// at names the place of an instruction: its module, else what is there.
func at(x locate.Found) string {
	if x.Module == "" {
		return x.Says
	}
	return fmt.Sprintf("%s+0x%x", stacks.Base(x.Module), x.ModuleOffset)
}
