package synth

// Truth is the totals of a heap, or of all heaps of a process.
type Truth struct {
	Segments, Virtual               int
	Blocks                          int // entries in segments and large blocks, without uncommitted ranges
	Busy, Free, Internal            int // blocks by state; large ones are busy
	BusyUser                        uint64
	BusyBytes, FreeBytes, IntlBytes uint64 // whole blocks
	Uncommitted                     uint64 // bytes
	Reserved                        uint64 // bytes of segments
}

// Truth counts the heap's blocks.
func (b *BuiltHeap) Truth() Truth {
	t := Truth{Segments: len(b.Segs), Virtual: len(b.Virtual)}
	for _, s := range b.Segs {
		t.Reserved += s.End - s.Base
	}
	for i := range b.Blocks {
		t.add(&b.Blocks[i])
	}
	return t
}

func (t *Truth) add(b *Block) {
	if b.State == StateUncommitted {
		t.Uncommitted += b.Bytes
		return
	}
	t.Blocks++
	switch b.State {
	case StateBusy:
		t.Busy++
		t.BusyUser += b.Size
		t.BusyBytes += b.Bytes
	case StateFree:
		t.Free++
		t.FreeBytes += b.Bytes
	case StateInternal:
		t.Internal++
		t.IntlBytes += b.Bytes
	}
}

// Plus adds two truths.
func (t Truth) Plus(o Truth) Truth {
	t.Segments += o.Segments
	t.Virtual += o.Virtual
	t.Blocks += o.Blocks
	t.Busy += o.Busy
	t.Free += o.Free
	t.Internal += o.Internal
	t.BusyUser += o.BusyUser
	t.BusyBytes += o.BusyBytes
	t.FreeBytes += o.FreeBytes
	t.IntlBytes += o.IntlBytes
	t.Uncommitted += o.Uncommitted
	t.Reserved += o.Reserved
	return t
}

// At finds the block whose entry or user address is addr.
func (b *BuiltHeap) At(addr uint64) (Block, bool) {
	for _, bl := range b.Blocks {
		if bl.Entry == addr || bl.User == addr {
			return bl, true
		}
	}
	return Block{}, false
}

// Only is the blocks of one state, in walk order.
func (b *BuiltHeap) Only(s State) []Block {
	var out []Block
	for _, bl := range b.Blocks {
		if bl.State == s {
			out = append(out, bl)
		}
	}
	return out
}
