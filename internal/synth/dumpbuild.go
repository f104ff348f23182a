package synth

import (
	"math/rand/v2"
	"slices"
)

// streams is the streams of the dump in directory order.
func (d *Dump) streams(mem []MemRange, f *File) []stream {
	var all []stream
	add := func(want bool, typ uint32, body func(*fileWriter) []byte) {
		if want && !slices.Contains(d.Omit, typ) {
			all = append(all, stream{typ, body})
		}
	}
	add(len(d.Threads) > 0, StreamThreadList, d.threadList)
	add(len(d.ThreadsEx) > 0, StreamThreadExList, d.threadExList)
	add(len(d.Modules) > 0, StreamModuleList, d.moduleList)
	add(len(d.Unloaded) > 0, StreamUnloadedModules, d.unloadedList)
	add(true, StreamSystemInfo, d.systemInfo)
	add(d.Misc != nil, StreamMiscInfo, d.miscInfo)
	add(d.Exception != nil, StreamException, d.exception)
	add(d.Handles != nil, StreamHandleData, d.handleData)
	add(d.CommentA != "", StreamCommentA, func(*fileWriter) []byte { return append([]byte(d.CommentA), 0) })
	add(d.CommentW != "", StreamCommentW, func(*fileWriter) []byte { return append(utf16le(d.CommentW), 0, 0) })
	add(d.Functions != nil, StreamFunctionTable, d.functionTable)
	add(len(d.Regions) > 0, StreamMemoryInfoList, d.memoryInfoList)
	add(len(d.Infos) > 0, StreamThreadInfoList, d.threadInfoList)
	add(len(d.Names) > 0, StreamThreadNames, d.threadNames)
	add(len(d.Tokens) > 0, StreamToken, d.token)
	add(d.SysMemory != nil, StreamSystemMemoryInfo, func(*fileWriter) []byte { return d.SysMemory })
	add(d.VmCounters != nil, StreamVmCounters, func(*fileWriter) []byte { return d.VmCounters })
	for _, s := range d.Raw {
		add(true, s.Type, func(*fileWriter) []byte { return s.Data })
	}
	add(hasIn(mem, InMemory), StreamMemoryList, func(w *fileWriter) []byte { return memoryList(w, f, mem) })
	add(hasIn(mem, InMemory64), StreamMemory64List, func(*fileWriter) []byte { return memory64List(mem) })
	if d.Shuffle != 0 {
		r := rand.New(rand.NewPCG(d.Shuffle, 2))
		r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	}
	return all
}

func hasIn(mem []MemRange, in In) bool {
	return slices.ContainsFunc(mem, func(m MemRange) bool { return m.In&in != 0 })
}

// memoryList writes the bytes of the small list and makes the list.
func memoryList(w *fileWriter, f *File, mem []MemRange) []byte {
	var b buf
	n := 0
	for _, m := range mem {
		if m.In&InMemory == 0 {
			continue
		}
		n++
		at := w.blob(m.Data)
		f.placed = append(f.placed, placedRange{m.Addr, int(at), len(m.Data)})
		b.u64(m.Addr)
		b.u32(uint32(len(m.Data)))
		b.u32(at)
	}
	var head buf
	head.u32(uint32(n))
	return append(head.b, b.b...)
}

// memory64List makes the big list; placeMemory fills in the base.
func memory64List(mem []MemRange) []byte {
	var b buf
	n := uint64(0)
	b.u64(0)
	b.u64(0)
	for _, m := range mem {
		if m.In&InMemory64 != 0 {
			n++
			b.u64(m.Addr)
			b.u64(uint64(len(m.Data)))
		}
	}
	put64(b.b, 0, n)
	return b.b
}

// placeMemory writes the bytes of the Memory64List at the file's end.
func (d *Dump) placeMemory(w *fileWriter, f *File, mem []MemRange) {
	s, ok := f.Stream(StreamMemory64List)
	if !ok || !hasIn(mem, InMemory64) {
		return
	}
	w.align()
	put64(w.b, s.Off+8, uint64(len(w.b)))
	for _, m := range mem {
		if m.In&InMemory64 == 0 {
			continue
		}
		f.placed = append(f.placed, placedRange{m.Addr, len(w.b), len(m.Data)})
		w.bytes(m.Data)
	}
}

func (d *Dump) systemInfo(w *fileWriter) []byte {
	csd := w.blob(mdString(d.CSDVersion))
	var b buf
	b.u16(uint16(d.Arch))
	b.u16(6)
	b.u16(0x5e03)
	b.u8(d.Processors)
	b.u8(d.ProductType)
	b.u32(d.Major)
	b.u32(d.Minor)
	b.u32(d.Build)
	b.u32(2) // VER_PLATFORM_WIN32_NT
	b.u32(csd)
	b.u16(0x100)
	b.u16(0)
	if d.Arch == X86 {
		b.bytes([]byte("GenuineIntel"))
		b.zero(12)
	} else {
		b.zero(24)
	}
	return b.b
}

func (d *Dump) memoryInfoList(*fileWriter) []byte {
	var b buf
	b.u32(16)
	b.u32(48)
	b.u64(uint64(len(d.Regions)))
	for _, r := range d.Regions {
		b.u64(r.Base)
		b.u64(r.AllocBase)
		b.u32(r.AllocProtect)
		b.u32(0)
		b.u64(r.Size)
		b.u32(r.State)
		b.u32(r.Protect)
		b.u32(r.Type)
		b.u32(0)
	}
	return b.b
}
