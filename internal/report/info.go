package report

import (
	"fmt"
	"slices"
	"time"

	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/minidump"
	"github.com/heapdump/heapdump/pkg/process"
)

// Info is the result of heapdump info: what the dump is and holds.
func Info(t *target.Target) *Document {
	d := Describe(t)
	doc := &Document{Title: d.title()}
	c := read(t)
	doc.add(infoDump(t, d)...)
	doc.add(infoProcess(t, d, c)...)
	doc.add(fill(Table{Key: "streams", Title: "Streams", Main: true, Empty: "none"}, streamFields(), t.File.Streams()))
	doc.add(pebs(t.PEBs)...)
	doc.add(answers(t, c), coverage(t, nil))
	doc.problems(append(slices.Clone(t.Problems), c.list.Problems...), t.Dropped+c.list.Dropped)
	return doc
}

func streamFields() []field[minidump.Stream] {
	return []field[minidump.Stream]{
		f("type", "Number", Hex, func(s minidump.Stream) any { return uint32(s.Type) }),
		f("name", "Name", Text, func(s minidump.Stream) any { return s.Type.String() }),
		f("offset", "File offset", Hex, func(s minidump.Stream) any { return s.Offset }),
		f("size_bytes", "Size", Bytes, func(s minidump.Stream) any { return s.Size }),
		f("present_bytes", "In the file", Bytes, func(s minidump.Stream) any { return s.Present }),
	}
}

// pair is a title and a value, for the tables of one row.
type pair struct {
	Column
	value any
}

// record makes a table of one row out of pairs.
func record(key, title string, pairs []pair) Table {
	t := Table{Key: key, Title: title, Shape: Record, Rows: [][]any{{}}}
	for _, p := range pairs {
		t.Columns = append(t.Columns, p.Column)
		t.Rows[0] = append(t.Rows[0], p.value)
	}
	return t
}

func when(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format("2006-01-02 15:04:05 UTC")
}

func infoDump(t *target.Target, d Dump) []Table {
	saved, runs := uint64(0), t.Space.AllRuns()
	for _, r := range runs {
		saved += uint64(len(r.Bytes))
	}
	cut := uint64(0)
	for _, r := range t.Space.Cut() {
		cut += r.Size()
	}
	out := fill(Table{Key: "dump", Shape: Record, Media: ForPrograms}, dumpFields(), []Dump{d})
	more := record("file", "", []pair{
		{Column{"", "Dump", Text}, kindWords[d.Kind]},
		{Column{"bytes", "File size in bytes", Bytes}, d.Size},
		{Column{"compressed", "Compressed with", Text}, word(d.Compressed)},
		{Column{"written", "Written", Text}, when(t.File.Time())},
		{Column{"flags", "Flags", Hex}, uint64(t.File.Flags)},
		{Column{"flags_text", "Flags in words", List}, t.File.Flags.Names()},
		{Column{"comments", "Comments", List}, comments(t.File)},
		{Column{"memory_ranges", "Memory ranges", Count}, len(runs)},
		{Column{"memory_bytes", "Memory saved in bytes", Bytes}, saved},
		{Column{"memory_cut_bytes", "Memory cut off in bytes", Bytes}, cut},
		{Column{"regions", "Regions listed", Count}, known(t.Space.RegionsKnown(), len(t.Space.Regions()))},
	})
	return []Table{out, more}
}

func comments(f *minidump.File) []string {
	out := f.Comments()
	if out == nil {
		out = []string{}
	}
	return out
}

func infoProcess(t *target.Target, d Dump, c *contents) []Table {
	var created, vendor, release any
	if mi, err := t.File.MiscInfo(); err == nil {
		if mi.Flags&minidump.MiscProcessTimes != 0 {
			created = when(mi.Created)
		}
		release = word(mi.BuildString)
	}
	if si, err := t.File.SystemInfo(); err == nil {
		vendor = word(si.CPUVendor)
	}
	proc := record("process", "Process", []pair{
		{Column{"image_path", "Program", Text}, word(d.ImagePath)},
		{Column{"command_line", "Command line", Text}, word(d.Command)},
		{Column{"", "Process ID", Text}, known(d.HasPID, decimal(uint64(d.PID)))},
		{Column{"pid", "", Count}, known(d.HasPID, d.PID)},
		{Column{"created", "Started", Text}, created},
		{Column{"threads", "Threads", Count}, len(c.threads)},
		{Column{"modules", "Modules", Count}, len(c.modules)},
		{Column{"unloaded_modules", "Unloaded modules", Count}, len(c.unloaded)},
		{Column{"handles", "Handles", Count}, known(c.has(minidump.HandleDataStream), len(c.handles))},
		{Column{"heaps", "Heaps found", Count}, len(t.Heaps)},
		{Column{"exception", "Exception", Text}, exception(c.stopped)},
	})
	system := record("system", "System", []pair{
		{Column{"os", "Windows", Text}, word(d.OS)},
		{Column{"build_string", "Build", Text}, release},
		{Column{"", "Processor", Text}, d.processor()},
		{Column{"arch", "", Text}, d.Arch},
		{Column{"processors", "Processors", Count}, known(d.Processors != 0, d.Processors)},
		{Column{"cpu_vendor", "CPU vendor", Text}, vendor},
	})
	return []Table{proc, system}
}

func exception(x *minidump.Exception) any {
	if x == nil {
		return nil
	}
	return fmt.Sprintf("%#x at %v in thread %d", x.Code, x.Address, x.ThreadID)
}

// pebs are the process environment blocks; two of a WOW64 process.
func pebs(all []process.PEB) []Table {
	fields := []field[process.PEB]{
		f("address", "PEB", Address, func(p process.PEB) any { return addr(p.Address) }),
		f("bits", "Bits", Count, func(p process.PEB) any { return p.Bits }),
		f("via", "Found via", Text, func(p process.PEB) any { return word(p.Via) }),
		f("nt_global_flag", "NtGlobalFlag", Hex, func(p process.PEB) any { return known(p.Knows("NtGlobalFlag"), p.NtGlobalFlag) }),
		f("process_heap", "Process heap", Address, func(p process.PEB) any { return some(p.ProcessHeap) }),
		f("number_of_heaps", "Number of heaps", Count, func(p process.PEB) any { return known(p.Knows("NumberOfHeaps"), p.NumberOfHeaps) }),
		f("heap_segment_reserve_bytes", "HeapSegmentReserve in bytes", Bytes, func(p process.PEB) any { return known(p.Knows("HeapSegmentReserve"), p.HeapSegmentReserve) }),
		f("heap_segment_commit_bytes", "HeapSegmentCommit in bytes", Bytes, func(p process.PEB) any { return known(p.Knows("HeapSegmentCommit"), p.HeapSegmentCommit) }),
		f("decommit_total_free_bytes", "DeCommit total free threshold", Bytes, func(p process.PEB) any {
			return known(p.Knows("HeapDeCommitTotalFreeThreshold"), p.HeapDeCommitTotalFreeThreshold)
		}),
		f("decommit_free_block_bytes", "DeCommit free block threshold", Bytes, func(p process.PEB) any {
			return known(p.Knows("HeapDeCommitFreeBlockThreshold"), p.HeapDeCommitFreeBlockThreshold)
		}),
		f("os_build", "", Count, func(p process.PEB) any { return known(p.OSBuildNumber != 0, p.OSBuildNumber) }),
		f("partial", "", Yes, func(p process.PEB) any { return p.Partial() }),
	}
	out := []Table{fill(Table{Key: "pebs", Media: ForPrograms}, fields, all)}
	for _, p := range all {
		t := fill(Table{Title: "Process environment block", Shape: Record, Media: ForPeople}, fields, []process.PEB{p})
		out = append(out, t)
	}
	return out
}

// answer is a question and whether the dump can answer it.
type answer struct {
	question string
	yes      bool
	because  string
}

// answers says what can be asked of the dump.
func answers(t *target.Target, c *contents) Table {
	walked := 0
	for _, h := range t.Heaps {
		if h.Walkable() != nil {
			walked++
		}
	}
	saved := len(t.Space.AllRuns()) > 0
	known := t.Space.RegionsKnown() && len(t.Space.Regions()) > 0
	threads := minidump.ThreadListStream
	if !c.has(threads) && c.has(minidump.ThreadExListStream) {
		threads = minidump.ThreadExListStream
	}
	stopped := 0
	if c.stopped != nil {
		stopped = 1
	}
	return fillAnswers([]answer{
		{"heaps and their blocks", walked > 0, because(walked > 0, plural(walked, "heap", "heaps")+" can be walked", whyNoHeaps(t, saved))},
		{"memory by state, type and protection", known, because(known, "MemoryInfoList", "no MemoryInfoList stream that can be read: only saved ranges are known")},
		c.answer("threads and their stacks", threads, len(c.threads), "no ThreadList stream"),
		c.answer("modules and their symbols' names", minidump.ModuleListStream, len(c.modules), "no ModuleList stream"),
		c.answer("open handles", minidump.HandleDataStream, len(c.handles), "no HandleData stream (procdump -ma writes one)"),
		c.answer("why the program stopped", minidump.ExceptionStream, stopped, "no Exception stream: the dump was not made for a crash, or its writer left it out"),
		stackAnswer(t),
	})
}

// stackAnswer says whether blocks carry the stacks of their allocation, which
// NtGlobalFlag tells, if the dump holds it.
func stackAnswer(t *target.Target) answer {
	const question = "who allocated a block"
	known := false
	for _, p := range t.PEBs {
		if p.NtGlobalFlag&stackTraceFlag != 0 {
			return answer{question, true, "stack traces were on (+ust)"}
		}
		known = known || p.Knows("NtGlobalFlag")
	}
	if !known {
		return answer{question, false, "the PEB, which tells whether stack traces were on, is not in the dump"}
	}
	return answer{question, false, "stack traces were off in the process (gflags +ust switches them on)"}
}

func fillAnswers(list []answer) Table {
	return fill(Table{Key: "answers", Title: "What can be asked of this dump"}, []field[answer]{
		f("question", "Question", Text, func(a answer) any { return a.question }),
		f("answerable", "Answer", Yes, func(a answer) any { return a.yes }),
		f("because", "Because", Text, func(a answer) any { return a.because }),
	}, list)
}

func because(yes bool, then, otherwise string) string {
	if yes {
		return then
	}
	return otherwise
}

// stackTraceFlag is FLG_USER_STACK_TRACE_DB of NtGlobalFlag.
const stackTraceFlag = 0x1000

func whyNoHeaps(t *target.Target, saved bool) string {
	switch {
	case !saved:
		return "the dump holds no memory; a full dump does (procdump -ma PID)"
	case len(t.Heaps) == 0:
		return "no heap was found in the memory that the dump holds; a full dump has them (procdump -ma PID)"
	}
	for _, h := range t.Heaps {
		if h.Why != "" {
			return h.Why
		}
	}
	return "heap memory is not in the dump; a full dump has it (procdump -ma PID)"
}

// regionTable describes the region that holds an address.
func regionTable(r memory.Region, ok bool) Table {
	if !ok {
		return Table{Key: "region", Shape: Record}
	}
	return record("region", "Region", []pair{
		{Column{"base", "Base", Address}, addr(r.Start)},
		{Column{"bytes", "Bytes", Bytes}, r.Size()},
		{Column{"state", "State", Text}, r.State.String()},
		{Column{"type", "Type", Text}, word(r.Type.String())},
		{Column{"protect", "Protection", Text}, word(r.Protect.String())},
		{Column{"allocation_base", "Allocation base", Address}, some(r.AllocationBase)},
		{Column{"allocation_protect", "Allocation protection", Text}, word(r.AllocationProtect.String())},
	})
}
