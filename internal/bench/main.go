// Command bench measures heapdump on generated dumps of 2 GiB: CPU seconds as
// a ratio to `cat DUMP >/dev/null` in the same run, so that the figures mean
// something on a busy machine, each beside its target. One of the dumps has its
// blocks in the low-fragmentation heap.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"text/tabwriter"
	"time"

	"github.com/heapdump/heapdump/internal/synth"
)

func main() {
	heapdump := flag.String("heapdump", "bin/heapdump", "the program to measure")
	size := flag.Uint64("bytes", 2<<30, "size of the generated dump")
	blocks := flag.Int("blocks", 5_000_000, "blocks in it")
	runs := flag.Int("runs", 5, "runs of each command, interleaved")
	references := flag.Bool("graph", false, "measure references on lists and trees of 1, 4 and 10 million blocks instead")
	flag.Parse()
	if *references {
		if err := graph(*heapdump, []int{1, 4, 10}, *runs); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		return
	}
	if err := run(*heapdump, *size, *blocks, *runs); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// job is one command that is measured.
type job struct {
	name   string
	args   []string
	target string // in words: a ratio to cat, or milliseconds
	blocks int    // that it passes over; 0 when none
	costs  []cost
}

// cost is what one run took.
type cost struct {
	cpu, wall time.Duration
	anon      int64 // peak RssAnon in KiB; 0 where the system does not tell
}

func run(heapdump string, size uint64, blocks, runs int) error {
	dir, err := os.MkdirTemp("", "heapdump-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	big, ranges, lfh := filepath.Join(dir, "big.dmp"), filepath.Join(dir, "ranges.dmp"), filepath.Join(dir, "lfh.dmp")
	fmt.Fprintf(os.Stderr, "generating %d MiB with %d blocks, as much in 20,000 ranges, and as much of LFH slots\n", size>>20, blocks)
	truth := map[string]synth.Truth{}
	for path, o := range map[string]synth.BigOptions{
		big:    {Bytes: size, Blocks: blocks, Seed: 1},
		ranges: {Bytes: size, Blocks: blocks, Ranges: 20_000, Seed: 2},
		lfh:    {Bytes: size, Blocks: blocks, Seed: 3, LFH: true},
	} {
		var err error
		if truth[path], err = generate(path, o); err != nil {
			return err
		}
	}
	n, slots := truth[big].Blocks, truth[lfh].Blocks
	jobs := []*job{
		{name: "cat", args: []string{"cat", big}},
		{name: "summary (walk + histogram)", args: []string{heapdump, "summary", big}, target: "<= 1.5 x cat", blocks: n},
		{name: "walk --format ndjson", args: []string{heapdump, "walk", "--heap", "all", "--format", "ndjson", big}, target: "constant memory", blocks: n},
		{name: "leaks (reachability, dominators)", args: []string{heapdump, "leaks", big}, target: "<= 16 x cat, 40 B a block", blocks: n},
		{name: "check", args: []string{heapdump, "check", big}, target: "<= 3.0 x cat", blocks: n},
		{name: "LFH: summary", args: []string{heapdump, "summary", lfh}, target: "<= 1.5 x cat", blocks: slots},
		{name: "LFH: walk --format ndjson", args: []string{heapdump, "walk", "--heap", "all", "--format", "ndjson", lfh}, target: "constant memory", blocks: slots},
		{name: "LFH: check", args: []string{heapdump, "check", lfh}, target: "<= 3.0 x cat", blocks: slots},
		{name: "info, 20,000 ranges", args: []string{heapdump, "info", ranges}, target: "<= 0.1 x cat, 15 ms"},
		{name: "address --summary, 20,000 ranges", args: []string{heapdump, "address", "--summary", ranges}, target: "<= 0.2 x cat"},
		{name: "heapdump version", args: []string{heapdump, "version"}, target: "(start of the program)"},
	}
	for i := range runs + 1 { // the first round warms the cache and is not counted
		for _, j := range jobs {
			c, err := measure(j.args)
			if err != nil {
				return fmt.Errorf("%s: %w", strings.Join(j.args, " "), err)
			}
			if i > 0 {
				j.costs = append(j.costs, c)
			}
		}
	}
	return print(jobs)
}

func generate(path string, o synth.BigOptions) (synth.Truth, error) {
	f, err := os.Create(path)
	if err != nil {
		return synth.Truth{}, err
	}
	truth, err := synth.WriteBig(f, o)
	if err != nil {
		return truth, err
	}
	return truth, f.Close()
}

// measure runs a command with its output thrown away.
func measure(args []string) (cost, error) {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return cost{}, err
	}
	defer null.Close()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdout = null
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return cost{}, err
	}
	var peak atomic.Int64
	done := make(chan struct{})
	go watch(cmd.Process.Pid, &peak, done)
	err = cmd.Wait()
	close(done)
	s := cmd.ProcessState
	return cost{cpu: s.UserTime() + s.SystemTime(), wall: time.Since(start), anon: peak.Load()}, err
}

// watch keeps the greatest RssAnon that the process shows.
func watch(pid int, peak *atomic.Int64, done chan struct{}) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		if text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid)); err == nil {
			if _, after, ok := strings.Cut(string(text), "RssAnon:"); ok {
				var kib int64
				if _, err := fmt.Sscan(after, &kib); err == nil {
					peak.Store(max(peak.Load(), kib))
				}
			}
		}
		select {
		case <-done:
			return
		case <-tick.C:
		}
	}
}

func print(jobs []*job) error {
	cat := jobs[0].median().cpu
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "command\tCPU s\twall s\tx cat\tM blocks/CPU s\tanon MiB\ttarget\t")
	for _, j := range jobs {
		m := j.median()
		rate := "-"
		if j.blocks > 0 {
			rate = fmt.Sprintf("%.1f", float64(j.blocks)/1e6/m.cpu.Seconds())
		}
		fmt.Fprintf(w, "%s\t%.3f\t%.3f\t%.2f\t%s\t%.1f\t%s\t\n", j.name, m.cpu.Seconds(), m.wall.Seconds(),
			m.cpu.Seconds()/cat.Seconds(), rate, float64(m.anon)/1024, j.target)
	}
	return w.Flush()
}

// median returns the median of each figure over the runs; of memory the peak.
func (j *job) median() cost {
	var cpu, wall []time.Duration
	var m cost
	for _, c := range j.costs {
		cpu, wall = append(cpu, c.cpu), append(wall, c.wall)
		m.anon = max(m.anon, c.anon)
	}
	slices.Sort(cpu)
	slices.Sort(wall)
	m.cpu, m.wall = cpu[len(cpu)/2], wall[len(wall)/2]
	return m
}
