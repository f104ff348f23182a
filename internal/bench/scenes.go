package main

import (
	"os/exec"

	"github.com/heapdump/heapdump/internal/synth"
)

// scene is a generated dump and what is measured on it.
type scene struct {
	shape  string
	blocks int // asked for
	bytes  uint64
	runs   int
	o      synth.BigOptions
	jobs   func(heapdump, path string) []*job
}

// job is one command that is measured.
type job struct {
	name   string
	args   []string
	env    []string
	target string // in words
	idle   bool   // it passes over no block
	cold   bool   // the dump is not in the system's cache
	first  bool   // what counts is the first line of output
	costs  []cost
}

// scenes are the dumps, the small ones of each shape first. Of big ones there
// are fewer runs.
func scenes() []scene {
	var all []scene
	add := func(shape string, o synth.BigOptions, jobs func(heapdump, path string) []*job) {
		for _, s := range []struct {
			bytes  uint64
			blocks int
			runs   int
		}{{205 << 20, 1_000_000, 7}, {1 << 30, 5_000_000, 5}, {2 << 30, 10_000_000, 3}} {
			o.Bytes, o.Blocks = s.bytes, s.blocks
			all = append(all, scene{shape: shape, bytes: s.bytes, blocks: s.blocks, runs: s.runs, o: o, jobs: jobs})
		}
	}
	add("back end", synth.BigOptions{Seed: 1}, walks)
	add("LFH", synth.BigOptions{Seed: 3, LFH: true}, walks)
	add("list", synth.BigOptions{Seed: 4, Shape: synth.List}, graph)
	add("tree", synth.BigOptions{Seed: 5, Shape: synth.Tree}, graph)
	return append(all,
		scene{shape: "20,000 ranges", bytes: 2 << 30, blocks: 5_000_000, runs: 7, o: synth.BigOptions{Bytes: 2 << 30, Blocks: 5_000_000, Ranges: 20_000, Seed: 2}, jobs: opens},
		scene{shape: "cold", bytes: 2 << 30, blocks: 5_000_000, runs: 3, o: synth.BigOptions{Bytes: 2 << 30, Blocks: 5_000_000, Seed: 6}, jobs: colds},
		scene{shape: "24 GiB", bytes: 24 << 30, blocks: 1_000_000, runs: 3, o: huge(24 << 30), jobs: firsts})
}

// huge is a dump of so many bytes, nearly all of them a hole in the file.
func huge(bytes uint64) synth.BigOptions {
	return synth.BigOptions{Bytes: 256 << 20, Blocks: 1_000_000, Seed: 7, Zeros: bytes - 256<<20}
}

func cat(path string) *job { return &job{name: "cat", args: []string{"cat", path}, idle: true} }

// walks are the commands that pass over every block, and those that look at
// references where nothing leads to any block.
func walks(heapdump, path string) []*job {
	jobs := []*job{
		cat(path),
		{name: "summary (walk + histogram)", args: []string{heapdump, "summary", path}, target: "<= 1.5 x"},
		{name: "summary, one core", args: []string{heapdump, "summary", path}, env: one, target: "two >= 1.6 x faster"},
		{name: "walk --format ndjson", args: []string{heapdump, "walk", "--heap", "all", "--format", "ndjson", path}, target: "constant memory"},
		{name: "check", args: []string{heapdump, "check", path}, target: "<= 3 x"},
		{name: "check, one core", args: []string{heapdump, "check", path}, env: one, target: "two >= 1.6 x faster"},
		{name: "leaks", args: []string{heapdump, "leaks", path}, target: "<= 14 x, 40 B"},
	}
	for _, j := range jobs {
		j.pin()
	}
	return jobs
}

// graph are the commands that follow references.
func graph(heapdump, path string) []*job {
	jobs := []*job{
		cat(path),
		{name: "summary (walk + histogram)", args: []string{heapdump, "summary", path}, target: "<= 1.5 x"},
		{name: "leaks --suspects=false", args: []string{heapdump, "leaks", "--suspects=false", path}, target: "<= 8 x, 20 B"},
		{name: "leaks", args: []string{heapdump, "leaks", path}, target: "<= 14 x, 40 B"},
		{name: "leaks, one core", args: []string{heapdump, "leaks", path}, env: one, target: "two >= 1.6 x faster"},
	}
	for _, j := range jobs {
		j.pin()
	}
	return jobs
}

// opens are the commands that look at the lists of a dump alone.
func opens(heapdump, path string) []*job {
	return []*job{
		cat(path),
		{name: "info", args: []string{heapdump, "info", path}, target: "<= 0.1 x, 15 ms", idle: true},
		{name: "address --summary", args: []string{heapdump, "address", "--summary", path}, target: "<= 0.2 x", idle: true},
		{name: "heapdump version", args: []string{heapdump, "version"}, target: "(start of the program)", idle: true},
	}
}

// colds begin with the dump on the disk alone.
func colds(heapdump, path string) []*job {
	jobs := []*job{cat(path), {name: "summary", args: []string{heapdump, "summary", path}, target: "wall of cat"}, {name: "check", args: []string{heapdump, "check", path}}}
	for _, j := range jobs {
		j.cold = true
	}
	return jobs
}

// firsts show how long it takes until something is to be read.
func firsts(heapdump, path string) []*job {
	return []*job{
		{name: "summary", args: []string{heapdump, "summary", path}, target: "first line <= 1 s", first: true},
		{name: "summary, cold", args: []string{heapdump, "summary", path}, target: "first line <= 1 s", first: true, cold: true},
	}
}

// one makes a command use one processor.
var one = []string{"GOMAXPROCS=1"}

// pin holds a command that uses one processor to it, where taskset is there.
func (j *job) pin() {
	if j.env == nil {
		return
	}
	if path, err := exec.LookPath("taskset"); err == nil {
		j.args = append([]string{path, "-c", "0"}, j.args...)
	}
}
