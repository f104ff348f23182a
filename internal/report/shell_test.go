package report

import (
	"os/exec"
	"testing"
)

// TestShell: a file name in a command that is shown to be copied is one word
// of the shell and runs nothing.
func TestShell(t *testing.T) {
	for in, want := range map[string]string{
		"app.dmp":                   "app.dmp",
		`C:\dumps\app.dmp`:          `C:\dumps\app.dmp`,
		`C:\my dumps\app.dmp`:       `"C:\my dumps\app.dmp"`,
		"it's (1).dmp":              `"it's (1).dmp"`,
		"$(touch owned).dmp":        "'$(touch owned).dmp'",
		"`touch owned`":             "'`touch owned`'",
		`a"; touch owned; ".dmp`:    `'a"; touch owned; ".dmp'`,
		`it's "$x".dmp`:             `'it'\''s "$x".dmp'`,
		"-o.dmp":                    "./-o.dmp",
		"wow!.dmp":                  "'wow!.dmp'",
		"a\nb":                      "'a\nb'",
		`ends in a \`:               `'ends in a \'`,
		"":                          `""`,
		"a;b&c|d<e>f*g?h[i]#j~k{l}": `"a;b&c|d<e>f*g?h[i]#j~k{l}"`,
	} {
		got := shell(in)
		if got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
		sh, err := exec.LookPath("sh")
		if err != nil || in == `C:\dumps\app.dmp` || in == "-o.dmp" { // unquoted backslashes are for Windows's shells
			continue
		}
		if out, err := exec.Command(sh, "-c", "printf %s "+got).Output(); err != nil || string(out) != in {
			t.Errorf("the shell reads %q from %s: %v", out, got, err)
		}
	}
}
