package synth

// TraceDB is the script of a user-mode stack trace database.
type TraceDB struct {
	Address uint64 // of the reservation, which begins with the header
	Reserve uint64 // 0 is 1 MiB
	Family  Family // XP; Vista; Win7 and later are alike
	Arch    Arch
	Stacks  [][]uint64
	// DepthInIndex puts the depth where symbols have Index, and an index
	// nowhere, as two tools read Windows 7 and later.
	DepthInIndex bool
	Buckets      uint32 // 0 is 137
}

// BuiltTraceDB is a database in an image.
type BuiltTraceDB struct {
	*TraceDB
	Image   *Image
	Entries []uint64 // of each stack, in order; index i+1
	Index   uint64   // EntryIndexArray

	header fields
	size   uint64
}

// traceHeader is STACK_TRACE_DATABASE without its buckets.
func traceHeader(f Family) []member {
	common := []member{
		{"PreCommitted", mU8}, {"DumpInProgress", mU8}, {"CommitBase", mPtr},
		{"CurrentLowerCommitLimit", mPtr}, {"CurrentUpperCommitLimit", mPtr}, {"NextFreeLowerMemory", mPtr}, {"NextFreeUpperMemory", mPtr},
		{"NumberOfEntriesLookedUp", mU32}, {"NumberOfEntriesAdded", mU32}, {"EntryIndexArray", mPtr},
	}
	switch {
	case f == XP:
		return append(append([]member{{"Lock", mLock}, {"AcquireLockRoutine", mPtr}, {"ReleaseLockRoutine", mPtr}, {"OkayToLockRoutine", mPtr}}, common...),
			member{"NumberOfBuckets", mU32}, member{"Buckets", mPtr})
	case f == Vista:
		return append(append([]member{{"Lock", mLock}, {"Reserved0", mPtr}, {"Reserved1", mPtr}, {"Reserved2", mPtr}}, common...),
			member{"NumberOfEntriesDeleted", mU32}, member{"NumberOfEntriesAvailable", mU32}, member{"NumberOfEntriesReused", mU32},
			member{"NumberOfAllocationFailures", mU32}, member{"FreeLists", mHeads}, member{"NumberOfBuckets", mU32}, member{"Buckets", mPtr})
	}
	return append(append([]member{{"Lock", mLock}, {"Reserved2", mPtr}, {"PeakHashCollisionListLength", mPtr}, {"LowerMemoryStart", mPtr}}, common...),
		member{"NumberOfEntriesAllocated", mU32}, member{"NumberOfEntriesAvailable", mU32}, member{"NumberOfAllocationFailures", mU32},
		member{"FreeLists", mHeads2}, member{"NumberOfBuckets", mU32}, member{"Buckets", mPtr})
}

// Build writes the database: header and hash table, entries behind them, and
// at the reservation's end the index, which grows downward.
func (d *TraceDB) Build(m *Image) *BuiltTraceDB {
	if d.Reserve == 0 {
		d.Reserve = 0x100000
	}
	if d.Buckets == 0 {
		d.Buckets = 137
	}
	b := &BuiltTraceDB{TraceDB: d, Image: m, Index: d.Address + d.Reserve}
	b.header, b.size = pack(d.Arch, traceHeader(d.Family))
	if d.Family != XP && d.Family != Vista && d.Arch == X86 {
		// FreeLists is aligned to 8 bytes on x86 too
		b.header["FreeLists"] = fieldAt{0x78, 0x100}
		b.header["NumberOfBuckets"] = fieldAt{0x178, 4}
		b.header["Buckets"] = fieldAt{0x17c, 4}
	}
	w := d.Arch.PtrSize()
	stride := w
	if d.Family != XP && d.Family != Vista {
		stride = 2 * w
	}
	m.Reserve(d.Address, d.Reserve, MemPrivate, PageReadWrite)
	table := d.Address + place(b.header, "Buckets").off
	at := alignUp(table+uint64(d.Buckets)*stride, 16)
	slots := make([]uint64, d.Buckets)
	for i, frames := range d.Stacks {
		slot := uint64(i) % uint64(d.Buckets)
		m.putPtr(d.Arch, at, slots[slot])
		slots[slot] = at
		b.entry(at, uint32(i+1), frames)
		b.Entries = append(b.Entries, at)
		m.putPtr(d.Arch, b.Index-uint64(i+1)*w, at)
		at = alignUp(at+w+8+uint64(len(frames))*w, w)
	}
	for i, s := range slots {
		m.putPtr(d.Arch, table+uint64(i)*stride, s)
	}
	lower, upper := alignUp(at+1, pageSize), alignDown(b.Index-uint64(len(d.Stacks)+1)*w, pageSize)
	m.Commit(d.Address, lower-d.Address, PageReadWrite)
	m.Commit(upper, b.Index-upper, PageReadWrite)
	for name, v := range map[string]uint64{
		"CommitBase": d.Address, "CurrentLowerCommitLimit": lower, "CurrentUpperCommitLimit": upper, "NextFreeLowerMemory": at,
		"NextFreeUpperMemory": b.Index - uint64(len(d.Stacks))*w, "NumberOfEntriesLookedUp": uint64(3*len(d.Stacks) + 7),
		"NumberOfEntriesAdded": uint64(len(d.Stacks)), "EntryIndexArray": b.Index, "NumberOfBuckets": uint64(d.Buckets),
	} {
		b.Set(name, v)
	}
	if _, ok := b.header["LowerMemoryStart"]; ok {
		b.Set("LowerMemoryStart", d.Address)
	}
	return b
}

// entry writes an RTL_STACK_TRACE_ENTRY but for its HashChain.
func (b *BuiltTraceDB) entry(at uint64, index uint32, frames []uint64) {
	m, w := b.Image, b.Arch.PtrSize()
	if b.Family == XP {
		m.PutU32(at+w, 2)
	} else {
		m.PutU16(at+w, 2|3<<11) // TraceCount, BlockDepth
		m.PutU16(at+w+2, uint16(index>>16))
	}
	m.PutU16(at+w+4, uint16(index))
	m.PutU16(at+w+6, uint16(len(frames)))
	if b.DepthInIndex {
		m.PutU16(at+w+2, 0)
		m.PutU16(at+w+4, uint16(len(frames)))
		m.PutU16(at+w+6, 0)
	}
	for i, f := range frames {
		m.putPtr(b.Arch, at+w+8+uint64(i)*w, f)
	}
}

// Set overwrites a field of the header.
func (b *BuiltTraceDB) Set(name string, v uint64) {
	b.Image.put(b.Arch, b.Address, b.header, name, v)
}

// TraceBlock writes an RTL_TRACE_BLOCK of a verifier's trace database, with
// its frames right behind it.
func TraceBlock(m *Image, a Arch, addr uint64, count uint32, frames ...uint64) {
	f, size := pack(a, []member{{"Magic", mU32}, {"Count", mU32}, {"Size", mU32}, {"UserCount", mPtr}, {"UserSize", mPtr},
		{"UserContext", mPtr}, {"Next", mPtr}, {"Trace", mPtr}})
	m.put(a, addr, f, "Magic", 0xabcdaaaa)
	m.put(a, addr, f, "Count", uint64(count))
	m.put(a, addr, f, "Size", uint64(len(frames)))
	m.put(a, addr, f, "Trace", addr+size)
	for i, v := range frames {
		m.putPtr(a, addr+size+uint64(i)*a.PtrSize(), v)
	}
}
