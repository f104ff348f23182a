package fill_test

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/heapdump/heapdump/pkg/fill"
	"github.com/heapdump/heapdump/pkg/memory"
)

// space holds [0x1000, 0x1040) and [0x1050, 0x1090) of the fill FE EE FE EE.
func space(damage map[memory.Addr]byte) *memory.Space {
	b := bytes.Repeat([]byte{0xfe, 0xee}, 0x48)
	for a, v := range damage {
		b[a-0x1000] = v
	}
	return memory.NewSpace(memory.Contents{Runs: []memory.Run{
		{Start: 0x1000, Bytes: b[:0x40:0x40]}, {Start: 0x1050, Bytes: b[0x50:0x90:0x90]},
	}})
}

func TestCompare(t *testing.T) {
	r := memory.Range{Start: 0x1001, End: 0x1090} // the fill's word begins with the range
	const word = 0xfeeefeee                       // EE FE EE FE in memory
	if d, differs := fill.Compare(space(nil), r, word); differs {
		t.Errorf("a sound fill differs: %+v", d)
	}
	got, differs := fill.Compare(space(map[memory.Addr]byte{0x1010: 1, 0x1012: 2, 0x1060: 3}), r, word)
	want := fill.Difference{At: 0x1010, Last: 0x1060, Bytes: 3, Want: []byte{0xfe, 0xee, 0xfe}, Got: []byte{1, 0xee, 2}}
	if d := cmp.Diff(want, got); !differs || d != "" {
		t.Error(d)
	}
}

func TestRest(t *testing.T) {
	s := space(map[memory.Addr]byte{0x1070: 0})
	for _, c := range []struct {
		r    memory.Range
		want uint64
	}{
		{memory.Range{Start: 0x1050, End: 0x1090}, 0x1f}, // behind the byte that differs
		{memory.Range{Start: 0x1072, End: 0x1090}, 0x1e}, // all of it
		{memory.Range{Start: 0x1040, End: 0x1050}, 0},    // missing
	} {
		if got := fill.Rest(s, c.r, 0xeefeeefe); got != c.want {
			t.Errorf("Rest(%v) = %#x, want %#x", c.r, got, c.want)
		}
	}
	if got := fill.Word(0xdd); got != 0xdddddddd {
		t.Errorf("Word(0xdd) = %#x", got)
	}
}
