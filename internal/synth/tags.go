package synth

// TagTable is the heap's tags and pseudo tags, which it has with heap
// tagging on. They stand at an address of their own.
type TagTable struct {
	Address uint64
	Tags    []Tag
	Pseudo  []PseudoTag // by size in units; filled up to 129
}

// Tag is one _HEAP_TAG_ENTRY.
type Tag struct {
	Allocs, Frees uint32
	Size          uint64 // units
	Index         uint16
	Name          string
}

// PseudoTag is one _HEAP_PSEUDO_TAG_ENTRY.
type PseudoTag struct {
	Allocs, Frees uint32
	Size          uint64 // units
}

const pseudoTags = 0x81

// writeTags writes both tables and points the heap at them.
func (b *BuiltHeap) writeTags() {
	t := b.Tags
	if t == nil {
		return
	}
	p := b.Arch.PtrSize()
	pseudo, tag := 8+p, uint64(0x40)
	if b.Arch != X86 {
		tag = 0x48
	}
	total := pseudo*pseudoTags + tag*uint64(len(t.Tags))
	b.Image.Reserve(t.Address, total, MemPrivate, PageReadWrite)
	b.Image.Commit(t.Address, total, PageReadWrite)
	at := t.Address
	b.Set("PseudoTagEntries", at)
	for i := range pseudoTags {
		if i < len(t.Pseudo) {
			b.tagCounts(at, t.Pseudo[i])
		}
		at += pseudo
	}
	if len(t.Tags) == 0 {
		return
	}
	b.Set("TagEntries", at)
	b.Set("MaximumTagIndex", uint64(len(t.Tags)))
	b.Set("NextAvailableTagIndex", uint64(len(t.Tags)))
	for _, g := range t.Tags {
		b.tagCounts(at, PseudoTag{g.Allocs, g.Frees, g.Size})
		b.Image.PutU16(at+pseudo, g.Index)
		name := utf16le(g.Name)
		b.Image.Write(at+pseudo+4, name[:min(len(name), 46)])
		at += tag
	}
}

func (b *BuiltHeap) tagCounts(at uint64, t PseudoTag) {
	b.Image.PutU32(at, t.Allocs)
	b.Image.PutU32(at+4, t.Frees)
	b.ptr(at+8, t.Size)
}
