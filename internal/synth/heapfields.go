package synth

// heap32 is _HEAP of Vista and later on x86. Windows 8 dropped PointerKey,
// and what follows it moved down.
func heap32(f Family) fields {
	m := segmentFields(f, X86)
	m.set("Flags", 0x40, 4)
	m.set("ForceFlags", 0x44, 4)
	m.set("CompatibilityFlags", 0x48, 4)
	m.set("EncodeFlagMask", 0x4c, 4)
	m.set("Encoding", 0x50, 8)
	d := uint64(4) // what the dropped pointer takes off
	if f <= Win7 {
		d = 0
		m.set("PointerKey", 0x58, 4)
	}
	m.set("Interceptor", 0x5c-d, 4)
	m.set("VirtualMemoryThreshold", 0x60-d, 4)
	m.set("Signature", 0x64-d, 4)
	m.set("SegmentReserve", 0x68-d, 4)
	m.set("SegmentCommit", 0x6c-d, 4)
	m.set("DeCommitFreeBlockThreshold", 0x70-d, 4)
	m.set("DeCommitTotalFreeThreshold", 0x74-d, 4)
	m.set("TotalFreeSize", 0x78-d, 4)
	m.set("MaximumAllocationSize", 0x7c-d, 4)
	m.set("ProcessHeapsListIndex", 0x80-d, 2)
	m.set("HeaderValidateLength", 0x82-d, 2)
	m.set("HeaderValidateCopy", 0x84-d, 4)
	m.set("NextAvailableTagIndex", 0x88-d, 2)
	m.set("MaximumTagIndex", 0x8a-d, 2)
	m.set("TagEntries", 0x8c-d, 4)
	m.list("UCRList", 0x90-d, 4)
	m.set("AlignRound", 0x98-d, 4)
	m.set("AlignMask", 0x9c-d, 4)
	m.list("VirtualAllocdBlocks", 0xa0-d, 4)
	m.list("SegmentList", 0xa8-d, 4)
	m.set("AllocatorBackTraceIndex", 0xb0-d, 2)
	m.set("NonDedicatedListLength", 0xb4-d, 4)
	m.set("BlocksIndex", 0xb8-d, 4)
	m.set("UCRIndex", 0xbc-d, 4)
	m.set("PseudoTagEntries", 0xc0-d, 4)
	m.list("FreeLists", 0xc4-d, 4)
	m.set("LockVariable", 0xcc-d, 4)
	m.set("CommitRoutine", 0xd0-d, 4)
	m.frontEnd(f, X86)
	return m
}

// heap64 is _HEAP of Vista and later on x64.
func heap64(f Family) fields {
	m := segmentFields(f, X64)
	m.set("Flags", 0x70, 4)
	m.set("ForceFlags", 0x74, 4)
	m.set("CompatibilityFlags", 0x78, 4)
	m.set("EncodeFlagMask", 0x7c, 4)
	m.set("Encoding", 0x80, 16)
	d := uint64(8)
	if f <= Win7 {
		d = 0
		m.set("PointerKey", 0x90, 8)
	}
	m.set("Interceptor", 0x98-d, 4)
	m.set("VirtualMemoryThreshold", 0x9c-d, 4)
	m.set("Signature", 0xa0-d, 4)
	m.set("SegmentReserve", 0xa8-d, 8)
	m.set("SegmentCommit", 0xb0-d, 8)
	m.set("DeCommitFreeBlockThreshold", 0xb8-d, 8)
	m.set("DeCommitTotalFreeThreshold", 0xc0-d, 8)
	m.set("TotalFreeSize", 0xc8-d, 8)
	m.set("MaximumAllocationSize", 0xd0-d, 8)
	m.set("ProcessHeapsListIndex", 0xd8-d, 2)
	m.set("HeaderValidateLength", 0xda-d, 2)
	m.set("HeaderValidateCopy", 0xe0-d, 8)
	m.set("NextAvailableTagIndex", 0xe8-d, 2)
	m.set("MaximumTagIndex", 0xea-d, 2)
	m.set("TagEntries", 0xf0-d, 8)
	m.list("UCRList", 0xf8-d, 8)
	m.set("AlignRound", 0x108-d, 8)
	m.set("AlignMask", 0x110-d, 8)
	m.list("VirtualAllocdBlocks", 0x118-d, 8)
	m.list("SegmentList", 0x128-d, 8)
	m.set("AllocatorBackTraceIndex", 0x138-d, 2)
	m.set("NonDedicatedListLength", 0x13c-d, 4)
	m.set("BlocksIndex", 0x140-d, 8)
	m.set("UCRIndex", 0x148-d, 8)
	m.set("PseudoTagEntries", 0x150-d, 8)
	m.list("FreeLists", 0x158-d, 8)
	m.set("LockVariable", 0x168-d, 8)
	m.set("CommitRoutine", 0x170-d, 8)
	m.frontEnd(f, X64)
	return m
}

// list sets both links of a list head.
func (f fields) list(name string, off, ptr uint64) {
	f.set(name, off, ptr)
	f.set(name+".Blink", off+ptr, ptr)
}

// frontEnd sets the fields behind CommitRoutine, which move most.
func (f fields) frontEnd(fam Family, a Arch) {
	type at struct{ front, usage, counters uint64 }
	x86 := map[Family]at{
		Vista: {0xd4, 0, 0xdc}, Win7: {0xd4, 0, 0xdc}, Win8: {0xd0, 0xd8, 0x1e0},
		Win10v1607: {0xd4, 0xdc, 0x1e4}, Win10v1809: {0xe4, 0xec, 0x1f4}, Win11v24H2: {0xe4, 0xec, 0x1f4},
	}
	x64 := map[Family]at{
		Vista: {0x178, 0, 0x188}, Win7: {0x178, 0, 0x188}, Win8: {0x170, 0x180, 0x210},
		Win10v1607: {0x178, 0x188, 0x218}, Win10v1809: {0x198, 0x1a8, 0x238}, Win11v24H2: {0x198, 0x1a8, 0x238},
	}
	p := a.PtrSize()
	t := x64[fam]
	if a == X86 {
		t = x86[fam]
	}
	f.set("FrontEndHeap", t.front, p)
	f.set("FrontHeapLockCount", t.front+p, 2)
	f.set("FrontEndHeapType", t.front+p+2, 1)
	if t.usage != 0 {
		f.set("RequestedFrontEndHeapType", t.front+p+3, 1)
		f.set("FrontEndHeapUsageData", t.usage, p)
		f.set("FrontEndHeapMaximumIndex", t.usage+p, 2)
		f.set("FrontEndHeapStatusBitmap", t.usage+p+2, 1)
	}
	if fam == Win11v24H2 && a == X86 {
		f.set("UserContext", 0xdc, 4)
	} else if fam == Win11v24H2 {
		f.set("UserContext", 0x188, 8)
	}
	for i, n := range []string{"TotalMemoryReserved", "TotalMemoryCommitted", "TotalMemoryLargeUCR", "TotalSizeInVirtualBlocks"} {
		f.set("Counters."+n, t.counters+uint64(i)*p, p)
	}
	f.set("Counters.TotalSegments", t.counters+4*p, 4)
	f.set("Counters.TotalUCRs", t.counters+4*p+4, 4)
	f.set("Counters.LockAcquires", t.counters+4*p+16, 4)
	f.set("Counters.LockCollisions", t.counters+4*p+20, 4)
}

func xpHeap32() fields {
	m := fields{
		"Signature": {8, 4}, "Flags": {0xc, 4}, "ForceFlags": {0x10, 4},
		"VirtualMemoryThreshold": {0x14, 4}, "SegmentReserve": {0x18, 4}, "SegmentCommit": {0x1c, 4},
		"DeCommitFreeBlockThreshold": {0x20, 4}, "DeCommitTotalFreeThreshold": {0x24, 4},
		"TotalFreeSize": {0x28, 4}, "MaximumAllocationSize": {0x2c, 4},
		"ProcessHeapsListIndex": {0x30, 2}, "HeaderValidateLength": {0x32, 2},
		"HeaderValidateCopy": {0x34, 4}, "NextAvailableTagIndex": {0x38, 2},
		"MaximumTagIndex": {0x3a, 2}, "TagEntries": {0x3c, 4}, "UCRSegments": {0x40, 4},
		"UnusedUnCommittedRanges": {0x44, 4}, "AlignRound": {0x48, 4}, "AlignMask": {0x4c, 4},
		"Segments": {0x58, 4}, "FreeListsInUse": {0x158, 16}, "AllocatorBackTraceIndex": {0x16a, 2},
		"NonDedicatedListLength": {0x16c, 4}, "LargeBlocksIndex": {0x170, 4}, "PseudoTagEntries": {0x174, 4},
		"LockVariable": {0x578, 4}, "CommitRoutine": {0x57c, 4}, "FrontEndHeap": {0x580, 4},
		"FrontHeapLockCount": {0x584, 2}, "FrontEndHeapType": {0x586, 1}, "LastSegmentIndex": {0x587, 1},
	}
	m.list("VirtualAllocdBlocks", 0x50, 4)
	m.list("FreeLists", 0x178, 4)
	return m
}

func xpHeap64() fields {
	m := fields{
		"Signature": {0x10, 4}, "Flags": {0x14, 4}, "ForceFlags": {0x18, 4},
		"VirtualMemoryThreshold": {0x1c, 4}, "SegmentReserve": {0x20, 8}, "SegmentCommit": {0x28, 8},
		"DeCommitFreeBlockThreshold": {0x30, 8}, "DeCommitTotalFreeThreshold": {0x38, 8},
		"TotalFreeSize": {0x40, 8}, "MaximumAllocationSize": {0x48, 8},
		"ProcessHeapsListIndex": {0x50, 2}, "HeaderValidateLength": {0x52, 2},
		"HeaderValidateCopy": {0x58, 8}, "NextAvailableTagIndex": {0x60, 2},
		"MaximumTagIndex": {0x62, 2}, "TagEntries": {0x68, 8}, "UCRSegments": {0x70, 8},
		"UnusedUnCommittedRanges": {0x78, 8}, "AlignRound": {0x80, 8}, "AlignMask": {0x88, 8},
		"Segments": {0xa0, 8}, "FreeListsInUse": {0x2a0, 16}, "AllocatorBackTraceIndex": {0x2b2, 2},
		"NonDedicatedListLength": {0x2b4, 4}, "LargeBlocksIndex": {0x2b8, 8}, "PseudoTagEntries": {0x2c0, 8},
		"LockVariable": {0xac8, 8}, "CommitRoutine": {0xad0, 8}, "FrontEndHeap": {0xad8, 8},
		"FrontHeapLockCount": {0xae0, 2}, "FrontEndHeapType": {0xae2, 1}, "LastSegmentIndex": {0xae3, 1},
	}
	m.list("VirtualAllocdBlocks", 0x90, 8)
	m.list("FreeLists", 0x2c8, 8)
	return m
}
