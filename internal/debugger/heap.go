package debugger

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
)

// smallest is where addresses begin: lower numbers are the debugger's own
// numbers of heaps.
const smallest = 0x10000

// heapOf reads the word at i as a heap: empty for all, which 0 means or that
// there is no such word.
func (c *command) heapOf(i int) (string, error) {
	if i >= len(c.args) {
		return "", nil
	}
	n, err := number(c.args[i])
	switch {
	case err != nil:
		return "", fmt.Errorf("%s: %w", c.text, err)
	case n == 0:
		return "", nil
	case n < smallest:
		return "", fmt.Errorf("%s: %s is the debugger's number of a heap; write its address, which `heapdump heaps` shows", c.text, c.args[i])
	}
	return hex(n), nil
}

// onHeap answers with a command that takes --heap.
func (c *command) onHeap(i int, style bool, note string, args ...string) ([]Call, error) {
	h, err := c.heapOf(i)
	if err != nil {
		return nil, err
	}
	if h != "" {
		args = append(args, "--heap", h)
	}
	return []Call{{Args: args, Style: style, Note: note}}, nil
}

// heap is !heap.
func (c *command) heap() ([]Call, error) {
	if len(c.args) == 0 {
		return same("heaps")
	}
	option := strings.ToLower(strings.Replace(c.args[0], "/", "-", 1))
	switch option {
	case "-s":
		return c.heapSummary()
	case "-a", "-m", "-f":
		h, err := c.heapOf(1)
		if err != nil {
			return nil, err
		}
		if h == "" {
			return []Call{{Args: []string{"walk"}, Style: true, Note: "the entries of every heap; `heapdump heap ADDR --style windbg` has one heap's segments and free lists as well"}}, nil
		}
		return same("heap", h)
	case "-h", "-hl":
		return c.onHeap(1, true, "", "walk")
	case "-stat":
		return c.heapStat()
	case "-flt":
		return c.heapFilter()
	case "-p":
		return c.heapPage()
	case "-x":
		return c.heapHolding()
	case "-srch":
		return c.heapSearch()
	case "-l":
		return c.onHeap(1, false, "", "leaks")
	case "-v", "-triage":
		return c.onHeap(1, false, "", "check")
	case "-i":
		at, err := c.address(1)
		if err != nil {
			return nil, err
		}
		return like("dt", "_HEAP_ENTRY", at)
	case "-k":
		return nil, c.none("`heapdump owners --by stack` groups the blocks by their stacks, `heapdump find ADDR` shows one block's")
	case "-t", "-g":
		return nil, c.none("heap tags are not read; `heapdump owners` says whose the blocks are")
	case "-b", "-d", "-e":
		return nil, c.none("it sets breakpoints or validation in a living process; `heapdump check` finds what is damaged in a dump")
	case "-?", "-help":
		return nil, c.none("run `heapdump windbg --list`")
	}
	if strings.HasPrefix(option, "-") {
		return nil, c.none("there are " + strings.Join(heapOptions(), ", ") + "; `heapdump windbg --list` shows what each does")
	}
	h, err := c.heapOf(0)
	if err != nil || h == "" {
		return []Call{{Args: []string{"heaps"}, Style: true}}, err
	}
	return same("heap", h)
}

// heapOptions are those of !heap that have an equivalent.
func heapOptions() []string {
	return []string{"-s", "-a", "-m", "-f", "-h", "-stat", "-flt", "-p", "-x", "-srch", "-l", "-v", "-triage", "-i"}
}

// heapSummary is !heap -s.
func (c *command) heapSummary() ([]Call, error) {
	for i := 1; i < len(c.args); i++ {
		switch strings.ToLower(c.args[i]) {
		case "-v":
			return c.onHeap(i+1, false, "", "check")
		case "-a", "-c":
			return c.onHeap(i+1, true, "", "walk")
		case "-b":
			return like("owners", "--by", "class")
		case "-d":
			return nil, c.none("`heapdump walk --size MIN..MAX` lists the blocks of some sizes, `heapdump hex ADDR LEN` shows their bytes")
		}
		h, err := c.heapOf(i)
		if err != nil {
			return nil, err
		}
		if h != "" {
			return like("heap", h)
		}
	}
	return same("summary")
}

// heapStat is !heap -stat [-h H] [-grp A|B|S [N]].
func (c *command) heapStat() ([]Call, error) {
	args := []string{"stat"}
	for i := 1; i < len(c.args); i++ {
		switch strings.ToLower(c.args[i]) {
		case "-h":
			h, err := c.heapOf(i + 1)
			if err != nil {
				return nil, err
			}
			if h != "" {
				args = append(args, "--heap", h)
			}
			i++
		case "-grp":
			if i+1 >= len(c.args) {
				return nil, fmt.Errorf("%s: write S, B or A behind -grp: by all bytes, number of blocks, or size", c.text)
			}
			order, ok := map[string]string{"s": "bytes", "b": "blocks", "a": "size"}[strings.ToLower(c.args[i+1])]
			if !ok {
				return nil, fmt.Errorf("%s: no order %q; there are S (all bytes), B (blocks) and A (size)", c.text, c.args[i+1])
			}
			args = append(args, "--sort", order)
			if i++; i+1 < len(c.args) && !strings.HasPrefix(c.args[i+1], "-") {
				n, err := number(c.args[i+1])
				if err != nil || n > 1<<31-1 {
					return nil, fmt.Errorf("%s: %q is no number of rows, in hexadecimal", c.text, c.args[i+1])
				}
				args = append(args, "--top", strconv.FormatUint(n, 10))
				i++
			}
		default:
			return nil, fmt.Errorf("%s: %q is not understood; write !heap -stat [-h HEAP] [-grp S|B|A [N]]", c.text, c.args[i])
		}
	}
	return same(args...)
}

// heapFilter is !heap -flt s SIZE and !heap -flt r MIN MAX, of which the range
// is half-open.
func (c *command) heapFilter() ([]Call, error) {
	var n []uint64
	for _, w := range c.args[min(2, len(c.args)):] {
		x, err := number(w)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.text, err)
		}
		n = append(n, x)
	}
	size := ""
	switch {
	case len(n) == 1 && strings.EqualFold(c.args[1], "s"):
		size = hex(n[0])
	case len(n) == 2 && strings.EqualFold(c.args[1], "r") && n[0] < n[1]:
		size = hex(n[0]) + ".." + hex(n[1]-1)
	default:
		return nil, fmt.Errorf("%q is not understood; write !heap -flt s SIZE or !heap -flt r MIN MAX, MAX not included", c.text)
	}
	return like("walk", "--state", "busy", "--size", size)
}

// heapPage is !heap -p.
func (c *command) heapPage() ([]Call, error) {
	if len(c.args) == 1 {
		return like("heaps")
	}
	switch option := strings.ToLower(c.args[1]); option {
	case "-a":
		at, err := c.address(2)
		if err != nil {
			return nil, err
		}
		return same("find", at)
	case "-h":
		h, err := c.heapOf(2)
		if err != nil || h == "" {
			return []Call{{Args: []string{"heaps"}}}, err
		}
		return like("heap", h)
	case "-all":
		return like("walk")
	case "-t", "-tc", "-ts":
		return like("owners", "--by", "stack")
	}
	return nil, c.none("there are !heap -p -a ADDR, -h HEAP, -all and -t")
}

// heapHolding is !heap -x [-v] ADDR.
func (c *command) heapHolding() ([]Call, error) {
	for i, w := range c.args[1:] {
		if strings.EqualFold(w, "-v") {
			continue
		}
		at, err := c.address(i + 1)
		if err != nil {
			return nil, err
		}
		calls := []Call{{Args: []string{"find", at}, Style: true}}
		if len(c.args) > 2 {
			calls = append(calls, Call{Args: []string{"search", "--block", at}})
		}
		return calls, nil
	}
	return nil, fmt.Errorf("%q: an address is missing behind it", c.text)
}

// heapSearch is !heap -srch [-b|-w|-d|-q] PATTERN.
func (c *command) heapSearch() ([]Call, error) {
	width, i := 0, 1
	if i < len(c.args) {
		if w, ok := map[string]int{"-b": 1, "-w": 2, "-d": 4, "-q": 8}[strings.ToLower(c.args[i])]; ok {
			width, i = w, i+1
		}
	}
	if i != len(c.args)-1 {
		return nil, fmt.Errorf("%q is not understood; write !heap -srch [-b|-w|-d|-q] PATTERN", c.text)
	}
	n, err := number(c.args[i])
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.text, err)
	}
	const note = "all of the memory is searched; the hits say which heap block they are in"
	if width == 0 {
		return noted(note, "search", "--pointer", hex(n))
	}
	flag, err := pattern(width, n)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.text, err)
	}
	return noted(note, append([]string{"search"}, flag...)...)
}

// pattern is the flag of search for a number of so many bytes.
func pattern(width int, n uint64) ([]string, error) {
	if width < 8 && n>>(8*width) != 0 {
		return nil, fmt.Errorf("%s does not fit into %d bytes", hex(n), width)
	}
	raw := binary.LittleEndian.AppendUint64(nil, n)[:width]
	return []string{"--bytes", fmt.Sprintf("%x", raw)}, nil
}
