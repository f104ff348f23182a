package memory

import "encoding/binary"

// U16 returns the little-endian 16-bit number at a, or a [*MissingError].
func (s *Space) U16(a Addr) (uint16, error) {
	b, err := s.View(a, 2)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint16(b), nil
}

// U32 returns the little-endian 32-bit number at a, or a [*MissingError].
func (s *Space) U32(a Addr) (uint32, error) {
	b, err := s.View(a, 4)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint32(b), nil
}

// U64 returns the little-endian 64-bit number at a, or a [*MissingError].
func (s *Space) U64(a Addr) (uint64, error) {
	b, err := s.View(a, 8)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint64(b), nil
}

// Pointer returns the pointer at a: 4 bytes when bits is 32, else 8. The error
// is a [*MissingError].
func (s *Space) Pointer(a Addr, bits int) (Addr, error) {
	if bits == 32 {
		p, err := s.U32(a)
		return Addr(p), err
	}
	p, err := s.U64(a)
	return Addr(p), err
}
