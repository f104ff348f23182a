package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
)

// point is what a command took on a dump of so many blocks.
type point struct {
	blocks int
	cost
}

// growth is the costs of the commands, by shape and name, the smaller dumps
// first.
type growth map[string][]point

func (g growth) add(name string, blocks int, c cost) { g[name] = append(g[name], point{blocks, c}) }

// print says how the cost of a block grows from the smallest dump to the
// biggest, and how much faster two cores are than one.
func (g growth) print() error {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "\ncommand\tM blocks\tCPU a block grows\ttarget\ttwo cores are faster\ttarget\t")
	var names []string
	for name, points := range g {
		if len(points) > 1 && !strings.HasSuffix(name, oneCore) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		all := g[name]
		a, b := all[0], all[len(all)-1]
		each := func(p point) float64 { return p.cpu.Seconds() / float64(p.blocks) }
		faster, target := "-", ""
		if alone := g[strings.TrimSuffix(name, walkAnd)+oneCore]; len(alone) > 0 {
			faster, target = fmt.Sprintf("%.2f x", alone[len(alone)-1].wall.Seconds()/b.wall.Seconds()), ">= 1.6 x"
		}
		fmt.Fprintf(w, "%s\t%.1f to %.1f\t%.2f x\t<= 1.6 x\t%s\t%s\t\n", name, float64(a.blocks)/1e6, float64(b.blocks)/1e6, each(b)/each(a), faster, target)
	}
	return w.Flush()
}

// The ends of names.
const (
	oneCore = ", one core"
	walkAnd = " (walk + histogram)"
)
