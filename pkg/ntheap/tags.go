package ntheap

import (
	"unicode/utf16"
)

// Tag is what the heap counted under one tag (heap tagging, +htg) or pseudo
// tag, which stands for a block size.
type Tag struct {
	Index  int
	Name   string // of a tag; of a pseudo tag empty
	Units  int    // of a pseudo tag: the block size that it counts, in units; 0 for the larger ones
	Pseudo bool
	Allocs uint32
	Frees  uint32
	Bytes  uint64 // in blocks that are still allocated
}

// pseudoTags is the number of pseudo tags: one for each size below 0x80 units
// and two for all that is larger (public symbols of 2003 to 10).
const pseudoTags = 0x81

// Tags returns the heap's tags and pseudo tags that count anything; none
// where heap tagging is off. What the dump does not hold is left out.
func (h *Heap) Tags() []Tag {
	var out []Tag
	l := &h.set.Tag
	for i := range min(int(h.Header.MaximumTagIndex), int(h.Header.NextAvailableTagIndex)) {
		if h.Header.TagEntries == 0 {
			break
		}
		raw, ok := structure(h.mem, h.Header.TagEntries.Add(uint64(i)*uint64(l.Size_)), l.Size_)
		if !ok {
			continue
		}
		t := Tag{Index: i, Name: utf16z(raw[l.TagName.Off : l.TagName.Off+l.TagName.Size]),
			Allocs: uint32(raw.num(l.Allocs)), Frees: uint32(raw.num(l.Frees)), Bytes: raw.num(l.Size) * h.Header.Unit}
		if t.Allocs != 0 || t.Name != "" {
			out = append(out, t)
		}
	}
	return append(out, h.pseudoTags()...)
}

func (h *Heap) pseudoTags() []Tag {
	var out []Tag
	if h.Header.PseudoTagEntries == 0 {
		return nil
	}
	l := &h.set.PseudoTag
	for i := range pseudoTags {
		raw, ok := structure(h.mem, h.Header.PseudoTagEntries.Add(uint64(i)*uint64(l.Size_)), l.Size_)
		if !ok {
			continue
		}
		t := Tag{Index: i, Units: i, Pseudo: true, Allocs: uint32(raw.num(l.Allocs)), Frees: uint32(raw.num(l.Frees)), Bytes: raw.num(l.Size) * h.Header.Unit}
		if i == pseudoTags-1 {
			t.Units = 0
		}
		if t.Allocs != 0 {
			out = append(out, t)
		}
	}
	return out
}

// utf16z decodes UTF-16 up to the first zero.
func utf16z(b []byte) string {
	var u []uint16
	for i := 0; i+1 < len(b); i += 2 {
		c := uint16(b[i]) | uint16(b[i+1])<<8
		if c == 0 {
			break
		}
		u = append(u, c)
	}
	return string(utf16.Decode(u))
}
