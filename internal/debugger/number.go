package debugger

import (
	"fmt"
	"strconv"
	"strings"
)

// number reads a number as the debugger does: hexadecimal unless a prefix says
// otherwise (0n decimal, 0t octal, 0y binary), with or without a backtick
// between the halves, and sums of such.
func number(s string) (uint64, error) {
	var sum uint64
	for _, part := range strings.Split(s, "+") {
		text, base := strings.ToLower(strings.ReplaceAll(part, "`", "")), 16
		for prefix, b := range map[string]int{"0x": 16, "0n": 10, "0t": 8, "0y": 2} {
			if rest, ok := strings.CutPrefix(text, prefix); ok {
				text, base = rest, b
				break
			}
		}
		if base == 16 {
			text = strings.TrimSuffix(text, "h")
		}
		n, err := strconv.ParseUint(text, base, 64)
		switch {
		case strings.ContainsAny(part, "@$!(*") || strings.HasPrefix(strings.ToLower(part), "poi"):
			return 0, fmt.Errorf("%q: registers, symbols and expressions are not known here; write the address itself (`heapdump exception` shows the registers)", s)
		case err != nil:
			return 0, fmt.Errorf("%q is no number; they are hexadecimal here, as in the debugger, for example 29fb0000 or 00000001`3f240000", s)
		}
		sum += n
	}
	return sum, nil
}

// hex writes a number as heapdump reads it in any style.
func hex(n uint64) string { return fmt.Sprintf("0x%x", n) }

// address reads the word at i as an address and writes it as heapdump reads it.
func (c *command) address(i int) (string, error) {
	if i >= len(c.args) {
		return "", fmt.Errorf("%q: an address is missing behind it", c.text)
	}
	n, err := number(c.args[i])
	if err != nil {
		return "", fmt.Errorf("%s: %w", c.text, err)
	}
	return hex(n), nil
}

// span reads a range from the word at i on: A B (B included), A Ln, A L?n, or A
// alone, for which it is fallback elements long. It returns the start, the
// first byte that is not in it, and how many words it took.
func (c *command) span(i int, element, fallback uint64) (start, end uint64, took int, err error) {
	if i >= len(c.args) {
		return 0, 0, 0, fmt.Errorf("%q: an address is missing behind it", c.text)
	}
	if start, err = number(c.args[i]); err != nil {
		return 0, 0, 0, fmt.Errorf("%s: %w", c.text, err)
	}
	length := func(n uint64) uint64 { return min(n, (^uint64(0)-start)/element) * element }
	if i+1 >= len(c.args) {
		return start, start + length(fallback), 1, nil
	}
	word := c.args[i+1]
	if rest, ok := cutFold(word, "l"); ok {
		took = 2
		if rest = strings.TrimPrefix(rest, "?"); rest == "" && i+2 < len(c.args) {
			rest, took = c.args[i+2], 3
		}
		n, err := number(rest)
		if err != nil || n == 0 {
			return 0, 0, 0, fmt.Errorf("%s: %q is no length; write L and how many in hexadecimal, for example L20", c.text, word)
		}
		return start, start + length(n), took, nil
	}
	last, err := number(word)
	if err != nil {
		return 0, 0, 0, fmt.Errorf("%s: %w", c.text, err)
	}
	if last < start || last == ^uint64(0) {
		return 0, 0, 0, fmt.Errorf("%s: the range ends at %s, and begins at %s", c.text, hex(last), hex(start))
	}
	return start, last + 1, 2, nil
}

// cutFold is strings.CutPrefix of either case.
func cutFold(s, prefix string) (string, bool) {
	if len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix) {
		return s[len(prefix):], true
	}
	return s, false
}
