package main

import (
	"fmt"
	"os"
	"path/filepath"
	"text/tabwriter"

	"github.com/heapdump/heapdump/internal/synth"
)

// graphBlock is the mean size of a block of the dumps that graph makes.
const graphBlock = 208

// graph measures references on lists and trees of 1, 4 and 10 million blocks
// that all hang on one variable: CPU time beside cat of the same dump, and
// anonymous memory. Each dump is removed before the next is made.
func graph(heapdump string, millions []int, runs int) error {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "shape\tM blocks\tcommand\tCPU s\tx cat\tns/block\tanon B/block\ttarget\t")
	for _, shape := range []synth.Shape{synth.List, synth.Tree} {
		for _, m := range millions {
			if err := graphOf(w, heapdump, shape, m, runs); err != nil {
				return err
			}
		}
	}
	return w.Flush()
}

func graphOf(w *tabwriter.Writer, heapdump string, shape synth.Shape, millions, runs int) error {
	dir, err := os.MkdirTemp("", "heapdump-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "graph.dmp")
	n := millions * 1_000_000
	truth, err := generate(path, synth.BigOptions{Bytes: uint64(n) * graphBlock, Blocks: n, Shape: shape})
	if err != nil {
		return err
	}
	name := [...]string{synth.List: "list", synth.Tree: "tree"}[shape]
	jobs := []*job{
		{name: "cat", args: []string{"cat", path}},
		{name: "summary", args: []string{heapdump, "summary", path}},
		{name: "leaks --suspects=false", args: []string{heapdump, "leaks", "--suspects=false", path}, target: "<= 8 x, 20 B"},
		{name: "leaks", args: []string{heapdump, "leaks", path}, target: "<= 16 x, 40 B"},
	}
	for i := range runs + 1 { // the first round warms the cache and is not counted
		for _, j := range jobs {
			c, err := measure(j.args)
			if err != nil {
				return fmt.Errorf("%v: %w", j.args, err)
			}
			if i > 0 {
				j.costs = append(j.costs, c)
			}
		}
	}
	cat := jobs[0].median().cpu.Seconds()
	for _, j := range jobs {
		c := j.median()
		cpu := c.cpu.Seconds()
		fmt.Fprintf(w, "%s\t%d\t%s\t%.2f\t%.1f\t%.0f\t%.1f\t%s\t\n", name, millions, j.name, cpu, cpu/cat, cpu*1e9/float64(truth.Busy),
			float64(c.anon)*1024/float64(truth.Busy), j.target)
	}
	return nil
}
