package attrib

import "encoding/binary"

// Where RTL_USER_PROCESS_PARAMETERS has ImagePathName, behind which CommandLine
// stands (public symbols, XP to 11): x86 and x64.
var imagePath = [2]int{0x38, 0x60}

// isParameters recognises RTL_USER_PROCESS_PARAMETERS where no PEB that can be
// read leads to it: MaximumLength and Length are the same and within the block,
// and ImagePathName and CommandLine have their texts in it.
func (w *worker) isParameters(x *subject) bool {
	b, n := w.bytesOf(x)
	at, width := imagePath[0], x.heap.Bits/8
	if width == 8 {
		at = imagePath[1]
	}
	if len(b) < at+4*width {
		return false
	}
	most, length := binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:])
	if most != length || uint64(length) > n || uint64(length) < uint64(at+4*width) {
		return false
	}
	for _, s := range [][]byte{b[at:], b[at+2*width:]} {
		size, room := uint64(binary.LittleEndian.Uint16(s)), uint64(binary.LittleEndian.Uint16(s[2:]))
		p, _ := wordOf(s, 1, x.heap.Bits)
		off := p - uint64(x.user)
		if size < 2 || size%2 != 0 || room < size || off < uint64(at+4*width) || off >= n || n-off < room {
			return false
		}
	}
	return true
}

// hasUnit reports whether UTF-16 text has an ASCII character.
func hasUnit(b []byte, c byte) bool {
	for i := 0; i+2 <= len(b); i += 2 {
		if b[i] == c && b[i+1] == 0 {
			return true
		}
	}
	return false
}

// fewVariables is the fewest that make an environment: Windows itself sets
// more.
const fewVariables = 8

// isEnvironment recognises an environment: UTF-16 texts with an equals sign
// behind a name, and an empty one behind the last.
func (w *worker) isEnvironment(x *subject) bool {
	w.bytesOf(x)
	b := w.at(uint64(x.user))
	b = b[:min(uint64(len(b)), x.userBytes)]
	count := 0
	for len(b) >= 2 {
		end := 0
		for end+2 <= len(b) && (b[end] != 0 || b[end+1] != 0) {
			end += 2
		}
		switch {
		case end+2 > len(b):
			return false
		case end == 0:
			return count >= fewVariables
		}
		// The name may begin with an equals sign: =C: is the folder on a drive.
		if end < 4 || !hasUnit(b[2:end], '=') {
			return false
		}
		count++
		b = b[end+2:]
	}
	return false
}
