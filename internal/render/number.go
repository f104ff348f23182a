package render

import (
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
