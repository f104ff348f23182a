package minidump

import "fmt"

// StreamType is the number of a kind of stream.
type StreamType uint32

// The streams that Windows defines (MINIDUMP_STREAM_TYPE).
const (
	UnusedStream              StreamType = 0
	ReservedStream0           StreamType = 1
	ReservedStream1           StreamType = 2
	ThreadListStream          StreamType = 3
	ModuleListStream          StreamType = 4
	MemoryListStream          StreamType = 5
	ExceptionStream           StreamType = 6
	SystemInfoStream          StreamType = 7
	ThreadExListStream        StreamType = 8
	Memory64ListStream        StreamType = 9
	CommentStreamA            StreamType = 10
	CommentStreamW            StreamType = 11
	HandleDataStream          StreamType = 12
	FunctionTableStream       StreamType = 13
	UnloadedModuleListStream  StreamType = 14
	MiscInfoStream            StreamType = 15
	MemoryInfoListStream      StreamType = 16
	ThreadInfoListStream      StreamType = 17
	HandleOperationListStream StreamType = 18
	TokenStream               StreamType = 19
	JavaScriptDataStream      StreamType = 20
	SystemMemoryInfoStream    StreamType = 21
	ProcessVMCountersStream   StreamType = 22
	IptTraceStream            StreamType = 23
	ThreadNamesStream         StreamType = 24
	LastReservedStream        StreamType = 0xffff
)

// String returns the stream's name without the word Stream, for example
// ThreadList, or "unknown 0x…" when it has none here. Names beyond Windows'
// own are those of Windows CE, Breakpad, Crashpad, Chromium, Mozilla and Wine.
func (t StreamType) String() string {
	if name := t.name(); name != "" {
		return name
	}
	return fmt.Sprintf("unknown %#x", uint32(t))
}

// name returns the name of a stream, empty when it has none.
func (t StreamType) name() string {
	windows := [...]string{
		"Unused", "Reserved0", "Reserved1", "ThreadList", "ModuleList", "MemoryList", "Exception",
		"SystemInfo", "ThreadExList", "Memory64List", "CommentA", "CommentW", "HandleData",
		"FunctionTable", "UnloadedModuleList", "MiscInfo", "MemoryInfoList", "ThreadInfoList",
		"HandleOperationList", "Token", "JavaScriptData", "SystemMemoryInfo", "ProcessVmCounters",
		"IptTrace", "ThreadNames",
	}
	ce := [...]string{
		"ceNull", "ceSystemInfo", "ceException", "ceModuleList", "ceProcessList", "ceThreadList",
		"ceThreadContextList", "ceThreadCallStackList", "ceMemoryVirtualList", "ceMemoryPhysicalList",
		"ceBucketParameters", "ceProcessModuleMap", "ceDiagnosisList",
	}
	breakpad := [...]string{
		"BreakpadInfo", "AssertionInfo", "LinuxCpuInfo", "LinuxProcStatus", "LinuxLsbRelease",
		"LinuxCmdLine", "LinuxEnviron", "LinuxAuxv", "LinuxMaps", "LinuxDsoDebug",
	}
	mozilla := [...]string{"MozMacosCrashInfo", "MozMacosBootargs", "MozLinuxLimits", "MozSoftErrors"}
	for _, group := range [...]struct {
		first StreamType
		names []string
	}{{0, windows[:]}, {0x8000, ce[:]}, {0x47670001, breakpad[:]}, {0x4d7a0001, mozilla[:]}} {
		if i := t - group.first; t >= group.first && int64(i) < int64(len(group.names)) {
			return group.names[i]
		}
	}
	switch t {
	case 0xfff0:
		return "WineHostModuleList" // Wine's dbghelp: a module list of the host's libraries
	case LastReservedStream:
		return "LastReserved"
	case 0x43500001:
		return "CrashpadInfo"
	case 0x4b6b0002:
		return "ChromiumStabilityReport"
	}
	return ""
}

// Stream is one entry of the directory.
type Stream struct {
	Type    StreamType
	Size    uint32 // bytes, as the directory says
	Offset  uint32 // file offset, as the directory says
	Present uint64 // how many of its bytes are in the file
}

// Whole reports whether all of the stream lies in the file.
func (s Stream) Whole() bool { return s.Present == uint64(s.Size) }

// used reports whether the entry stands for anything. Writers reserve entries
// and leave them Unused; a size of 0 says as much.
func (s Stream) used() bool { return s.Type != UnusedStream && s.Size > 0 }

// lookup returns the first used directory entry of a type. Windows writes one
// of each; of duplicates the first counts, and Check reports the others.
func (f *File) lookup(t StreamType) (Stream, bool) {
	for _, s := range f.streams {
		if s.Type == t && s.used() {
			return s, true
		}
	}
	return Stream{}, false
}

// Raw returns the bytes of the first stream of a type that are in the file,
// for streams that have no reader here; false when the dump has no such stream.
func (f *File) Raw(t StreamType) ([]byte, bool) {
	s, ok := f.lookup(t)
	if !ok {
		return nil, false
	}
	return f.from(uint64(s.Offset))[:s.Present:s.Present], true
}
