package minidump

import (
	"encoding/binary"
	"time"

	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/memory"
)

const (
	threadSize   = 48 // MINIDUMP_THREAD
	threadExSize = 64 // MINIDUMP_THREAD_EX
)

// Descriptor is a MINIDUMP_MEMORY_DESCRIPTOR: a range of the process's memory
// and where its bytes lie in the file. In full dumps Offset is 0 and the bytes
// are found by address.
type Descriptor struct {
	memory.Range
	Offset uint64 // file offset, 0 when the descriptor has none
}

// Thread is one thread: its ThreadList or ThreadExList entry with its context,
// and what ThreadInfoList and ThreadNames say of it.
type Thread struct {
	ID            uint32
	SuspendCount  uint32
	PriorityClass uint32
	Priority      uint32
	TEB           memory.Addr
	Stack         Descriptor // from the stack pointer to the stack's base; of a WOW64 thread either of its two stacks, by writer
	BackingStore  Descriptor // ThreadExList only (Itanium)
	Context       Context    // of a WOW64 thread the x64 one
	Name          string     // ThreadNames; empty when it has none
	Info          *ThreadInfo
}

// ThreadInfo is an entry of ThreadInfoList (MINIDUMP_THREAD_INFO).
type ThreadInfo struct {
	ID           uint32
	DumpFlags    ThreadFlags
	DumpError    uint32 // HRESULT of what went wrong when it was dumped
	ExitStatus   uint32 // 0x103, STILL_ACTIVE, while it runs
	Created      time.Time
	Exited       time.Time // zero while it runs
	KernelTime   time.Duration
	UserTime     time.Duration
	StartAddress memory.Addr
	Affinity     uint64
}

// ThreadFlags are the MINIDUMP_THREAD_INFO_* flags.
type ThreadFlags uint32

// The thread flags (minidumpapiset.h).
const (
	ThreadError          ThreadFlags = 0x01 // a placeholder, the thread could not be read
	ThreadWriting        ThreadFlags = 0x02 // the thread that wrote the dump
	ThreadExited         ThreadFlags = 0x04
	ThreadInvalidInfo    ThreadFlags = 0x08
	ThreadInvalidContext ThreadFlags = 0x10
	ThreadInvalidTEB     ThreadFlags = 0x20
)

// Threads returns the threads of ThreadList, or of ThreadExList when that is
// the one the dump has. It reads ThreadInfoList and ThreadNames too, and
// reports what is wrong with them.
func (f *File) Threads(sink diag.Sink) []Thread {
	kind, size := ThreadListStream, uint64(threadSize)
	if _, ok := f.lookup(kind); !ok {
		kind, size = ThreadExListStream, threadExSize
	}
	p, ok := f.open(kind, sink)
	if !ok {
		return nil
	}
	t := p.counted(size)
	infos, names := f.threadInfos(sink), f.ThreadNames(sink)
	out := make([]Thread, t.n)
	for i := range out {
		e := t.entry(i)
		le := binary.LittleEndian
		th := &out[i]
		*th = Thread{
			ID: le.Uint32(e), SuspendCount: le.Uint32(e[4:]), PriorityClass: le.Uint32(e[8:]),
			Priority: le.Uint32(e[12:]), TEB: memory.Addr(le.Uint64(e[16:])), Stack: descriptor(e[24:]),
			Context: f.context(loc(e[40:]), "MINIDUMP_THREAD", sink),
		}
		if size == threadExSize {
			th.BackingStore = descriptor(e[48:])
		}
		th.Info = infos[th.ID]
		th.Name = names[th.ID]
	}
	return out
}

// descriptor decodes the MINIDUMP_MEMORY_DESCRIPTOR at the start of b.
func descriptor(b []byte) Descriptor {
	l := loc(b[8:])
	return Descriptor{memory.Addr(binary.LittleEndian.Uint64(b)).Span(l.size), l.off}
}

// ThreadInfos returns the entries of ThreadInfoList, which may have threads
// that ThreadList has not.
func (f *File) ThreadInfos(sink diag.Sink) []ThreadInfo {
	p, ok := f.open(ThreadInfoListStream, sink)
	if !ok {
		return nil
	}
	if _, ok := p.header(12); !ok {
		return nil
	}
	t := p.headed(12, 64, uint64(p.u32(8)))
	out := make([]ThreadInfo, t.n)
	for i := range out {
		e := t.entry(i)
		le := binary.LittleEndian
		out[i] = ThreadInfo{
			ID: le.Uint32(e), DumpFlags: ThreadFlags(le.Uint32(e[4:])), DumpError: le.Uint32(e[8:]),
			ExitStatus: le.Uint32(e[12:]), Created: filetime(le.Uint64(e[16:])), Exited: filetime(le.Uint64(e[24:])),
			KernelTime: ticks(le.Uint64(e[32:])), UserTime: ticks(le.Uint64(e[40:])),
			StartAddress: memory.Addr(le.Uint64(e[48:])), Affinity: le.Uint64(e[56:]),
		}
	}
	return out
}

// threadInfos indexes ThreadInfoList by thread.
func (f *File) threadInfos(sink diag.Sink) map[uint32]*ThreadInfo {
	list := f.ThreadInfos(sink)
	m := make(map[uint32]*ThreadInfo, len(list))
	for i := range list {
		m[list[i].ID] = &list[i]
	}
	return m
}

// ThreadNames returns the names that threads were given (SetThreadDescription),
// by thread; threads without a name are left out.
func (f *File) ThreadNames(sink diag.Sink) map[uint32]string {
	p, ok := f.open(ThreadNamesStream, sink)
	if !ok {
		return nil
	}
	t := p.counted(12)
	text := f.texts("MINIDUMP_THREAD_NAME", sink)
	names := make(map[uint32]string, t.n)
	for i := range t.n {
		e := t.entry(i)
		if s := text.at(binary.LittleEndian.Uint64(e[4:]), "RvaOfThreadName"); s != "" {
			names[binary.LittleEndian.Uint32(e)] = s
		}
	}
	return names
}
