// Package dot writes directed graphs in the language of Graphviz. It knows no
// dump.
package dot

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"unicode"
)

// Node is a node of a graph.
type Node struct {
	ID    string
	Lines []string // of its label
	Root  bool     // drawn as an ellipse, other nodes as boxes
	Mark  bool     // drawn bold: what was asked for
}

// Edge is an edge of a graph, by the nodes' IDs.
type Edge struct {
	From, To string
	Label    string
	Dashed   bool
}

// Write writes a graph from left to right. The error is the writer's.
func Write(w io.Writer, nodes []Node, edges []Edge) error {
	b := bufio.NewWriter(w)
	fmt.Fprintln(b, "digraph refs {")
	fmt.Fprintln(b, "  rankdir=LR;")
	fmt.Fprintln(b, `  node [shape=box, fontname="monospace"];`)
	for _, n := range nodes {
		style := ""
		if n.Root {
			style += ", shape=ellipse"
		}
		if n.Mark {
			style += ", style=bold"
		}
		fmt.Fprintf(b, "  %s [label=%s%s];\n", quote(n.ID), quote(n.Lines...), style)
	}
	for _, e := range edges {
		style := ""
		if e.Dashed {
			style = ", style=dashed"
		}
		fmt.Fprintf(b, "  %s -> %s [label=%s%s];\n", quote(e.From), quote(e.To), quote(e.Label), style)
	}
	fmt.Fprintln(b, "}")
	return b.Flush()
}

// quote makes a quoted string of lines. What is not printable is left out as
// \x and two or more digits: names come from dumps.
func quote(lines ...string) string {
	var out strings.Builder
	out.WriteByte('"')
	for i, l := range lines {
		if i > 0 {
			out.WriteString(`\n`)
		}
		for _, c := range l {
			switch {
			case c == '"' || c == '\\':
				out.WriteByte('\\')
				out.WriteRune(c)
			case unicode.In(c, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co): // Cf: what turns or hides text
				fmt.Fprintf(&out, `\\x%02x`, c)
			default:
				out.WriteRune(c)
			}
		}
	}
	out.WriteByte('"')
	return out.String()
}
