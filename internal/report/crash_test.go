package report

import (
	"testing"

	"github.com/heapdump/heapdump/pkg/minidump"
)

// TestAssertion: what the C runtime told, and what it did not tell is absent
// and not empty or 0.
func TestAssertion(t *testing.T) {
	for _, x := range []struct {
		a    *minidump.Assertion
		want []any
	}{
		{&minidump.Assertion{Type: 1, Expression: "p != NULL", Function: "f", File: "f.c", Line: 32}, []any{"a parameter that the C runtime refused", "p != NULL", "f", "f.c", uint32(32)}},
		{&minidump.Assertion{Type: 2}, []any{"a call of a pure virtual function", nil, nil, nil, nil}},
		{nil, nil},
	} {
		got := assertion(x.a)
		if (len(got.Rows) == 0) != (x.a == nil) || got.Key != "assertion" {
			t.Fatalf("%+v: %d rows", x.a, len(got.Rows))
		}
		for i, want := range x.want {
			if got.Rows[0][i] != want {
				t.Errorf("%+v: %s is %v, want %v", x.a, got.Columns[i].Key, got.Rows[0][i], want)
			}
		}
	}
}
