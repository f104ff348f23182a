package synth

import "fmt"

// The demonstration's modules and a few addresses in them.
const (
	demoExe    = 0x7ff6c0010000
	demoWorker = 0x7ffa10000000
	demoNtdll  = 0x7ffa3d260000
)

// Demo is a small process of 64-bit Windows 10 with a bit of everything:
// three heaps, one of two segments with large blocks, one without a lock, one
// that CSRSS shares; modules, threads with names, and handles. It is the same
// at every call, and its dump is below 200 KiB.
func Demo() *Process {
	p := NewProcess(Win10v1809, X64)
	p.ImageBase, p.Loader = demoExe, true
	p.ImagePath = `C:\Program Files\Orchard\orchard.exe`
	p.Command = `"C:\Program Files\Orchard\orchard.exe" --harvest`
	p.TEBs = []uint64{0x9d1e4e2000, 0x9d1e4e4000, 0x9d1e4e6000}
	p.Modules = []Module{
		{Base: demoExe, Size: 0x42000, Name: p.ImagePath, TimeDateStamp: 0x5f8d1b2c, FileVersion: [4]uint16{2, 4, 0, 117},
			CodeView: &CodeView{GUID: [16]byte{0x4f, 0x72, 0x63, 0x68, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, Age: 1, PDB: `D:\build\orchard.pdb`}},
		{Base: demoWorker, Size: 0x18000, Name: `C:\Program Files\Orchard\picker.dll`, TimeDateStamp: 0x5f8d1a00, FileVersion: [4]uint16{2, 4, 0, 116}},
		{Base: 0x7ffa3c0b0000, Size: 0xbd000, Name: `C:\Windows\System32\KERNEL32.DLL`, TimeDateStamp: 0x1c5a3b7e, FileVersion: [4]uint16{10, 0, 19041, 1202}},
		{Base: demoNtdll, Size: 0x1f5000, Name: `C:\Windows\System32\ntdll.dll`, TimeDateStamp: 0x7a0e2f1b, FileVersion: [4]uint16{10, 0, 19041, 1202}},
	}
	p.AddHeap(demoMain())
	p.AddHeap(&Heap{Address: 0x1c0aa1e0000, Mapped: true, Flags: FlagClassCSRPort, Segments: []Segment{
		{Reserve: 0x4000, Items: []Item{Busy(0x128), Free(0x300), Busy(0x40)}},
	}})
	p.AddHeap(&Heap{Address: 0x1c0aa600000, Flags: FlagNoSerialize | FlagClassPrivate | FlagGrowable, Segments: []Segment{
		{Reserve: 0x100000, Items: demoPool()},
	}})
	p.Prepare = demoPrepare
	return p
}

const (
	demoHeap    = 0x1c0aa400000
	demoSegment = 0x1c0ab200000
)

func demoMain() *Heap {
	return &Heap{
		Address: demoHeap,
		Lock:    Lock{Debug: demoNtdll + 0x166500, Contention: 37, SpinCount: 0x20007d0},
		Segments: []Segment{
			{Reserve: 0x100000, Items: demoFirst()},
			{Address: demoSegment, Reserve: 0x100000, Items: demoSecond(), ZeroUCR: false},
		},
		Virtual: []Virtual{
			{Address: 0x1c0ac000000, Size: 0x180000, FirstPage: true, Content: []byte("BM demonstration bitmap")},
			{Address: 0x1c0ac400000, Size: 0x180000, FirstPage: true, Content: []byte("BM demonstration bitmap")},
			{Address: 0x1c0ac800000, Size: 0x9c421, Reserve: 0x200000, FirstPage: true},
		},
	}
}

// demoFirst is objects of one class, texts, and holes between them.
func demoFirst() []Item {
	var items []Item
	for i := range 160 {
		items = append(items, Busy(72).WithContent(demoObject(i)))
		switch i % 8 {
		case 3:
			text := fmt.Sprintf("row %03d: apples, %d crates", i, i*7%90)
			items = append(items, Busy(uint64(2*len(text)+2)).WithContent(append(utf16le(text), 0, 0)))
		case 5:
			items = append(items, Free(uint64(0x40+0x10*(i%6))))
		case 7:
			items = append(items, Busy(uint64(200+i*3)).WithFlags(0x20))
		}
	}
	return items
}

// demoObject is a C++ object: a virtual function table, a number, and a
// pointer that demoPrepare fills in.
func demoObject(i int) []byte {
	var b buf
	b.u64(demoExe + 0x30100 + 0x40*uint64(i%3))
	b.u64(uint64(i))
	b.u64(0)
	b.fixed([]byte(fmt.Sprintf("tree-%d", i)), 32)
	return b.b
}

// demoSecond is larger buffers with a range given back between them.
func demoSecond() []Item {
	items := []Item{Busy(0x2000).WithContent([]byte("{\"orchard\":\"north\",\"trees\":160}"))}
	for i := range 12 {
		items = append(items, Busy(uint64(0x180+0x48*i)))
	}
	items = append(items, Internal(0x800), Uncommitted(0x6000), Busy(1000), Free(0x2e0), Busy(17).WithBlock(0x100))
	return items
}

func demoPool() []Item {
	var items []Item
	for i := range 40 {
		items = append(items, Busy(256).WithContent([]byte(fmt.Sprintf("job %02d", i))))
		if i%10 == 9 {
			items = append(items, Free(0x210))
		}
	}
	return items
}

// demoPrepare links the objects, puts pointers to some on the stacks, and
// adds what a dump has beside memory.
func demoPrepare(b *Built) {
	var objects []uint64
	for _, bl := range b.Heaps[0].Blocks {
		if bl.State == StateBusy && bl.Size == 72 {
			objects = append(objects, bl.User)
		}
	}
	for i, o := range objects[:len(objects)-1] {
		if i%20 != 19 { // a lost tail every twenty
			b.Image.PutU64(o+16, objects[i+1])
		}
	}
	d := b.Dump
	for i := range d.Threads {
		t := &d.Threads[i]
		b.Image.PutU64(t.StackStart+0x20, objects[20*i])
		b.Image.PutU64(t.StackStart+0x28, demoExe+0x1040)
		name := []string{"main", "picker", "press"}[i]
		d.AddThreadName(t.ID, name)
		d.Infos = append(d.Infos, ThreadInfo{ID: t.ID, CreateTime: 0x1d6a5b0c0000000, UserTime: 1_250_000 * uint64(i+1),
			KernelTime: 310_000, StartAddress: demoExe + 0x1000, Affinity: 0xff})
	}
	d.AddUnloadedModule(0x7ffa11000000, 0x9000, "blight.dll", 0x5e0f0000)
	d.Handles = &HandleData{Handles: []Handle{
		{Handle: 0x4, TypeName: "Event", GrantedAccess: 0x1f0003, HandleCount: 1, PointerCount: 32767},
		{Handle: 0x48, TypeName: "File", ObjectName: `\Device\HarddiskVolume3\Orchard\rows.dat`, GrantedAccess: 0x120089, HandleCount: 1, PointerCount: 32760},
		{Handle: 0x7c, TypeName: "Mutant", ObjectName: `\Sessions\1\BaseNamedObjects\OrchardGate`, GrantedAccess: 0x1f0001, HandleCount: 2, PointerCount: 65533},
		{Handle: 0x90, TypeName: "Key", ObjectName: `\REGISTRY\MACHINE\SOFTWARE\Orchard`, GrantedAccess: 0x20019, HandleCount: 1, PointerCount: 32766},
		{Handle: 0xa4, TypeName: "Thread", GrantedAccess: 0x1fffff, HandleCount: 3, PointerCount: 98301},
	}}
	d.Exception = &Exception{ThreadID: d.Threads[1].ID, Code: 0xc0000005, Address: demoWorker + 0x2210,
		Params: []uint64{1, 0x18}, Context: d.Threads[1].Context}
	d.CommentW = "a demonstration, made by its own test data builder"
	d.VmCounters = VmCounters(0x1a40000, 0x2210000, 0x1180000, 0x1300000)
	d.SysMemory = SystemMemoryInfo(0x3f7c21, 0x1a0220)
}
