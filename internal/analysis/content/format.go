package content

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"io"
)

// format recognises files of known formats by their signatures (each format's
// public specification), and by what must follow them.
func format(b []byte, size uint64) Claim {
	switch {
	case bytes.HasPrefix(b, []byte("MZ")) && pe(b, size):
		return Claim{PE, High}
	case bytes.HasPrefix(b, []byte("\x89PNG\r\n\x1a\n")) && len(b) >= 16 && string(b[12:16]) == "IHDR":
		return Claim{PNG, High}
	case len(b) >= 4 && b[0] == 0xff && b[1] == 0xd8 && b[2] == 0xff && b[3] >= 0xc0 && b[3] != 0xff:
		return jpeg(b)
	case (bytes.HasPrefix(b, []byte("GIF87a")) || bytes.HasPrefix(b, []byte("GIF89a"))) && gif(b, size):
		return Claim{GIF, High}
	case bytes.HasPrefix(b, []byte("PK\x03\x04")) && zip(b, size):
		return Claim{Zip, High}
	case len(b) >= 18 && b[0] == 0x1f && b[1] == 0x8b && b[2] == 8 && b[3]&0xe0 == 0 && inflates(gzipBody(b)):
		return Claim{GZip, High}
	case len(b) >= 12 && b[0] == 0x78 && (uint(b[0])<<8|uint(b[1]))%31 == 0 && b[1]&0x20 == 0 && inflates(b[2:]):
		return Claim{Zlib, High}
	}
	if bitmap(b, size) {
		return Claim{Bitmap, Medium}
	}
	return Claim{}
}

func pe(b []byte, size uint64) bool {
	if len(b) < 0x40 {
		return false
	}
	at := uint64(binary.LittleEndian.Uint32(b[0x3c:]))
	return at+4 <= uint64(len(b)) && string(b[at:at+4]) == "PE\x00\x00" && size > at
}

// gif asks for a screen of some size and, behind the global colours if there are
// any, for the first of the blocks that the format has (GIF89a, sections 18 to
// 27): text that begins with the signature's letters has none of it.
func gif(b []byte, size uint64) bool {
	const head, extension, image, trailer = 13, 0x21, 0x2c, 0x3b
	if len(b) < head || b[6]|b[7] == 0 || b[8]|b[9] == 0 {
		return false
	}
	first := head
	if flags := b[10]; flags&0x80 != 0 { // 2 to 256 colours of 3 bytes
		first += 3 << (flags&7 + 1)
	}
	if first >= len(b) {
		return uint64(first) < size // beyond what is looked at
	}
	return b[first] == extension || b[first] == image || b[first] == trailer
}

// zip asks of a local file header (PKWARE's APPNOTE, 4.3.7 and 4.4) for a
// version and a method that exist, and for a name of printable characters
// within the block.
func zip(b []byte, size uint64) bool {
	const head, version = 30, 63
	if len(b) < head || b[4] > version || b[5] != 0 {
		return false
	}
	method := binary.LittleEndian.Uint16(b[8:])
	name := uint64(binary.LittleEndian.Uint16(b[26:]))
	if method > 20 && (method < 93 || method > 99) || name == 0 || head+name > size {
		return false
	}
	for _, c := range b[head:min(head+name, uint64(len(b)))] {
		if c < ' ' {
			return false
		}
	}
	return true
}

// jpeg asks for the name of an APP0 or APP1 segment, or else says less.
func jpeg(b []byte) Claim {
	if len(b) >= 11 && (string(b[6:10]) == "JFIF" || string(b[6:10]) == "Exif") {
		return Claim{JPEG, High}
	}
	return Claim{JPEG, Medium}
}

// bitmap recognises a file (BM) or a packed bitmap (BITMAPINFOHEADER, as the
// clipboard and resources have it).
func bitmap(b []byte, size uint64) bool {
	if bytes.HasPrefix(b, []byte("BM")) && len(b) >= 14+40 {
		if total := uint64(binary.LittleEndian.Uint32(b[2:])); total > size || total < 54 {
			return false
		}
		return dib(b[14:])
	}
	return dib(b)
}

// dib recognises a BITMAPINFOHEADER.
func dib(b []byte) bool {
	if len(b) < 40 || binary.LittleEndian.Uint32(b) != 40 {
		return false
	}
	width, height := int32(binary.LittleEndian.Uint32(b[4:])), int32(binary.LittleEndian.Uint32(b[8:]))
	planes, bits := binary.LittleEndian.Uint16(b[12:]), binary.LittleEndian.Uint16(b[14:])
	switch bits {
	case 1, 4, 8, 16, 24, 32:
	default:
		return false
	}
	return planes == 1 && width > 0 && width < 1<<16 && height != 0 && height > -1<<16 && height < 1<<16 && binary.LittleEndian.Uint32(b[16:]) <= 6
}

// gzipBody skips the header of RFC 1952 without its optional parts; with them
// nil, which inflates to nothing.
func gzipBody(b []byte) []byte {
	const name = 0x08
	switch b[3] {
	case 0:
		return b[10:]
	case name:
		if i := bytes.IndexByte(b[10:], 0); i >= 0 {
			return b[10+i+1:]
		}
	}
	return nil
}

// enough is how many bytes must inflate before the rest is cut.
const enough = 64

// inflates reports whether b begins a deflate stream: some bytes inflate, or
// it ends well.
func inflates(b []byte) bool {
	if len(b) < 4 {
		return false
	}
	out := make([]byte, enough)
	n, err := io.ReadFull(flate.NewReader(bytes.NewReader(b)), out)
	return n == enough || err == io.ErrUnexpectedEOF && n >= 8 && ended(b)
}

// ended reports whether the whole stream is in b.
func ended(b []byte) bool {
	_, err := io.Copy(io.Discard, flate.NewReader(bytes.NewReader(b)))
	return err == nil
}
