package render

import (
	"fmt"
	"io"
	"strings"

	"github.com/heapdump/heapdump/internal/report"
)

// maxAnnotations is how many annotations are written: GitHub shows ten of each
// kind for a step and fifty for a job.
const maxAnnotations = 10

// Annotations writes the groups of findings that nobody knows yet as workflow
// commands of GitHub Actions: errors for high severity, warnings for medium.
func Annotations(w io.Writer, t *report.Triage) error {
	counts := map[string]int{}
	for i := range t.Groups {
		g := &t.Groups[i]
		kind := levels[g.Finding.Severity.String()]
		if g.Finding.Known != "" || kind == "note" {
			continue
		}
		if counts[kind]++; counts[kind] > maxAnnotations {
			continue
		}
		message := fmt.Sprintf("%s. %s", g.Finding.Title, g.Finding.Evidence)
		if n := len(g.Dumps); n > 1 {
			message = fmt.Sprintf("In %d dumps, the first %s: %s", n, g.Dumps[0], message)
		}
		if _, err := fmt.Fprintf(w, "::%s file=%s,title=%s::%s\n", kind, property(g.Dumps[0]), property("heapdump "+g.Finding.Rule), command(message)); err != nil {
			return err
		}
	}
	return nil
}

// command escapes the data of a workflow command.
func command(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(Escape(s))
}

// property escapes a property of a workflow command.
func property(s string) string {
	return strings.NewReplacer(":", "%3A", ",", "%2C").Replace(command(s))
}

// NoCommands makes a writer of text that GitHub Actions takes no line of for a
// workflow command: of lines that begin with ::, and of ##[, the second
// character is escaped.
func NoCommands(w io.Writer) io.Writer { return &noCommands{w: w, begin: true} }

type noCommands struct {
	w     io.Writer
	begin bool // nothing but blanks on this line so far
	last  string
}

// Write escapes p. It looks at two characters at a time at most, so that it
// does not matter where a caller cuts its text.
func (n *noCommands) Write(p []byte) (int, error) {
	var b strings.Builder
	for _, c := range p {
		switch {
		case c == '\n':
			n.begin, n.last = true, ""
		case n.begin && c == ':' && n.last == ":", c == '[' && n.last == "##":
			b.WriteByte('\\')
			n.begin, n.last = false, ""
		case n.begin && c == ':':
			n.last = ":"
		case c == '#':
			n.last = map[bool]string{true: "##", false: "#"}[strings.HasPrefix(n.last, "#")]
			n.begin = false
		case n.begin && (c == ' ' || c == '\t'):
			n.last = ""
		default:
			n.begin, n.last = false, ""
		}
		b.WriteByte(c)
	}
	if _, err := io.WriteString(n.w, b.String()); err != nil {
		return 0, err
	}
	return len(p), nil
}
