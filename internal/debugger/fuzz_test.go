package debugger

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// shellWords takes a line apart as a POSIX shell does that knows single quotes
// and the backslash: an independent reading of what Line writes.
func shellWords(s string) (out []string) {
	var word strings.Builder
	open, any := false, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\'':
			open, any = !open, true
		case c == '\\' && !open && i+1 < len(s):
			i++
			word.WriteByte(s[i])
		case c == ' ' && !open:
			if any || word.Len() > 0 {
				out = append(out, word.String())
			}
			word.Reset()
			any = false
		default:
			word.WriteByte(c)
		}
	}
	if any || word.Len() > 0 {
		out = append(out, word.String())
	}
	return out
}

// FuzzTranslate: a script of any text is translated into commands of heapdump
// that write nothing, or refused with a reason; what is shown to be copied is
// read by a shell as the same words.
func FuzzTranslate(f *testing.F) {
	for _, s := range spelled() {
		f.Add(s[1], true)
	}
	for _, s := range []string{"", ";;", "* comment", "!heap -stat -h 0; !teb", "s -a 0 L?100 \"a b; c", "dd 10000 l?-1", "!heap -flt r ffffffffffffffff 0", "lmvm -o", "!handle 0 f -output", "dt -r99 --config", "~~[-q]k",
		"db 0n99999999999999999999", "s -d 0 L?ffffffffffffffff 1", "!address -f:MEM_COMMIT,,", "!heap -p -a -1", "ln $(touch x)", "\x00", "q;!heap"} {
		f.Add(s, false)
	}
	flags := strings.Fields("--by --skip --heap --state --size --sort --top --stacks --block --pointer --bytes --text --range --summary --usage --type --protect --format --handle --depth --words --bits --ignore-case --text-matches --length --limit --number")
	f.Fuzz(func(t *testing.T, script string, is64 bool) {
		bits := narrow
		if is64 {
			bits = wide
		}
		calls, err := Translate(script, bits)
		if (err == nil) != (len(calls) > 0) {
			t.Fatalf("%d commands and %v", len(calls), err)
		}
		var none *NoEquivalentError
		if errors.As(err, &none) && none.Instead == "" {
			t.Fatalf("%v says no way", err)
		}
		for _, c := range calls {
			if len(c.Args) == 0 || strings.HasPrefix(c.Args[0], "-") || c.Spelling == "" {
				t.Fatalf("%+v is no command", c)
			}
			for i, a := range c.Args {
				value := i > 0 && slices.Contains(flags, c.Args[i-1])
				if strings.HasPrefix(a, "-") && !slices.Contains(flags, a) && !value {
					t.Fatalf("%q gives %q the flag %q", script, c.Args, a)
				}
			}
			if got := shellWords(Line(c.Args)); !slices.Equal(got, c.Args) {
				t.Fatalf("a shell reads %q as %q, and it was %q", Line(c.Args), got, c.Args)
			}
		}
	})
}

// TestNoFlags: what stands for a name in a script becomes no flag of heapdump,
// which could write a file.
func TestNoFlags(t *testing.T) {
	for _, script := range []string{"lmvm -o", "lmvm --output=x", "lm v m -ox"} {
		if calls, err := Translate(script, wide); err == nil {
			t.Errorf("%s: %q", script, calls[0].Args)
		}
	}
	if calls, err := Translate("lmvm a-o", wide); err != nil || !slices.Equal(calls[0].Args, []string{"modules", "a-o"}) {
		t.Errorf("%+v, %v", calls, err)
	}
}
