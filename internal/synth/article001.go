package synth

// The words that stand behind the heap array in the article's memory listing.
var article001Tail = [...]uint32{
	0, 0x77498340, 0x7749bb08, 0x77498220, 0, 0, 0, 0, 0x77498220, 0x00317bd0, 0, 0,
}

// Article001 is the process of a published walk through a Windows 7 x86 heap:
// heap 5 of 5 is at 0x2c0000 and has been asked for 128 and 121 bytes.
//
// Step 1 is after the first allocation, 2 after the second, 3 after the first
// was freed and 4 after both were. The article prints step 4 from another
// run, with the heap at 0x5c0000: base says where it is to be.
func Article001(step int, base uint64) *Process {
	p := NewProcess(Win7, X86)
	p.DeCommitTotal, p.DeCommitFreeBlock = 0x10000, 0x1000
	p.ImagePath = `C:\heap\heap.exe`
	p.Command = `heap.exe`
	p.Modules = []Module{
		{Base: 0x1030000, Size: 0x6000, Name: `C:\heap\heap.exe`, TimeDateStamp: 0x5191b0c1},
		{Base: 0x6d220000, Size: 0xa3000, Name: `C:\Windows\system32\MSVCR90.dll`, TimeDateStamp: 0x4a594c79},
		{Base: 0x76950000, Size: 0xd4000, Name: `C:\Windows\system32\kernel32.dll`, TimeDateStamp: 0x4ce7b8ef},
		{Base: 0x773d0000, Size: 0x13c000, Name: `C:\Windows\SYSTEM32\ntdll.dll`, TimeDateStamp: 0x4ce7b96e},
	}
	p.AddHeap(small(0x300000, FlagGrowable))
	csr := small(0x10000, FlagClassCSRPort)
	csr.Mapped = true
	p.AddHeap(csr)
	p.AddHeap(small(0x20000, FlagClassPrivate|FlagGrowable))
	p.AddHeap(small(0x2e0000, FlagClassPrivate|FlagGrowable))
	p.AddHeap(&Heap{
		Address: base, Flags: FlagClassPrivate, Key: 0x0000e7c1_5a9b_3d42,
		Segments: []Segment{{Items: article001Items(step)}},
	})
	p.Prepare = func(b *Built) {
		for i, w := range article001Tail {
			b.Image.PutU32(p.ProcessHeaps+0x40+uint64(i)*4, w)
		}
	}
	return p
}

// article001Items is the heap's blocks at a step; the builder fills up to the
// page with the free block, 0x9d0 bytes of it after step 1.
func article001Items(step int) []Item {
	switch step {
	case 1:
		return []Item{Busy(128), Uncommitted(0x1000)}
	case 2:
		return []Item{Busy(128), Busy(121), Uncommitted(0x1000)}
	case 3:
		return []Item{Free(0x88), Busy(121), Uncommitted(0x1000)}
	}
	return []Item{Uncommitted(0x1000)}
}

// small is a heap of two blocks and a free one, 64 KiB with all but the first
// page uncommitted.
func small(addr uint64, flags uint32) *Heap {
	return &Heap{Address: addr, Flags: flags, Segments: []Segment{{
		Reserve: 0x10000, Items: []Item{Busy(48), Free(0x40), Busy(200)},
	}}}
}
