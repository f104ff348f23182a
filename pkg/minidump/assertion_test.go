package minidump

import "testing"

// assertion is a stream of Breakpad's, with rubbish behind each text.
func assertion(kind, line uint32, texts ...string) []byte {
	b := zeros(776)
	for i, s := range texts {
		at := b[i*256 : (i+1)*256]
		for j := range at {
			at[j] = 0xfe
		}
		for j := range len(s) {
			at[2*j], at[2*j+1] = s[j], 0
		}
		if 2*len(s) < len(at) {
			at[2*len(s)], at[2*len(s)+1] = 0, 0
		}
	}
	copy(b[768:], u32(line))
	copy(b[772:], u32(kind))
	return b
}

func TestAssertion(t *testing.T) {
	full := ""
	for range 128 {
		full += "x"
	}
	got, ok := newDump().add(AssertionInfoStream, assertion(1, 32, "format != nullptr", "common_vfprintf", full)).parse(t).Assertion()
	if want := (Assertion{1, "format != nullptr", "common_vfprintf", full, 32}); !ok || got != want {
		t.Errorf("%+v %v", got, ok)
	}
	for kind, want := range map[uint32]string{0: "an assertion of no kind", 1: "a parameter that the C runtime refused",
		2: "a call of a pure virtual function", 9: "an assertion of the unknown kind 9"} {
		a, ok := newDump().add(AssertionInfoStream, assertion(kind, 0)).parse(t).Assertion()
		if !ok || a != (Assertion{Type: kind}) || a.String() != want {
			t.Errorf("%d: %+v %v %q", kind, a, ok, a)
		}
	}
	if _, ok := newDump().add(AssertionInfoStream, assertion(1, 1)[:775]).parse(t).Assertion(); ok {
		t.Error("of a byte less")
	}
	if _, ok := newDump().add(CommentStreamW, "w\x00").parse(t).Assertion(); ok {
		t.Error("of no stream")
	}
}
