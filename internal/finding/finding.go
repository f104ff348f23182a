// Package finding is what every analysis says of what it found, in the same
// words: which rule, how bad, how sure, and a fingerprint that is the same for
// the same bug in another run. It knows no dump.
package finding

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// Severity is how bad a finding is for the program.
type Severity uint8

// The severities, the mildest first.
const (
	Info   Severity = iota // worth knowing, no fault
	Low                    // a flaw that hurts little
	Medium                 // a flaw that hurts in time
	High                   // the program failed, or its memory is damaged
)

var severityNames = [...]string{"info", "low", "medium", "high"}

// String returns info, low, medium or high.
func (s Severity) String() string { return severityNames[min(int(s), len(severityNames)-1)] }

// Severities are the words for all severities, the mildest first.
func Severities() []string { return severityNames[:] }

// ParseSeverity reads the word of a severity, in any case.
func ParseSeverity(s string) (Severity, error) {
	if i := slices.Index(severityNames[:], strings.ToLower(s)); i >= 0 {
		return Severity(i), nil
	}
	return 0, fmt.Errorf("%q is no severity; there are %s", s, strings.Join(severityNames[:], ", "))
}

// Confidence is how sure it is that a finding is what its title says.
type Confidence uint8

// The confidences, the least sure first.
const (
	Unsure Confidence = iota // an innocent reason is as likely
	Likely                   // the evidence points to it; an innocent reason is possible
	Sure                     // the dump shows it
)

var confidenceNames = [...]string{"low", "medium", "high"}

// String returns low, medium or high.
func (c Confidence) String() string { return confidenceNames[min(int(c), len(confidenceNames)-1)] }

// Finding is one thing that was found.
type Finding struct {
	Rule        string // HD1001 …, one of Rules
	Severity    Severity
	Confidence  Confidence
	Title       string   // one line, without addresses
	Evidence    string   // sentences: the numbers and addresses that it rests on
	Fingerprint string   // see Fingerprint
	Bytes       uint64   // of a leak: its unreachable bytes; else 0
	Blocks      int      // of a leak: its unreachable blocks; else 0
	Places      int      // of damage: in how many places it was found; else 0
	Known       string   // why the baseline takes it for known; empty when it does not
	Path        []string // of a structure that holds memory: how a root leads to it; the end of Evidence says it as well
}

// maxFingerprint is the length beyond which a fingerprint ends in a hash.
const maxFingerprint = 160

// Fingerprint makes a fingerprint of a rule and of what tells one bug from
// another: module and offset, source line, size, the shape of a structure. No
// part may hold an address, a count or anything else that the next run of the
// program changes. It consists of letters, digits and .-_+()$@!: with / between
// the parts, so that it needs no quotes anywhere; other bytes stand as %XX. Long
// ones are cut and end in ~ and a hash of the whole.
func Fingerprint(rule string, parts ...string) string {
	var b strings.Builder
	b.WriteString(rule)
	for _, p := range parts {
		b.WriteByte('/')
		if p == "" {
			b.WriteByte('-')
		}
		for i := range len(p) {
			c := p[i]
			switch {
			case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte(".-_+()$@!:", c) >= 0:
				b.WriteByte(c)
			case c == ' ':
				b.WriteByte('-')
			default:
				fmt.Fprintf(&b, "%%%02X", c)
			}
		}
	}
	s := b.String()
	if len(s) <= maxFingerprint {
		return s
	}
	sum := sha256.Sum256([]byte(s))
	return s[:maxFingerprint] + "~" + hex.EncodeToString(sum[:6])
}

// SizeClass names the class that a size is in: the next power of two from 16
// on. Blocks of one kind but of another length stay in their class for the
// most part.
func SizeClass(n uint64) string {
	c := uint64(16)
	for c < n && c < 1<<63 {
		c <<= 1
	}
	return fmt.Sprintf("to-%d", c)
}

// Sort puts findings in order: the worst first, then the surest, then by rule
// and fingerprint.
func Sort(all []Finding) {
	slices.SortStableFunc(all, func(a, b Finding) int {
		switch {
		case a.Severity != b.Severity:
			return int(b.Severity) - int(a.Severity)
		case a.Confidence != b.Confidence:
			return int(b.Confidence) - int(a.Confidence)
		case a.Rule != b.Rule:
			return strings.Compare(a.Rule, b.Rule)
		}
		return strings.Compare(a.Fingerprint, b.Fingerprint)
	})
}
