package finding

// The rules. Their ids are stable: scripts, baselines and code scanning know
// findings by them. A rule that goes leaves its number behind.
const (
	AccessViolation = "HD1001"
	StackOverflow   = "HD1002"
	Exception       = "HD1003"
	NoCrash         = "HD1004"

	HeapStructure  = "HD1101"
	Overrun        = "HD1102"
	WriteAfterFree = "HD1103"
	DetectedDamage = "HD1104"
	HeapCounter    = "HD1105"

	Accumulator = "HD1201"
	Unreachable = "HD1202"

	Fragmented   = "HD1301"
	ManyRanges   = "HD1302"
	AddressSpace = "HD1401"
	Unusable     = "HD1402"

	ManyHandles = "HD1501"
	Growth      = "HD1601"

	Unreadable = "HD1901"
	Stopped    = "HD1902"
	Fault      = "HD1903"
)

// Rule says what a rule is about.
type Rule struct {
	ID       string
	Name     string   // in CamelCase, for code scanning
	Title    string   // in a few words
	Help     string   // what it means and what to do, in sentences
	Severity Severity // of most of its findings
}

// Rules returns all rules by id.
func Rules() []Rule { return rules[:] }

// ByID returns the rule with an id, false when there is none.
func ByID(id string) (Rule, bool) {
	for _, r := range rules {
		if r.ID == id {
			return r, true
		}
	}
	return Rule{}, false
}

var rules = [...]Rule{
	{AccessViolation, "AccessViolation", "A memory access that was not allowed ended the process",
		"The exception is an access violation, a page that could not be read, or a guard page that was hit. `heapdump exception` has the registers and what the address hit.", High},
	{StackOverflow, "StackOverflow", "A thread's stack overflowed",
		"The exception is a stack overflow: a recursion without end, or very large local variables. `heapdump threads` has the stacks' use.", High},
	{Exception, "UnhandledException", "An exception ended the process",
		"The dump was made at an exception that is neither a bad memory access nor a breakpoint. `heapdump exception` has it in words.", High},
	{NoCrash, "NoCrash", "The dump was made at a breakpoint or on demand, not at a crash",
		"A debugger or a tool stopped the process to dump it. A breakpoint in the program's own code can be an assertion, though.", Info},
	{HeapStructure, "HeapStructureDamaged", "The heap's own structures are damaged",
		"A header, list or bitmap of a heap contradicts the others: something wrote over it. `heapdump check` has the bytes and the blocks beside it.", High},
	{Overrun, "BlockOverrun", "A write beyond a block",
		"The fence, fill or stamp behind or before a block's data is overwritten. The block is the culprit: `heapdump check` names it and, where it was recorded, the stack of its allocation.", High},
	{WriteAfterFree, "WriteAfterFree", "A write to a block that was freed",
		"The fill of a freed block is overwritten: a pointer to it was used after the free. `heapdump search --pointer` finds who still points there.", High},
	{DetectedDamage, "WindowsDetectedDamage", "Windows itself found its heap damaged",
		"ntdll recorded a damaged heap, and stopped the process if it was set to. `heapdump check` shows the record.", High},
	{HeapCounter, "HeapCounterWrong", "A count that the heap keeps is not what is there",
		"A counter of a heap contradicts its blocks: damage, or a change in progress when the dump was made.", Medium},
	{Accumulator, "Accumulator", "A structure that alone keeps a large share of the memory in use",
		"Reachable, so no leak in the strict sense: a list, table or tree that grows and that perhaps nobody empties. `heapdump retained` and `heapdump why` show the path to it.", Medium},
	{Unreachable, "UnreachableBlocks", "Blocks in use that nothing points to any more",
		"No root leads to them, so the program cannot free them any more. `heapdump leaks` lists them by owner.", Medium},
	{Fragmented, "HeapFragmented", "A large part of a heap's committed memory is free",
		"Free blocks between blocks in use, which the heap cannot give back. `heapdump heap ADDR` shows the free lists.", Low},
	{ManyRanges, "HeapManyRanges", "A heap's address space is broken into very many pieces",
		"Many uncommitted ranges: the heap grew far, and what was left in use is strewn over it.", Low},
	{AddressSpace, "AddressSpaceExhausted", "The address space of a 32-bit process is nearly used up",
		"Allocations fail although the machine has memory. `heapdump address --summary` says what takes the space.", High},
	{Unusable, "AddressSpaceUnusable", "Much address space is lost between allocations",
		"Free address space that begins off a multiple of 64 KiB cannot be allocated: many small VirtualAlloc reservations or views.", Medium},
	{ManyHandles, "ManyHandles", "Very many open handles",
		"Handles are opened and not closed. `heapdump handles` counts them by type, `--unreferenced` looks for those whose number nobody kept.", Medium},
	{Growth, "Growth", "The heaps hold more than the baseline says",
		"The bytes in use have grown since the baseline was written.", Medium},
	{Unreadable, "Unreadable", "The file cannot be read as a dump",
		"It is no Windows minidump, or it is damaged, empty or not accessible.", Medium},
	{Stopped, "Stopped", "Not all of the analysis was done",
		"It would have taken more time or memory than --timeout or --max-memory allow.", Low},
	{Fault, "InternalFault", "heapdump failed on this dump",
		"A fault of heapdump, not of the dump. Please report it with the lines on stderr.", Medium},
}
