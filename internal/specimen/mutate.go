package specimen

import (
	"encoding/binary"
	"slices"
)

// EditBytes is how many bytes of a fuzzer's input make one edit.
const EditBytes = 6

// The values that an edit writes.
const (
	zero     = iota
	one      // 1
	ones     // all bits
	sign     // the highest bit alone
	greatest // all bits but the highest
	itself   // the field's own address or file offset
	other    // the address or file offset of the field that the argument chooses
	beside   // that, 4 bytes on
	more     // one more than it was
	less     // one less
	doubled  // twice what it was
	copied   // what stands in the field that the argument chooses
	literal  // the argument
	pages    // the argument times the size of a page
	length   // what is left of the file behind the argument
	cut      // nothing is written: the file ends here
	values   = iota
	unsummed = 0x40 // bit of the last byte: an encoded header's checksum stays as it was
	anywhere = 0x80 // bit of the last byte: the place is a word of the streams and not a field
)

// Mutate is the dump with one hostile value after another in its fields, all
// else sound: the bytes say which field (two), which value (one), what the
// value is made of (two) and how it is written (one). The block headers that
// are changed are encoded, and their checksums made right, unless the edit
// says that they are not. A rest of fewer than EditBytes is left out.
func (s *Specimen) Mutate(edits []byte) []byte {
	data := slices.Clone(s.Data)
	for ; len(edits) >= EditBytes; edits = edits[EditBytes:] {
		at, arg := binary.LittleEndian.Uint16(edits), binary.LittleEndian.Uint16(edits[3:])
		p := s.place(at, edits[5]&anywhere != 0)
		if edits[2]%values == cut {
			data = data[:min(max(p.Off, 1), len(data))]
			continue
		}
		s.put(data, &p, s.value(data, &p, edits[2]%values, arg), edits[5]&unsummed == 0)
	}
	return data
}

// place is the field, or the word of the streams, that a number chooses.
func (s *Specimen) place(n uint16, word bool) Place {
	if word {
		return Place{Off: 4 * (int(n) % (s.Streams / 4)), Size: 4}
	}
	return s.Places[int(n)%len(s.Places)]
}

// value is what an edit writes.
func (s *Specimen) value(data []byte, p *Place, how byte, arg uint16) uint64 {
	width := 8 * uint(min(p.Size, 8))
	q := s.place(arg, false)
	switch how {
	case one:
		return 1
	case ones:
		return 1<<64 - 1
	case sign:
		return 1 << (width - 1)
	case greatest:
		return 1<<(width-1) - 1
	case itself:
		return p.pointer()
	case other:
		return q.pointer()
	case beside:
		return q.pointer() + 4
	case more:
		return s.get(data, p) + 1
	case less:
		return s.get(data, p) - 1
	case doubled:
		return 2 * s.get(data, p)
	case copied:
		return s.get(data, &q)
	case literal:
		return uint64(arg)
	case pages:
		return uint64(arg) * PageBytes
	case length:
		return uint64(max(len(s.Data)-int(arg), 0))
	}
	return 0
}

// pointer leads to the place: in the process, or in the file.
func (p *Place) pointer() uint64 {
	if p.Addr != 0 {
		return p.Addr
	}
	return uint64(p.Off)
}

// get is the number that stands in a place, decoded; of longer places the
// first eight bytes, and 0 where the file was cut before it.
func (s *Specimen) get(data []byte, p *Place) uint64 {
	var b [8]byte
	if p.Off < len(data) {
		copy(b[:min(p.Size, 8)], data[p.Off:])
	}
	if p.Header != 0 {
		for i := range min(p.Size, 8) {
			b[i] ^= p.Key[(p.Off-p.Header+i)%8]
		}
	}
	return binary.LittleEndian.Uint64(b[:])
}

// put writes a number there, encoded, and makes the header's sum right.
func (s *Specimen) put(data []byte, p *Place, v uint64, sum bool) {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], v)
	n := min(p.Size, 8)
	if p.Header != 0 {
		for i := range n {
			b[i] ^= p.Key[(p.Off-p.Header+i)%8]
		}
	}
	if p.Off+n > len(data) {
		return
	}
	copy(data[p.Off:], b[:n])
	if h := p.Header; h != 0 && p.Sum && sum && h+4 <= len(data) {
		k := p.Key
		data[h+3] = data[h] ^ k[0] ^ data[h+1] ^ k[1] ^ data[h+2] ^ k[2] ^ k[3]
	}
}
