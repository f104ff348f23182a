package render

import (
	"bytes"
	"testing"
)

func TestTerminalEscapesWhatTerminalsActOn(t *testing.T) {
	for in, want := range map[string]string{
		"a,b\r\nc\td\n":          "a,b\r\nc\td\n",
		"R\x1b[31mred":           `R\u001b[31mred`,
		"x\rover":                `x\u000dover`,
		"\u202eevil\u009b1m":     `\u202eevil\u009b1m`,
		"\xff and \u00e9 \u4e2d": `\xff and ` + "\u00e9 \u4e2d",
	} {
		var all, bytewise bytes.Buffer
		if n, err := Terminal(&all).Write([]byte(in)); n != len(in) || err != nil {
			t.Errorf("%q: %d, %v", in, n, err)
		}
		w := Terminal(&bytewise)
		for i := range len(in) {
			if _, err := w.Write([]byte{in[i]}); err != nil {
				t.Fatal(err)
			}
		}
		if all.String() != want {
			t.Errorf("%q: %q, want %q", in, all.String(), want)
		}
		if in != "a,b\r\nc\td\n" && bytewise.String() != want {
			t.Errorf("%q by single bytes: %q, want %q", in, bytewise.String(), want)
		}
	}
}
