package report

import (
	"fmt"

	"github.com/heapdump/heapdump/internal/analysis/threads"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/internal/unwind"
)

// ThreadStacks is a thread with its stacks.
type ThreadStacks struct {
	threads.Thread
	Stacks []unwind.Stack
}

// stackRow is a stack, and frameRow a frame, with its thread.
type stackRow struct {
	*ThreadStacks
	*unwind.Stack
}

type frameRow struct {
	stackRow
	n int
	unwind.Frame
}

// Stacks is the result of heapdump stack: the stacks of some of the dump's
// threads, of which it has all.
func Stacks(t *target.Target, list []ThreadStacks, all int) *Document {
	d := Describe(t)
	doc := &Document{Title: d.title()}
	doc.add(header(d)[0])
	doc.add(stackTables(list, true)...)
	if all == 0 {
		doc.warn("no-threads", "", "The dump lists no threads.")
	} else if len(list) < all {
		doc.Notes = append(doc.Notes, fmt.Sprintf("The thread that crashed, of %d; `heapdump stack all` shows every one.", all))
	}
	return doc
}

// WithStacks adds stacks to the result of another command.
func (d *Document) WithStacks(list []ThreadStacks) *Document {
	d.add(stackTables(list, false)...)
	return d
}

// stackTables are the stacks of threads, each for people, and all of them for
// programs; main says that the frames are what CSV holds.
func stackTables(list []ThreadStacks, main bool) []Table {
	var out []Table
	var stacks []stackRow
	var frames []frameRow
	for i := range list {
		for j := range list[i].Stacks {
			row := stackRow{&list[i], &list[i].Stacks[j]}
			stacks = append(stacks, row)
			first := len(frames)
			for n, f := range row.Frames {
				frames = append(frames, frameRow{row, n, f})
			}
			out = append(out, oneStack(row, frames[first:]))
		}
	}
	return append(out, fill(Table{Key: "stacks", Media: ForPrograms}, stackFields(), stacks),
		fill(Table{Key: "frames", Media: ForPrograms, Main: main}, frameFields(), frames))
}

// oneStack is a stack as people read it.
func oneStack(s stackRow, frames []frameRow) Table {
	title := fmt.Sprintf("Thread 0x%x", s.ID)
	if s.Name != "" {
		title += " " + s.Name
	}
	if s.Bits != 0 && len(s.Stacks) > 1 {
		title += fmt.Sprintf(", its %d-bit stack", s.Bits)
	}
	if s.From == unwind.FromException {
		title += ", at the exception"
	}
	t := fill(Table{Title: title, Media: ForPeople, Empty: "It has no frames."}, []field[frameRow]{
		f("", "#", Count, func(f frameRow) any { return f.n }),
		f("", "Stack pointer", Address, func(f frameRow) any { return addr(f.SP) }),
		f("", "Returns to", Address, func(f frameRow) any { return some(f.Return) }),
		f("", "Found by", Text, func(f frameRow) any { return f.How.String() }),
		f("", "Function", Text, func(f frameRow) any { return function(f) }),
	}, frames)
	t.Notes = append(t.Notes, ending(*s.Stack))
	return t
}

// function names the place of a frame: by its address, when it is in no
// module.
func function(f frameRow) string {
	if s := f.Frame.Name.Text(); s != "" {
		return s
	}
	return fmt.Sprintf("%v", f.IP)
}

// ending says in a sentence why a stack ends.
func ending(s unwind.Stack) string {
	if s.End == unwind.Start {
		return "The thread began there."
	}
	return "It ends there: " + s.Why + "."
}

func stackFields() []field[stackRow] {
	return []field[stackRow]{
		f("tid", "", Hex, func(s stackRow) any { return s.ID }),
		f("name", "", Text, func(s stackRow) any { return word(s.Name) }),
		f("bits", "", Count, func(s stackRow) any { return known(s.Bits != 0, s.Bits) }),
		f("crashed", "", Yes, func(s stackRow) any { return s.Crashed }),
		f("registers", "", Text, func(s stackRow) any { return known(s.End != unwind.NoContext, s.From.String()) }),
		f("frames", "", Count, func(s stackRow) any { return len(s.Frames) }),
		f("whole", "", Yes, func(s stackRow) any { return s.End == unwind.Start }),
		f("end", "", Text, func(s stackRow) any { return s.End.String() }),
		f("why", "", Text, func(s stackRow) any { return s.Why }),
	}
}

func frameFields() []field[frameRow] {
	return []field[frameRow]{
		f("tid", "", Hex, func(f frameRow) any { return f.ID }),
		f("bits", "", Count, func(f frameRow) any { return f.Bits }),
		f("frame", "", Count, func(f frameRow) any { return f.n }),
		f("ip", "", Address, func(f frameRow) any { return addr(f.IP) }),
		f("return", "", Address, func(f frameRow) any { return some(f.Return) }),
		f("sp", "", Address, func(f frameRow) any { return addr(f.SP) }),
		f("function", "", Text, func(f frameRow) any { return word(f.Frame.Name.String()) }),
		f("module", "", Text, func(f frameRow) any { return word(f.Frame.Name.Module) }),
		f("found_by", "", Text, func(f frameRow) any { return f.How.String() }),
		f("follows_call", "", Yes, func(f frameRow) any { return known(f.Call != unwind.CallUnknown, f.Call == unwind.CallSeen) }),
		f("symbol_how", "", Text, func(f frameRow) any { return symbolHow(f.Frame.Name) }),
		f("symbol_source", "", Text, func(f frameRow) any { return symbolSource(f.Frame.Name) }),
		f("file", "", Text, func(f frameRow) any { return sourceFile(f.Frame.Name) }),
		f("line", "", Count, func(f frameRow) any { return sourceLine(f.Frame.Name) }),
	}
}
