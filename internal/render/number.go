package render

import (
	"encoding/binary"
	"math"
	"strconv"
)

// appendHuman appends a number of bytes with a binary unit: 1.5 MiB.
func appendHuman(b []byte, n uint64) []byte {
	units := [...]string{" B", " KiB", " MiB", " GiB", " TiB", " PiB", " EiB"}
	v, u := float64(n), 0
	for v >= 1024 && u < len(units)-1 {
		v /= 1024
		u++
	}
	if u == 0 {
		b = strconv.AppendUint(b, n, 10)
	} else {
		b = strconv.AppendFloat(b, math.Floor(v*10)/10, 'f', 1, 64)
	}
	return append(b, units[u]...)
}

// integer returns a cell's integer as sign and magnitude.
func integer(v any) (neg bool, n uint64, ok bool) {
	var i int64
	switch x := v.(type) {
	case uint64:
		return false, x, true
	case uint32:
		return false, uint64(x), true
	case uint16:
		return false, uint64(x), true
	case uint8:
		return false, uint64(x), true
	case int:
		i = int64(x)
	case int64:
		i = x
	default:
		return false, 0, false
	}
	if i < 0 {
		return true, -uint64(i), true
	}
	return false, uint64(i), true
}

// appendHex appends 0x and the hex digits of n.
func appendHex(b []byte, n uint64) []byte {
	return strconv.AppendUint(append(b, "0x"...), n, 16)
}

// appendAddress appends an address as programs read it: 0x and 8 digits, or 16
// where 8 do not hold it, so that an address is one string wherever it stands.
func appendAddress(b []byte, n uint64) []byte {
	if n>>32 != 0 {
		return appendPadded(b, n, 16)
	}
	return appendPadded(b, n, 8)
}

// appendPadded appends 0x and at least so many hex digits, 8 or 16.
func appendPadded(b []byte, n uint64, digits int) []byte {
	b = append(b, "0x"...)
	if digits > 8 || n>>32 != 0 {
		if digits < 16 { // more than was asked for, and no leading zeros
			return strconv.AppendUint(b, n, 16)
		}
		b = binary.BigEndian.AppendUint64(b, eightHex(uint32(n>>32)))
	}
	return binary.BigEndian.AppendUint64(b, eightHex(uint32(n)))
}

// eightHex is the eight hex digits of n, the first in the highest byte: all at
// a time, since walks print three addresses a block.
func eightHex(n uint32) uint64 {
	const each = 0x0101010101010101
	x := uint64(n)
	x = (x | x<<16) & 0x0000ffff0000ffff
	x = (x | x<<8) & 0x00ff00ff00ff00ff
	x = (x | x<<4) & 0x0f0f0f0f0f0f0f0f
	letters := (x + 6*each) >> 4 & each
	return x + '0'*each + letters*('a'-'0'-10)
}
