package synth

// Damaged is a small process with something of every layer: slots of the
// low-fragmentation heap and blocks of the back end with the stacks of their
// allocation, blocks of a debug C runtime; and with two overruns: a block of
// 40 bytes was written 24 bytes past its end, over the header behind it, and
// a debug block 3 bytes, over its fence.
func Damaged() *Process {
	const image, ntdll, trace = 0x7ff6c0010000, 0x7ffa3d260000, 0x1c0b0000000
	p := NewProcess(Win10v1809, X64)
	p.NtGlobalFlag = 0x1000
	p.ImagePath = `C:\orchard\orchard.exe`
	p.Modules = []Module{{Base: image, Size: 0x40000, Name: p.ImagePath}, {Base: ntdll, Size: 0x1f8000, Name: `C:\Windows\System32\ntdll.dll`}}
	lfh := NewLFH(p.Family, p.Arch, 0x1c0ab000000, 0x5a17c3d2e4f60b)
	slots := make([]Slot, 12)
	for i := range slots {
		if slots[i].Busy = i%3 != 2; slots[i].Busy {
			slots[i].Size, slots[i].Stack = 48-uint64(i), trace+0x100
		}
	}
	item := Busy(40).WithStack(trace + 0x200).WithContent([]byte("a list of fruit: apple, quince, medlar, "))
	h := p.AddHeap(&Heap{Address: 0x1c0aa400000, Flags: FlagGrowable | FlagStackTrace, Segments: []Segment{{Items: []Item{
		Busy(100).WithStack(trace + 0x200), lfh.Add(&Container{Units: 7, SizeIndex: 6, Slots: slots}), item, Busy(72).WithStack(trace + 0x100), Busy(24).WithStack(trace + 0x200)}}}})
	list := &CRTList{Arch: X64, Form: CRTUniversal, Blocks: []CRTBlock{
		{Size: 24, Use: CRTNormal, Request: 70, File: image + 0x9000, Line: 12, Content: []byte("plum")},
		{Size: 13, Use: CRTNormal, Request: 71, File: image + 0x9000, Line: 14, Content: []byte("persimmon jam!!!")},
		{Size: 40, Use: CRTClient, Request: 72, File: image + 0x9000, Line: 31}}}
	p.AddHeap(&Heap{Address: 0x1c0aa600000, Flags: FlagGrowable | FlagClassPrivate, Segments: []Segment{{Items: list.Items()}}})
	p.Prepare = func(b *Built) {
		b.Image.Reserve(trace, 0x10000, MemPrivate, PageReadWrite)
		StackTrace(b.Image, X64, trace+0x100, 1, ntdll+0x2a883, image+0x1a2c, image+0x1f40, image+0x1010)
		StackTrace(b.Image, X64, trace+0x200, 2, ntdll+0x2a883, image+0x2b10, image+0x1010)
		var users []uint64
		for _, x := range b.Heaps[1].Blocks {
			if x.State == StateBusy {
				users = append(users, x.User)
			}
		}
		list.Write(b.Image, users)
		b.Image.Write(image+0x9000, []byte("C:\\orchard\\src\\jam.cpp\x00"))
		for _, x := range b.Heaps[0].Blocks {
			if x.Size == 40 && x.Origin == OriginBackEnd {
				b.Image.Write(x.User+40, []byte("plum, damson, sloe, red "))
			}
		}
	}
	lfh.Install(p, h)
	return p
}
