package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/heapdump/heapdump/internal/analysis/attrib"
	"github.com/heapdump/heapdump/internal/analysis/refs"
	"github.com/heapdump/heapdump/internal/render/dot"
	"github.com/heapdump/heapdump/internal/report"
)

// refsFlags are the flags of refs.
type refsFlags struct {
	graphFlags
	depth, limit int
	dot          bool
}

// refs is heapdump refs.
func (a *app) refs() *cobra.Command {
	var f refsFlags
	c := a.command(&cobra.Command{
		Use:   "refs ADDR [DUMP]",
		Short: "What points to a block, and what it points to",
		Long: `The block is the one that holds the address, in its user bytes. Each reference is a word of a block in
use or of a root; exact are those to the block's first byte, or the first behind the header that a debug C
runtime or page heap puts there. What counts as a reference, and what the roots are, says
heapdump leaks --help.

With --depth N the references of those blocks follow, and so on: level is how many references away.`,
		Example: lines("heapdump refs 0x29fb0040 app.dmp", "heapdump refs 0x29fb0040 --depth 3 --limit 200 app.dmp",
			"heapdump refs 0x29fb0040 --depth 2 --dot app.dmp | dot -Tsvg -o refs.svg"),
		Args: anAddressAndADump,
		RunE: func(cmd *cobra.Command, args []string) error { return a.runRefs(cmd.Context(), args, f) },
	}, groupInspect, "nothing; !heap -x -v ADDR shows the pointers to a block")
	c.Flags().SortFlags = false
	c.Flags().IntVar(&f.depth, "depth", 1, fmt.Sprintf("follow this `number` of references, from 1 to %d", refs.MaxDepth))
	c.Flags().IntVar(&f.limit, "limit", 50, "at most this `number` of references each way; 0 is all")
	c.Flags().BoolVar(&f.dot, "dot", false, "a drawing for Graphviz instead of tables")
	f.register(c)
	return c
}

func (a *app) runRefs(ctx context.Context, args []string, f refsFlags) error {
	format, err := a.check(false, "text", "json", "csv", "markdown")
	if err != nil {
		return err
	}
	if f.depth < 1 || f.depth > refs.MaxDepth {
		return usagef("--depth %d is not from 1 to %d", f.depth, refs.MaxDepth)
	}
	if f.limit < 0 {
		return usagef("--limit %d is below 0", f.limit)
	}
	g, err := a.openGraph(ctx, args, f.graphFlags)
	if err != nil {
		return err
	}
	defer g.t.Close()
	around, err := g.r.Around(ctx, g.id, f.depth, f.limit)
	if err != nil {
		return err
	}
	names, err := attrib.NewNamer(ctx, g.t, g.r.Index)
	if err != nil {
		return err
	}
	if f.dot {
		if err := writeFailed(drawRefs(g.w, g.r, around, names.Type)); err != nil {
			return err
		}
		return a.complete(report.LeakCoverage(g.t, g.r))
	}
	return a.write(g.w, report.Refs(g.t, g.r, around, names.Type, f.depth), format, report.LeakCoverage(g.t, g.r))
}

// drawRefs writes references as a drawing.
func drawRefs(w io.Writer, r *refs.Reach, a *refs.Around, types refs.Namer) error {
	name := func(id refs.ID) string { return fmt.Sprintf("%v", r.User(id)) }
	node := func(id refs.ID) dot.Node {
		n := dot.Node{ID: name(id), Lines: []string{name(id), fmt.Sprintf("%d bytes", r.Size(id))}, Mark: id == a.Block}
		if s, _ := types(id); s != "" {
			n.Lines = append(n.Lines, s)
		}
		return n
	}
	nodes := []dot.Node{node(a.Block)}
	for _, id := range a.Others() {
		nodes = append(nodes, node(id))
	}
	var edges []dot.Edge
	drawn, roots := map[dot.Edge]bool{}, map[string]bool{}
	for _, e := range append(a.In, a.Out...) {
		x := dot.Edge{From: name(e.From), To: name(e.To), Label: fmt.Sprintf("+%#x", e.Offset), Dashed: !e.Exact}
		if e.Root != nil {
			x.From = e.Root.Name()
			if !roots[x.From] {
				roots[x.From] = true
				nodes = append(nodes, dot.Node{ID: x.From, Lines: []string{x.From}, Root: true})
			}
		}
		if !drawn[x] {
			drawn[x] = true
			edges = append(edges, x)
		}
	}
	return dot.Write(w, nodes, edges)
}
