package report

import (
	"fmt"
	"strings"

	"github.com/heapdump/heapdump/internal/analysis/environ"
	"github.com/heapdump/heapdump/internal/analysis/threads"
	"github.com/heapdump/heapdump/internal/ntcode"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/process"
)

// PEBs is the result of heapdump peb.
func PEBs(t *target.Target, r *environ.Result) *Document {
	d := Describe(t)
	doc := &Document{Title: d.title()}
	doc.add(header(d)[0], pebList(r))
	for _, p := range r.PEBs {
		doc.add(pebText(p))
	}
	doc.add(loaderTable(r), environmentTable(r))
	doc.problems(r.Problems, r.Dropped)
	if len(r.PEBs) == 0 {
		doc.warn("peb-missing", "", "No PEB is in the dump, or no thread leads to one. A full dump has it: procdump -ma PID.")
	}
	return doc
}

type peb = environ.PEB

// pebFields are the columns of a PEB: keys for programs, titles for people.
func pebFields() []field[peb] {
	of := func(name string, v func(peb) any) func(peb) any {
		return func(p peb) any { return known(p.Knows(name), v(p)) }
	}
	text := func(v func(process.Parameters) string) func(peb) any {
		return func(p peb) any { return known(p.HasParameters, word(v(p.Parameters))) }
	}
	return []field[peb]{
		f("peb", "PEB", Address, func(p peb) any { return addr(p.Address) }),
		f("bits", "Bits", Count, func(p peb) any { return p.Bits }),
		f("being_debugged", "Being debugged", Yes, func(p peb) any { return known(p.HasHead, p.Head.Debugged) }),
		f("image_base", "Image base", Address, of("ImageBaseAddress", func(p peb) any { return addr(p.ImageBaseAddress) })),
		f("image_path", "Image path", Text, text(func(x process.Parameters) string { return x.ImagePath })),
		f("command_line", "Command line", Text, text(func(x process.Parameters) string { return x.CommandLine })),
		f("current_directory", "Current directory", Text, text(func(x process.Parameters) string { return x.CurrentDirectory })),
		f("window_title", "Window title", Text, text(func(x process.Parameters) string { return x.WindowTitle })),
		f("desktop", "Desktop", Text, text(func(x process.Parameters) string { return x.Desktop })),
		f("dll_path", "DLL path", Text, text(func(x process.Parameters) string { return x.DLLPath })),
		f("global_flag", "NtGlobalFlag", Hex, of("NtGlobalFlag", func(p peb) any { return p.NtGlobalFlag })),
		f("global_flag_words", "in words", List, of("NtGlobalFlag", func(p peb) any { return list(ntcode.GlobalFlags(p.NtGlobalFlag)) })),
		f("process_heap", "Process heap", Address, of("ProcessHeap", func(p peb) any { return some(p.ProcessHeap) })),
		f("heaps", "Heaps", Count, of("NumberOfHeaps", func(p peb) any { return p.NumberOfHeaps })),
		f("maximum_heaps", "Room for heaps", Count, of("MaximumNumberOfHeaps", func(p peb) any { return p.MaximumNumberOfHeaps })),
		f("process_heaps", "Array of heaps", Address, of("ProcessHeaps", func(p peb) any { return some(p.ProcessHeaps) })),
		f("segment_reserve_bytes", "Segment reserve", Bytes, of("HeapSegmentReserve", func(p peb) any { return p.HeapSegmentReserve })),
		f("segment_commit_bytes", "Segment commit", Bytes, of("HeapSegmentCommit", func(p peb) any { return p.HeapSegmentCommit })),
		f("decommit_total_bytes", "Decommit, free bytes of a heap", Bytes, of("HeapDeCommitTotalFreeThreshold", func(p peb) any { return p.HeapDeCommitTotalFreeThreshold })),
		f("decommit_block_bytes", "Decommit, bytes of a block", Bytes, of("HeapDeCommitFreeBlockThreshold", func(p peb) any { return p.HeapDeCommitFreeBlockThreshold })),
		f("build", "Build", Text, of("OSBuildNumber", func(p peb) any { return fmt.Sprintf("%d.%d.%d", p.OSMajorVersion, p.OSMinorVersion, p.OSBuildNumber) })),
		f("ldr", "Loader data", Address, of("Ldr", func(p peb) any { return some(p.Ldr) })),
		f("process_parameters", "Process parameters", Address, of("ProcessParameters", func(p peb) any { return some(p.ProcessParameters) })),
		f("environment", "Environment", Address, func(p peb) any { return known(p.HasParameters, some(p.Parameters.EnvironmentAt)) }),
		f("environment_whole", "Environment whole", Yes, func(p peb) any {
			return known(p.HasParameters && p.Parameters.EnvironmentAt != 0, p.Parameters.EnvironmentWhole)
		}),
		f("loader_whole", "Loader list whole", Yes, func(p peb) any { return known(p.HasLoader, p.Loader.Whole) }),
	}
}

func pebList(r *environ.Result) Table {
	return fill(Table{Key: "pebs", Media: ForPrograms, Main: true}, pebFields(), r.PEBs)
}

// pebText is one PEB for people.
func pebText(p peb) Table {
	return fill(Table{Title: fmt.Sprintf("PEB of %d bits", p.Bits), Shape: Record, Media: ForPeople}, pebFields(), []peb{p})
}

// listed is a module in a loader's list.
type listed struct {
	bits int
	process.LoaderEntry
}

func loaderTable(r *environ.Result) Table {
	var all []listed
	for _, p := range r.PEBs {
		for _, e := range p.Loader.Entries {
			all = append(all, listed{p.Bits, e})
		}
	}
	return fill(Table{Key: "loader", Title: "Loader list, in the order of loading"}, []field[listed]{
		f("bits", "Bits", Count, func(x listed) any { return x.bits }),
		f("base", "Base", Address, func(x listed) any { return addr(x.Base) }),
		f("size_bytes", "Bytes", Bytes, func(x listed) any { return x.Size }),
		f("timestamp", "Time stamp", Hex, func(x listed) any { return known(x.HasStamp, x.Time) }),
		f("entry", "", Address, func(x listed) any { return some(x.LoaderEntry.Entry) }),
		f("name", "Name", Text, func(x listed) any { return word(x.Name) }),
		f("path", "Path", Text, func(x listed) any { return word(x.Path) }),
	}, all)
}

// variable is an environment variable.
type variable struct {
	bits        int
	name, value string
}

func environmentTable(r *environ.Result) Table {
	var all []variable
	for _, p := range r.PEBs {
		for _, v := range p.Parameters.Environment {
			i := strings.IndexByte(v[min(1, len(v)):], '=') + min(1, len(v)) // a name may begin with =, as that of =C: does
			if i < min(1, len(v)) {
				i = len(v)
			}
			all = append(all, variable{p.Bits, v[:i], strings.TrimPrefix(v[i:], "=")})
		}
	}
	return fill(Table{Key: "variables", Title: "Environment"}, []field[variable]{
		f("bits", "Bits", Count, func(v variable) any { return v.bits }),
		f("name", "Name", Text, func(v variable) any { return v.name }),
		f("value", "Value", Text, func(v variable) any { return v.value }),
	}, all)
}

// TEBs is the result of heapdump teb: those of the chosen threads.
func TEBs(t *target.Target, chosen []threads.Thread) *Document {
	d := Describe(t)
	doc := &Document{Title: d.title()}
	doc.add(header(d)[0])
	var all []teb
	lacking := 0
	for _, x := range chosen {
		if x.TEB == nil {
			lacking++
			continue
		}
		all = append(all, teb{x, x.TEB, x.Context.SP})
		if x.TEB32 != nil {
			sp := teb{x, x.TEB32, 0}
			if x.Context32 != nil {
				sp.sp = x.Context32.SP
			}
			all = append(all, sp)
		}
	}
	doc.add(fill(Table{Key: "tebs", Media: ForPrograms, Main: true}, tebFields(), all))
	for _, x := range all {
		doc.add(fill(Table{Title: fmt.Sprintf("TEB of %d bits", x.Bits), Shape: Record, Media: ForPeople}, tebFields(), []teb{x}))
	}
	if len(all) == 0 && lacking == 0 {
		doc.warn("no-threads", "", "The dump lists no thread, so no TEB is known.")
	}
	if lacking > 0 {
		doc.warn("teb-missing", "", fmt.Sprintf("The dump does not hold the TEB of %s.", plural(lacking, "thread", "threads")))
	}
	return doc
}

// teb is a TEB with its thread.
type teb struct {
	thread threads.Thread
	*process.ThreadBlock
	sp memory.Addr
}

func tebFields() []field[teb] {
	of := func(name string, v func(teb) any) func(teb) any {
		return func(x teb) any { return known(x.Knows(name), v(x)) }
	}
	return []field[teb]{
		f("teb", "TEB", Address, func(x teb) any { return addr(x.Address) }),
		f("bits", "Bits", Count, func(x teb) any { return x.Bits }),
		f("tid", "Thread", Hex, of("ClientId.UniqueThread", func(x teb) any { return x.ThreadID })),
		f("pid", "Process", Hex, of("ClientId.UniqueProcess", func(x teb) any { return x.ProcessID })),
		f("name", "Name", Text, func(x teb) any { return word(x.thread.Name) }),
		f("exception_list", "Exception list", Address, of("ExceptionList", func(x teb) any { return addr(x.ExceptionList) })),
		f("stack_base", "Stack base", Address, of("StackBase", func(x teb) any { return addr(x.StackBase) })),
		f("stack_limit", "Stack limit", Address, of("StackLimit", func(x teb) any { return addr(x.StackLimit) })),
		f("stack_start", "Stack reserved from", Address, of("DeallocationStack", func(x teb) any { return addr(x.DeallocationStack) })),
		f("used_bytes", "Stack used", Bytes, func(x teb) any { s := threads.StackOf(x.ThreadBlock, x.sp); return known(s.KnowUsed, s.Used) }),
		f("fiber_data", "Fiber data", Hex, of("FiberData", func(x teb) any { return uint64(x.FiberData) })),
		f("arbitrary_user_pointer", "Arbitrary user pointer", Address, of("ArbitraryUserPointer", func(x teb) any { return some(x.ArbitraryPointer) })),
		f("self", "Self", Address, of("Self", func(x teb) any { return addr(x.Self) })),
		f("tls", "TLS storage", Address, of("ThreadLocalStoragePointer", func(x teb) any { return some(x.TLSPointer) })),
		f("peb", "PEB", Address, of("ProcessEnvironmentBlock", func(x teb) any { return addr(x.PEB) })),
		f("last_error", "Last error", Text, of("LastErrorValue", func(x teb) any { return ntcode.Win32(x.LastError) })),
		f("last_error_code", "", Count, of("LastErrorValue", func(x teb) any { return x.LastError })),
		f("last_status", "Last status", Hex, of("LastStatusValue", func(x teb) any { return x.LastStatus })),
		f("last_status_words", "in words", Text, of("LastStatusValue", func(x teb) any { short, _ := ntcode.Status(x.LastStatus); return word(short) })),
		f("owned_locks", "Critical sections owned", Count, of("CountOfOwnedCriticalSections", func(x teb) any { return x.OwnedLocks })),
		f("hard_error_mode", "Hard error mode", Hex, of("HardErrorMode", func(x teb) any { return x.HardErrorMode })),
	}
}
