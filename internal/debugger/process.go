package debugger

import (
	"fmt"
	"strconv"
	"strings"
)

// handle is !handle [HANDLE [FLAGS [TYPE]]].
func (c *command) handle() ([]Call, error) {
	args := []string{"handles"}
	if len(c.args) > 3 {
		return nil, fmt.Errorf("%q is not understood; write !handle [HANDLE [FLAGS [TYPE]]]", c.text)
	}
	for i, w := range c.args {
		if i == 2 {
			args = append(args, "--type", w)
			break
		}
		n, err := number(w)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.text, err)
		}
		if i == 0 && n != 0 {
			args = append(args, "--handle", hex(n))
		}
	}
	return same(args...)
}

// teb is !teb [ADDR].
func (c *command) teb() ([]Call, error) {
	if len(c.args) == 0 {
		return []Call{{Args: []string{"teb"}, Style: true, Note: "the TEBs of all threads; `heapdump teb TID` shows one"}}, nil
	}
	at, err := c.address(0)
	if err != nil {
		return nil, err
	}
	return same("teb", at)
}

// lastError is !gle [-all].
func (c *command) lastError() ([]Call, error) {
	if len(c.args) > 0 {
		return like("threads")
	}
	return like("teb")
}

// list is lm with its options: lm, lmv, lmvm NAME, lm v m NAME, lm a ADDR.
func (c *command) list() ([]Call, error) {
	letters, rest := c.verb[2:], c.args
	for len(rest) > 0 && !strings.HasSuffix(letters, "m") && !strings.HasSuffix(letters, "a") && strings.Trim(strings.ToLower(rest[0]), "olvukecipfnmtdrza") == "" {
		letters, rest = letters+strings.ToLower(rest[0]), rest[1:]
	}
	switch {
	case len(rest) == 0:
		return like("modules")
	case len(rest) > 1:
		return nil, fmt.Errorf("%q is not understood; write lm, lm m NAME or lm a ADDR", c.text)
	case strings.HasSuffix(letters, "a"):
		n, err := number(rest[0])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.text, err)
		}
		return like("modules", hex(n))
	case strings.ContainsAny(rest[0], "*?[#"):
		return noted("all modules: patterns of names are not known here", "modules")
	}
	return like("modules", rest[0])
}

// module is a command on one module: !lmi NAME, !dh NAME.
func (c *command) module() ([]Call, error) {
	for _, w := range c.args {
		if strings.HasPrefix(w, "-") {
			continue
		}
		if n, err := number(w); err == nil && n >= smallest {
			w = hex(n)
		}
		return like("modules", w)
	}
	return like("modules")
}

// threads is ~ and what may stand behind it: ~, ~*, ~*k, ~#k, ~~[TID]k.
func (c *command) threads() ([]Call, error) {
	word := c.verb
	for _, w := range c.args {
		word += strings.ToLower(w)
	}
	which, rest := "", word[1:]
	switch {
	case rest == "" || rest == "*" || rest == "." || rest == "#":
		return like("threads")
	case strings.HasPrefix(rest, "*"):
		which, rest = "all", rest[1:]
	case strings.HasPrefix(rest, "#") || strings.HasPrefix(rest, "."):
		rest = rest[1:]
	case strings.HasPrefix(rest, "~["):
		id, behind, ok := strings.Cut(rest[2:], "]")
		n, err := number(id)
		if !ok || err != nil {
			return nil, fmt.Errorf("%q is not understood; write ~~[TID]k, the thread's ID in hexadecimal", c.text)
		}
		which, rest = hex(n), behind
	default:
		return nil, c.none("threads are named by their IDs here, not by the debugger's numbers: `heapdump threads` lists them, `heapdump stack TID` shows one; ~~[TID]k works as well")
	}
	if !isStack(strings.TrimPrefix(rest, "e")) {
		return nil, c.none("only stacks (~*k) and the list (~) are known; `heapdump teb TID` and `heapdump stack TID` show one thread")
	}
	if which == "" {
		return same("stack")
	}
	return same("stack", which)
}

// isStack reports whether a word is k with its options, without a length.
func isStack(word string) bool {
	return strings.HasPrefix(word, "k") && strings.Trim(word[1:], "bpnvlfm0123456789") == ""
}

// stack is k and its forms, whose lengths are left out: stacks are shown whole.
func (c *command) stack() ([]Call, error) { return same("stack") }

// record is .exr.
func (c *command) record() ([]Call, error) {
	if len(c.args) == 1 && c.args[0] == "-1" {
		return like("exception")
	}
	if len(c.args) == 1 {
		return nil, c.none(".exr -1, the exception of the dump, is the one that is known; `heapdump hex ADDR` shows memory")
	}
	return nil, fmt.Errorf("%q is not understood; write .exr -1", c.text)
}

// structure is dt [-rN] TYPE [ADDR].
func (c *command) structure() ([]Call, error) {
	args := []string{"dt"}
	var words []string
	for _, w := range c.args {
		depth, isDepth := strings.CutPrefix(strings.ToLower(w), "-r")
		switch {
		case isDepth:
			n, err := strconv.ParseUint("0"+depth, 10, 8)
			if err != nil {
				return nil, fmt.Errorf("%s: %q is no depth; write -r1 to -r4", c.text, w)
			}
			if depth == "" {
				n = 2
			}
			args = append(args, "--depth", strconv.FormatUint(min(n, 4), 10))
		case strings.HasPrefix(w, "-"):
		default:
			words = append(words, w)
		}
	}
	switch len(words) {
	case 0:
		return like(args...)
	case 1:
		return like(append(args, words[0])...)
	case 2:
		n, err := number(words[1])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.text, err)
		}
		return like(append(args, words[0], hex(n))...)
	}
	return nil, c.none("a structure is shown whole: write dt TYPE [ADDR]")
}

// near is ln ADDR.
func (c *command) near() ([]Call, error) {
	at, err := c.address(0)
	if err != nil {
		return nil, err
	}
	return like("ln", at)
}

// protection is !vprot ADDR.
func (c *command) protection() ([]Call, error) {
	at, err := c.address(0)
	if err != nil {
		return nil, err
	}
	return same("address", at)
}
