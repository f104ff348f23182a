// Command bench measures heapdump on generated dumps of 0.2 to 2 GiB: CPU
// seconds as a ratio to `cat DUMP >/dev/null` in the same minute, so that the
// figures mean something on a busy machine, each beside its target.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/heapdump/heapdump/internal/synth"
)

func main() {
	heapdump := flag.String("heapdump", "bin/heapdump", "the program to measure")
	only := flag.String("only", "", "the shapes to measure, separated by commas: back end, LFH, list, tree, 20,000 ranges, cold, 24 GiB; none is all.\nA comma in a name is left out: 20000 ranges")
	most := flag.Int("blocks", 10_000_000, "leave out dumps with more blocks")
	runs := flag.Int("runs", 0, "runs of each command, interleaved; 0 is 3 for the biggest dumps and up to 7 for the small ones")
	flag.Parse()
	if err := run(*heapdump, *only, *most, *runs); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(heapdump, only string, most, runs int) error {
	var wanted []string
	if only != "" {
		wanted = strings.Split(only, ",")
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "shape\tM blocks\tcommand\tCPU s\twall s\tx cat\tns/block\tanon MiB\tanon B/block\ttarget\t")
	g := growth{}
	for _, s := range scenes() {
		if s.blocks > most || wanted != nil && !slices.Contains(wanted, strings.ReplaceAll(s.shape, ",", "")) {
			continue
		}
		if runs > 0 {
			s.runs = runs
		}
		if err := s.measure(w, heapdump, g); err != nil {
			return err
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return g.print()
}

// measure makes the dump, runs the commands in turns and prints their rows.
// The dump is removed before the next is made.
func (s scene) measure(w *tabwriter.Writer, heapdump string, g growth) error {
	dir, err := os.MkdirTemp("", "heapdump-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "bench.dmp")
	fmt.Fprintf(os.Stderr, "%s, %d MiB, %d blocks\n", s.shape, s.bytes>>20, s.blocks)
	truth, err := generate(path, s.o)
	if err != nil {
		return err
	}
	jobs := s.jobs(heapdump, path)
	for i := range s.runs + 1 { // the first round warms the cache and is not counted
		for _, j := range jobs {
			if j.cold && !cool(path) {
				continue
			}
			c, err := measure(j.args, j.env, j.first)
			if err != nil {
				return fmt.Errorf("%s: %w", strings.Join(j.args, " "), err)
			}
			if i > 0 {
				j.costs = append(j.costs, c)
			}
		}
	}
	s.print(w, jobs, truth, g)
	return nil
}

func (s scene) print(w *tabwriter.Writer, jobs []*job, truth synth.Truth, g growth) {
	base := 0.0
	for _, j := range jobs {
		if len(j.costs) == 0 {
			continue // it could not be made cold
		}
		c := median(j.costs)
		cpu := c.cpu.Seconds()
		if j.name == "cat" {
			base = cpu
		}
		ratio, each, anon, target := "-", "-", "-", j.target
		if base > 0 {
			ratio = fmt.Sprintf("%.2f", cpu/base)
		}
		if !j.idle {
			each = fmt.Sprintf("%.0f", cpu*1e9/float64(truth.Blocks))
			anon = fmt.Sprintf("%.1f", float64(c.anon)*1024/float64(truth.Blocks))
			g.add(s.shape+": "+j.name, truth.Blocks, c)
		}
		if j.first {
			target += fmt.Sprintf(": %.2f s", c.first.Seconds())
		}
		fmt.Fprintf(w, "%s\t%.1f\t%s\t%.3f\t%.3f\t%s\t%s\t%.1f\t%s\t%s\t\n", s.shape, float64(s.blocks)/1e6, j.name, cpu, c.wall.Seconds(), ratio, each,
			float64(c.anon)/1024, anon, target)
	}
}

// generate writes a dump and waits until it is on the disk: what is not
// cannot be dropped from the cache.
func generate(path string, o synth.BigOptions) (synth.Truth, error) {
	f, err := os.Create(path)
	if err != nil {
		return synth.Truth{}, err
	}
	defer f.Close()
	truth, err := synth.WriteBig(f, o)
	if err != nil {
		return truth, err
	}
	if err := f.Sync(); err != nil {
		return truth, err
	}
	return truth, f.Close()
}
