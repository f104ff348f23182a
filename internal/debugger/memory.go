package debugger

import (
	"fmt"
	"strings"
)

// addressOf is !address.
func (c *command) addressOf() ([]Call, error) {
	call := Call{Args: []string{"address"}}
	filtered := false
	for _, w := range c.args {
		lower := strings.ToLower(strings.Replace(w, "/", "-", 1))
		switch {
		case lower == "-summary":
			call.Args, call.Style = append(call.Args, "--summary"), true
		case strings.HasPrefix(lower, "-f:"):
			flags, err := regionFilters(w[3:])
			if err != nil {
				return nil, fmt.Errorf("%s: %w", c.text, err)
			}
			call.Args, filtered = append(call.Args, flags...), true
		case lower == "-o:csv":
			call.Args = append(call.Args, "--format", "csv")
		case strings.HasPrefix(lower, "-o:"):
			return nil, c.none("write -o:csv, or `heapdump address --format json`")
		case strings.HasPrefix(lower, "-c:"):
			return nil, c.none("`heapdump address --format ndjson` writes one region a line, for a loop of your shell")
		case lower == "-v":
		case strings.HasPrefix(lower, "-"):
			return nil, c.none("there are !address, !address ADDR, -summary, -f:FILTER and -o:csv")
		default:
			n, err := number(w)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", c.text, err)
			}
			call.Args, call.Style = append(call.Args, hex(n)), true
		}
	}
	if filtered && !call.Style {
		call.Note = "of several filters of one kind any may match"
	}
	return []Call{call}, nil
}

// regionFilters are the flags of address for -f:F1,F2.
func regionFilters(list string) (out []string, err error) {
	usages := map[string]string{"var": "unknown", "image": "image", "stack": "stack", "teb": "teb", "peb": "peb", "heap": "heap",
		"pageheap": "pageheap", "csr": "other", "actx": "other", "nls": "other", "filemap": "mappedfile"}
	for _, f := range strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == '|' }) {
		word := strings.ToLower(strings.TrimSpace(f))
		switch usage, ok := usages[word]; {
		case ok:
			out = append(out, "--usage", usage)
		case word == "free":
			out = append(out, "--state", "free")
		case word == "mem_image" || word == "mem_mapped" || word == "mem_private":
			out = append(out, "--type", word[4:])
		case word == "mem_commit" || word == "mem_free" || word == "mem_reserve":
			out = append(out, "--state", word[4:])
		case strings.HasPrefix(word, "page_"):
			out = append(out, "--protect", word[5:])
		default:
			return nil, fmt.Errorf("no filter %q; there are VAR, Free, Image, Stack, Teb, Peb, Heap, PageHeap, CSR, Actx, NLS, FileMap, MEM_… and PAGE_…", f)
		}
	}
	if out == nil {
		return nil, fmt.Errorf("no filter behind -f")
	}
	return out, nil
}

// elements are the sizes of what the commands of the family d show; 0 is a
// pointer.
func elements() map[string]uint64 {
	return map[string]uint64{"d": 1, "db": 1, "da": 1, "dc": 4, "dd": 4, "dw": 2, "dyb": 1, "dyd": 4, "du": 2, "dq": 8,
		"dp": 0, "dps": 0, "dds": 4, "dqs": 8, "dpp": 0, "dpa": 0, "dpu": 0}
}

// defaultBytes is how much the family d shows when no length is given.
const defaultBytes = 128

// display is the family d.
func (c *command) display() ([]Call, error) {
	size := elements()[c.verb]
	if size == 0 {
		size = uint64(c.bits()) / 8
	}
	start, end, took, err := c.span(0, size, defaultBytes/size)
	if err != nil {
		return nil, err
	}
	if took != len(c.args) {
		return nil, fmt.Errorf("%q is not understood; write %s ADDR [Ln]", c.text, c.verb)
	}
	args := []string{"hex", hex(start)}
	if end-start != defaultBytes {
		args = append(args, hex(end-start))
	}
	if strings.HasPrefix(c.verb, "dp") || c.verb == "dds" || c.verb == "dqs" {
		args = append(args, "--words")
	}
	return like(args...)
}

// search is s -TYPE RANGE PATTERN.
func (c *command) search() ([]Call, error) {
	kind := "-b"
	args := c.args
	if len(args) > 0 && strings.HasPrefix(args[0], "-") {
		kind, args = strings.ToLower(args[0]), args[1:]
		if strings.HasPrefix(kind, "-[") { // -[1w]a: flags
			_, rest, _ := strings.Cut(kind, "]")
			kind = "-" + rest
		}
	}
	width, ok := map[string]uint64{"-a": 1, "-u": 2, "-b": 1, "-w": 2, "-d": 4, "-q": 8}[kind]
	if !ok {
		return nil, c.none("there are s -a, -u, -b, -w, -d and -q; `heapdump find ADDR` and `heapdump hex ADDR` show the text at an address")
	}
	rest := &command{text: c.text, verb: c.verb, args: args, bits: c.bits}
	start, end, took, err := rest.span(0, width, 0)
	if err != nil {
		return nil, err
	}
	wanted := args[took:]
	if took < 2 || len(wanted) == 0 {
		return nil, fmt.Errorf("%q is not understood; write s %s ADDR L?LENGTH PATTERN", c.text, kind)
	}
	flags, note, err := searched(kind, width, wanted)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.text, err)
	}
	return noted(note, append(append([]string{"search"}, flags...), "--range", hex(start)+".."+hex(end))...)
}

// searched is the pattern of a search.
func searched(kind string, width uint64, wanted []string) (flags []string, note string, err error) {
	if kind == "-a" || kind == "-u" {
		text := strings.Trim(strings.Join(wanted, " "), `"`)
		if text == "" {
			return nil, "", fmt.Errorf("the text to look for is empty")
		}
		return []string{"--text", text}, "text is looked for in ASCII and in UTF-16", nil
	}
	all := ""
	for _, w := range wanted {
		n, err := number(w)
		if err != nil {
			return nil, "", err
		}
		flag, err := pattern(int(width), n)
		if err != nil {
			return nil, "", err
		}
		all += flag[1]
	}
	return []string{"--bytes", all}, "", nil
}
