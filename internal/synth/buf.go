package synth

import (
	"encoding/binary"
	"unicode/utf16"
)

// buf is a growing little-endian record.
type buf struct{ b []byte }

func (w *buf) u8(v uint8)   { w.b = append(w.b, v) }
func (w *buf) u16(v uint16) { w.b = binary.LittleEndian.AppendUint16(w.b, v) }
func (w *buf) u32(v uint32) { w.b = binary.LittleEndian.AppendUint32(w.b, v) }
func (w *buf) u64(v uint64) { w.b = binary.LittleEndian.AppendUint64(w.b, v) }

func (w *buf) bytes(p []byte) { w.b = append(w.b, p...) }
func (w *buf) zero(n int)     { w.b = append(w.b, make([]byte, n)...) }

// fixed appends p cut or zero-filled to exactly n bytes.
func (w *buf) fixed(p []byte, n int) {
	if len(p) > n {
		p = p[:n]
	}
	w.bytes(p)
	w.zero(n - len(p))
}

// utf16le is s in UTF-16LE without a terminator.
func utf16le(s string) []byte {
	var w buf
	for _, c := range utf16.Encode([]rune(s)) {
		w.u16(c)
	}
	return w.b
}

// mdString is s as a MINIDUMP_STRING: byte length, text, terminator.
func mdString(s string) []byte {
	t := utf16le(s)
	var w buf
	w.u32(uint32(len(t)))
	w.bytes(t)
	w.u16(0)
	return w.b
}

func put16(b []byte, off int, v uint16) { binary.LittleEndian.PutUint16(b[off:], v) }
func put32(b []byte, off int, v uint32) { binary.LittleEndian.PutUint32(b[off:], v) }
func put64(b []byte, off int, v uint64) { binary.LittleEndian.PutUint64(b[off:], v) }
