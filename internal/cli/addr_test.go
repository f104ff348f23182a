package cli_test

import (
	"fmt"
	"testing"

	"github.com/heapdump/heapdump/internal/cli"
	"github.com/heapdump/heapdump/pkg/memory"
)

func TestParseAddr(t *testing.T) {
	for _, c := range []struct {
		in      string
		want    memory.Addr
		bareToo bool // an error unless bare digits are hexadecimal
	}{
		{"0x1f", 0x1f, false}, {"0X1F", 0x1f, false}, {"1fh", 0x1f, false}, {"1FH", 0x1f, false},
		{"00000000`29fb0000", 0x29fb0000, false}, {"00000001`3f240000", 0x13f240000, false}, {"0x00000001`3f240000", 0x13f240000, false},
		{"29fb0000", 0x29fb0000, false}, {"0000000029fb0000", 0x29fb0000, false}, {"12345678", 0x12345678, false},
		{"0xffffffffffffffff", ^memory.Addr(0), false}, {" 0x10 ", 0x10, false},
		{"1234", 0x1234, true}, {"2c0000", 0x2c0000, true}, {"285a49b0000", 0x285a49b0000, true}, {"0", 0, true},
	} {
		got, err := cli.ParseAddr(c.in, true)
		if err != nil || got != c.want {
			t.Errorf("%q in the debugger's style = %v, %v; want %v", c.in, got, err, c.want)
		}
		got, err = cli.ParseAddr(c.in, false)
		switch {
		case c.bareToo && err == nil:
			t.Errorf("%q = %v, want an error", c.in, got)
		case !c.bareToo && (err != nil || got != c.want):
			t.Errorf("%q = %v, %v; want %v", c.in, got, err, c.want)
		}
	}
	for _, in := range []string{"", "0x", "h", "0xg", "heap", "0x1ffffffffffffffff", "-1", "+0x1", "0x-1", "0x+1", "`", "1_000h", "0x1h"} {
		for _, bare := range []bool{true, false} {
			if got, err := cli.ParseAddr(in, bare); err == nil {
				t.Errorf("%q = %v, want an error", in, got)
			}
		}
	}
}

func ExampleParseAddr() {
	a, _ := cli.ParseAddr("00000001`3f240000", false)
	fmt.Println(a)
	_, err := cli.ParseAddr("1234", false)
	fmt.Println(err)
	// Output:
	// 0x13f240000
	// "1234" has no mark of hexadecimal; write 0x1234
}
