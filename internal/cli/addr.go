package cli

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/heapdump/heapdump/pkg/memory"
)

// ParseAddr reads an address as people write it: 0x1f, 1fh, 00000000`29fb0000,
// or all 8 or 16 digits of a pointer. Other bare digits could be decimal as
// well, so they are an error, unless bare says that they are hexadecimal, as
// in the debugger.
func ParseAddr(s string, bare bool) (memory.Addr, error) {
	text := strings.TrimSpace(s)
	digits := strings.ToLower(text)
	marked := strings.Contains(digits, "`")
	digits = strings.ReplaceAll(digits, "`", "")
	switch {
	case strings.HasPrefix(digits, "0x"):
		digits, marked = digits[2:], true
	case strings.HasSuffix(digits, "h"):
		digits, marked = digits[:len(digits)-1], true
	case len(digits) == 8 || len(digits) == 16:
		marked = true
	}
	n, err := strconv.ParseUint(digits, 16, 64)
	if err != nil || strings.HasPrefix(digits, "+") {
		return 0, fmt.Errorf("%q is no address; write for example 0x29fb0000, 29fb0000h or 00000000`29fb0000", s)
	}
	if !marked && !bare {
		return 0, fmt.Errorf("%q has no mark of hexadecimal; write 0x%s", s, digits)
	}
	return memory.Addr(n), nil
}
