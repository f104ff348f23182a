package synth

import (
	"io"
	"math/rand/v2"
)

// Stream types of a minidump.
const (
	StreamThreadList       uint32 = 3
	StreamModuleList       uint32 = 4
	StreamMemoryList       uint32 = 5
	StreamException        uint32 = 6
	StreamSystemInfo       uint32 = 7
	StreamThreadExList     uint32 = 8
	StreamMemory64List     uint32 = 9
	StreamCommentA         uint32 = 10
	StreamCommentW         uint32 = 11
	StreamHandleData       uint32 = 12
	StreamFunctionTable    uint32 = 13
	StreamUnloadedModules  uint32 = 14
	StreamMiscInfo         uint32 = 15
	StreamMemoryInfoList   uint32 = 16
	StreamThreadInfoList   uint32 = 17
	StreamToken            uint32 = 19
	StreamSystemMemoryInfo uint32 = 21
	StreamVmCounters       uint32 = 22
	StreamThreadNames      uint32 = 24
)

// In says which list a piece of memory goes to.
type In uint8

// The lists of saved memory.
const (
	InMemory64 In = 1
	InMemory   In = 2
	InBoth     In = InMemory64 | InMemory
)

// MemRange is a piece of saved memory and the list that names it.
type MemRange struct {
	Addr uint64
	Data []byte
	In   In
}

// Stream is a stream given as bytes.
type Stream struct {
	Type uint32
	Data []byte
}

// Dump is the script of a minidump file. The zero lists make no stream.
type Dump struct {
	Arch                Arch
	Major, Minor, Build uint32
	CSDVersion          string
	Processors          uint8
	ProductType         uint8
	Flags               uint64 // MINIDUMP_TYPE
	TimeDateStamp       uint32

	Memory     []MemRange
	Regions    []Region
	Modules    []Module
	Unloaded   []UnloadedModule
	Threads    []Thread
	ThreadsEx  []Thread
	Names      []ThreadName
	Infos      []ThreadInfo
	Exception  *Exception
	Handles    *HandleData
	Misc       *MiscInfo
	CommentA   string
	CommentW   string
	Functions  *FunctionTable
	Tokens     []Token
	SysMemory  []byte // SystemMemoryInfo, raw; see SystemMemoryInfo
	VmCounters []byte // ProcessVmCounters, raw; see VmCounters
	Raw        []Stream

	MemoryIn       In       // where AddMemory puts memory; 0 is InMemory64
	Omit           []uint32 // stream types to leave out
	Shuffle        uint64   // not 0: a seed to shuffle the streams by
	ShuffleMemory  uint64   // not 0: a seed to shuffle the memory ranges by
	Unaligned      bool     // streams and blobs start at odd file offsets
	ThreadListPad8 bool     // four bytes of padding after the thread count
	CutAt          int      // not 0: the file ends after so many bytes
}

// NewDump is a dump of a full memory kind for Windows 10.0.19041.
func NewDump(a Arch) *Dump {
	return &Dump{
		Arch: a, Major: 10, Build: 19041, Processors: 4, ProductType: 1,
		Flags: 0x421826, TimeDateStamp: 0x5f000000,
	}
}

// AddMemory saves data at addr, in the list that MemoryIn says.
func (d *Dump) AddMemory(addr uint64, data []byte) {
	in := d.MemoryIn
	if in == 0 {
		in = InMemory64
	}
	d.AddMemoryIn(in, addr, data)
}

// AddMemoryIn saves data at addr in the given list.
func (d *Dump) AddMemoryIn(in In, addr uint64, data []byte) {
	d.Memory = append(d.Memory, MemRange{addr, data, in})
}

// AddRegion adds an entry to the MemoryInfoList.
func (d *Dump) AddRegion(r Region) { d.Regions = append(d.Regions, r) }

// AddModule adds a loaded module; it can be changed through the result until
// the next call.
func (d *Dump) AddModule(base, size uint64, name string, timestamp uint32) *Module {
	d.Modules = append(d.Modules, Module{Base: base, Size: uint32(size), Name: name, TimeDateStamp: timestamp})
	return &d.Modules[len(d.Modules)-1]
}

// AddUnloadedModule adds a module that was unloaded.
func (d *Dump) AddUnloadedModule(base, size uint64, name string, timestamp uint32) {
	d.Unloaded = append(d.Unloaded, UnloadedModule{base, uint32(size), 0, timestamp, name})
}

// AddThread adds a thread.
func (d *Dump) AddThread(t Thread) { d.Threads = append(d.Threads, t) }

// AddThreadName names a thread.
func (d *Dump) AddThreadName(id uint32, name string) {
	d.Names = append(d.Names, ThreadName{id, name})
}

// AddStream adds a stream of raw bytes.
func (d *Dump) AddStream(typ uint32, data []byte) { d.Raw = append(d.Raw, Stream{typ, data}) }

// Bytes is the finished file.
func (d *Dump) Bytes() []byte { return d.File().Data }

// WriteTo writes the finished file.
func (d *Dump) WriteTo(w io.Writer) (int64, error) {
	n, err := w.Write(d.Bytes())
	return int64(n), err
}

// Placed is a stream in the finished file.
type Placed struct {
	Type     uint32
	DirOff   int // file offset of its directory entry
	Off, Len int // what the entry says
}

// File is a finished dump: its bytes and where things are in them.
type File struct {
	Data    []byte
	Streams []Placed // in directory order
	placed  []placedRange
}

type placedRange struct {
	addr uint64
	off  int
	len  int
}

// Stream finds a stream by type.
func (f *File) Stream(typ uint32) (Placed, bool) {
	for _, s := range f.Streams {
		if s.Type == typ {
			return s, true
		}
	}
	return Placed{}, false
}

// Offset is the file offset where the byte at a virtual address is saved,
// in the last range that has it, or -1.
func (f *File) Offset(va uint64) int {
	for i := len(f.placed) - 1; i >= 0; i-- {
		p := f.placed[i]
		if va >= p.addr && va-p.addr < uint64(p.len) {
			return p.off + int(va-p.addr)
		}
	}
	return -1
}

// Poke overwrites bytes at a file offset.
func (f *File) Poke(off int, b []byte) { copy(f.Data[off:], b) }

// Poke32 overwrites a 32-bit word at a file offset.
func (f *File) Poke32(off int, v uint32) { put32(f.Data, off, v) }

// Poke64 overwrites a 64-bit word at a file offset.
func (f *File) Poke64(off int, v uint64) { put64(f.Data, off, v) }

// PokeVA overwrites saved bytes at a virtual address.
func (f *File) PokeVA(va uint64, b []byte) {
	for i, c := range b {
		f.Data[f.Offset(va+uint64(i))] = c
	}
}

// stream is a stream still to be written. Its body is made at its place, as
// it may have to put blobs before itself.
type stream struct {
	typ  uint32
	body func(*fileWriter) []byte
}

// fileWriter is the file while it grows.
type fileWriter struct {
	buf
	odd bool
}

// align moves the end of the file to a multiple of four, or to an odd place.
func (w *fileWriter) align() {
	w.zero(int(alignUp(uint64(len(w.b)), 4)) - len(w.b))
	if w.odd {
		w.zero(1)
	}
}

// blob puts bytes into the file and says where.
func (w *fileWriter) blob(b []byte) uint32 {
	if len(b) == 0 {
		return 0
	}
	w.align()
	at := len(w.b)
	w.bytes(b)
	return uint32(at)
}

// text puts a MINIDUMP_STRING into the file and says where; "" is nowhere.
func (w *fileWriter) text(s string) uint32 {
	if s == "" {
		return 0
	}
	return w.blob(mdString(s))
}

// File builds the file.
func (d *Dump) File() *File {
	mem := d.memory()
	f := &File{}
	w := &fileWriter{odd: d.Unaligned}
	streams := d.streams(mem, f)
	w.zero(32 + 12*len(streams))
	for i, s := range streams {
		body := s.body(w)
		w.align()
		at := len(w.b)
		w.bytes(body)
		dir := 32 + 12*i
		put32(w.b, dir, s.typ)
		put32(w.b, dir+4, uint32(len(body)))
		put32(w.b, dir+8, uint32(at))
		f.Streams = append(f.Streams, Placed{s.typ, dir, at, len(body)})
	}
	d.placeMemory(w, f, mem)
	put32(w.b, 0, 0x504d444d)
	put32(w.b, 4, 0x6b3aa793)
	put32(w.b, 8, uint32(len(streams)))
	put32(w.b, 12, 32)
	put32(w.b, 20, d.TimeDateStamp)
	put64(w.b, 24, d.Flags)
	f.Data = w.b
	if d.CutAt > 0 && d.CutAt < len(f.Data) {
		f.Data = f.Data[:d.CutAt]
	}
	return f
}

// memory is the saved ranges in the order they are to be written.
func (d *Dump) memory() []MemRange {
	mem := append([]MemRange(nil), d.Memory...)
	if d.ShuffleMemory != 0 {
		r := rand.New(rand.NewPCG(d.ShuffleMemory, 1))
		r.Shuffle(len(mem), func(i, j int) { mem[i], mem[j] = mem[j], mem[i] })
	}
	return mem
}
