package finding

import (
	"regexp"
	"strings"
	"testing"
)

var plain = regexp.MustCompile(`^[-a-zA-Z0-9.@$!:%_+()/~]*$`)

// FuzzFingerprint: a fingerprint needs no quotes and is short whatever it is of, other where
// the parts are cut at another place, and the size classes order sizes.
func FuzzFingerprint(f *testing.F) {
	f.Add("HD001", "a", "b", uint64(0), uint64(1))
	f.Add("", "", "", uint64(1<<63), ^uint64(0))
	f.Add("\x00", "a\x00", "\x1f", uint64(1023), uint64(1024))
	f.Fuzz(func(t *testing.T, rule, a, b string, m, n uint64) {
		x := Fingerprint("HD1101", a, b)
		if !plain.MatchString(x) || len(x) > maxFingerprint+13 || x != Fingerprint("HD1101", a, b) {
			t.Fatalf("%q", x)
		}
		if a != "" && x == Fingerprint("HD1101", a+b) {
			t.Fatalf("%q and %q are the same as their sum", a, b)
		}
		same := strings.NewReplacer(" ", "-") // a blank is written as a dash, and so is nothing
		if a != "" && b != "" && same.Replace(a) != same.Replace(b) && x == Fingerprint("HD1101", b, a) {
			t.Fatalf("%q and %q are the same turned round", a, b)
		}
		if SizeClass(n) == "" || m == n && SizeClass(m) != SizeClass(n) {
			t.Fatalf("%d and %d are %q and %q", m, n, SizeClass(m), SizeClass(n))
		}
		if s, err := ParseSeverity(rule); err == nil {
			if again, err := ParseSeverity(s.String()); err != nil || again != s {
				t.Fatalf("%q is %v, and again %v, %v", rule, s, again, err)
			}
		}
	})
}
