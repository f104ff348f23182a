package report

import (
	"fmt"
	"time"

	"github.com/heapdump/heapdump/internal/analysis/threads"
	"github.com/heapdump/heapdump/internal/ntcode"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/process"
)

// Threads is the result of heapdump threads.
func Threads(t *target.Target, r *threads.Result) *Document {
	d := Describe(t)
	doc := &Document{Title: d.title()}
	doc.add(header(d)[0])
	list := fill(Table{Key: "threads", Title: "Threads", Main: true, Empty: "The dump lists none."}, threadFields(), r.Threads)
	doc.add(list)
	doc.problems(r.Problems, r.Dropped)
	lacking, timed := 0, len(r.Threads) == 0
	for i := range r.Threads {
		if r.Threads[i].Block() == nil {
			lacking++
		}
		timed = timed || r.Threads[i].Info != nil
	}
	if lacking > 0 {
		doc.warn("teb-missing", "", fmt.Sprintf("The TEBs of %s are not in the dump, and with them what their stacks reserve and use and their last errors.",
			plural(lacking, "thread", "threads")))
	}
	if !timed {
		doc.warn("thread-info-missing", "", "The dump has no ThreadInfoList stream, so times and start addresses are not known: procdump -ma PID writes it.")
	}
	if d.WOW64 {
		doc.warn("wow64-side", "", "Of a WOW64 thread the stack, instruction pointer, stack pointer and last error are the 32-bit ones, where the dump has them.")
	}
	return doc
}

type thread = threads.Thread

// ofBlock makes a cell of a field of the thread's TEB.
func ofBlock(name string, cell func(*process.ThreadBlock) any) func(thread) any {
	return func(x thread) any {
		b := x.Block()
		if b == nil || !b.Knows(name) {
			return nil
		}
		return cell(b)
	}
}

// ofInfo makes a cell of a thread's ThreadInfoList entry.
func ofInfo(cell func(thread) any) func(thread) any {
	return func(x thread) any {
		if x.Info == nil {
			return nil
		}
		return cell(x)
	}
}

func threadFields() []field[thread] {
	ms := func(d time.Duration) any { return d.Milliseconds() }
	return []field[thread]{
		f("tid", "Thread", Hex, func(x thread) any { return x.ID }),
		f("name", "Name", Text, func(x thread) any { return word(x.Name) }),
		f("crashed", "Exception", Yes, func(x thread) any { return x.Crashed }),
		f("teb", "TEB", Address, func(x thread) any { return some(x.Thread.TEB) }),
		f("teb32", "", Address, func(x thread) any {
			if x.TEB32 == nil {
				return nil
			}
			return addr(x.TEB32.Address)
		}),
		f("stack_base", "Stack base", Address, ofBlock("StackBase", func(b *process.ThreadBlock) any { return addr(b.StackBase) })),
		f("stack_limit", "Limit", Address, ofBlock("StackLimit", func(b *process.ThreadBlock) any { return addr(b.StackLimit) })),
		f("stack_start", "", Address, ofBlock("DeallocationStack", func(b *process.ThreadBlock) any { return some(b.DeallocationStack) })),
		f("reserved_bytes", "Reserved", Bytes, func(x thread) any { s := x.Stack(); return known(s.KnowReserved, s.Reserved) }),
		f("committed_bytes", "Committed", Bytes, func(x thread) any { s := x.Stack(); return known(s.KnowCommitted, s.Committed) }),
		f("used_bytes", "Used", Bytes, func(x thread) any { s := x.Stack(); return known(s.KnowUsed, s.Used) }),
		f("ip", "", Address, func(x thread) any { return some(x.Registers().IP) }),
		f("sp", "Stack pointer", Address, func(x thread) any { return some(x.Registers().SP) }),
		f("at", "Instruction", Text, func(x thread) any { return word(x.At.String()) }),
		f("at_how", "", Text, func(x thread) any { return symbolHow(x.At) }),
		f("at_source", "", Text, func(x thread) any { return symbolSource(x.At) }),
		f("at_file", "", Text, func(x thread) any { return sourceFile(x.At) }),
		f("at_line", "", Count, func(x thread) any { return sourceLine(x.At) }),
		f("last_error", "Last error", Text, ofBlock("LastErrorValue", func(b *process.ThreadBlock) any { return ntcode.Win32(b.LastError) })),
		f("last_error_code", "", Count, ofBlock("LastErrorValue", func(b *process.ThreadBlock) any { return b.LastError })),
		f("last_status", "", Hex, ofBlock("LastStatusValue", func(b *process.ThreadBlock) any { return b.LastStatus })),
		f("priority", "Prio", Count, func(x thread) any { return x.Priority }),
		f("priority_class", "", Hex, func(x thread) any { return x.PriorityClass }),
		f("suspend_count", "Susp", Count, func(x thread) any { return x.SuspendCount }),
		f("kernel_ms", "Kernel ms", Count, ofInfo(func(x thread) any { return ms(x.Info.KernelTime) })),
		f("user_ms", "User ms", Count, ofInfo(func(x thread) any { return ms(x.Info.UserTime) })),
		f("created", "", Text, ofInfo(func(x thread) any { return when(x.Info.Created) })),
		f("exited", "", Text, ofInfo(func(x thread) any { return when(x.Info.Exited) })),
		f("start", "", Address, ofInfo(func(x thread) any { return some(x.Info.StartAddress) })),
		f("start_at", "Started at", Text, func(x thread) any { return word(x.Start.String()) }),
		f("start_at_how", "", Text, func(x thread) any { return symbolHow(x.Start) }),
		f("start_at_source", "", Text, func(x thread) any { return symbolSource(x.Start) }),
		f("start_at_file", "", Text, func(x thread) any { return sourceFile(x.Start) }),
		f("start_at_line", "", Count, func(x thread) any { return sourceLine(x.Start) }),
	}
}
