// Command campaign damages healthy generated dumps of every family of Windows,
// byte by byte, page by page and at every border, and says what the analysis
// made of each: whether it ended in time and within its memory, whether the
// walk kept its law and the sums closed, and whether the damage was noticed.
package main

import (
	"flag"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/heapdump/heapdump/internal/specimen"
)

// options are the flags.
type options struct {
	share  float64
	ways   int
	pairs  int
	seed   uint64
	only   string
	fields bool
	silent bool
}

func main() {
	var o options
	flag.Float64Var(&o.share, "share", 1, "share of the single damages that are made, chosen by the seed")
	flag.IntVar(&o.ways, "ways", 6, "in how many ways each byte is changed, 1 to 14")
	flag.IntVar(&o.pairs, "pairs", 500, "pairs of damages for each dump, chosen by the seed")
	flag.Uint64Var(&o.seed, "seed", 1, "what the choices are made by")
	flag.StringVar(&o.only, "only", "", "only dumps whose name contains this")
	flag.BoolVar(&o.fields, "fields", false, "one row for each field")
	flag.BoolVar(&o.silent, "silent", false, "an example of each field's damages that changed figures without a word")
	flag.Parse()
	debug.SetMemoryLimit(1 << 30)
	if !run(os.Stdout, os.Stderr, o) {
		os.Exit(1)
	}
}

// run makes the campaign and reports whether no law was broken.
func run(w, progress io.Writer, o options) bool {
	all := &table{rows: map[[2]string]*row{}}
	for _, s := range specimen.All() {
		if !strings.Contains(s.Name, o.only) {
			continue
		}
		t := campaign(s, o)
		fmt.Fprintf(progress, "%s: %d runs over %d bytes, slowest %v, most memory %.1f x the file more than healthy, %d broken\n",
			s.Name, t.runs, len(s.Data), t.slowest.took, t.greatest, len(t.broken))
		all.merge(t)
	}
	all.write(w, o.fields)
	all.reasons(w)
	if o.silent {
		for _, r := range all.rows {
			for _, k := range slices.Sorted(maps.Keys(r.examples)) {
				fmt.Fprintf(w, "\n%s.%s: %s", r.structure, r.field, r.examples[k])
			}
		}
		fmt.Fprintln(w)
	}
	all.unexplained()
	for i, b := range all.broken {
		if i < 20 {
			fmt.Fprintln(w, "\nBROKEN", b)
		}
	}
	fmt.Fprintf(w, "\n%d runs, %d broke a law.\n", all.runs, len(all.broken))
	return len(all.broken) == 0
}

// slack is how much more memory than for the healthy dump a run may take
// besides four times the file: the texts of problems.
const slack = 4 << 20

// deepEvery is which of the damages are mapped and triaged too.
const deepEvery = 16

// campaign damages one subject.
func campaign(s *specimen.Specimen, o options) *table {
	t := &table{rows: map[[2]string]*row{}}
	healthy := observe(s.Data, true)
	usual := map[bool]observation{true: observe(s.Data, true), false: observe(s.Data, false)} // the second time: what is made once is made
	if healthy.refused != "" || len(healthy.broken) > 0 || len(healthy.notices) > 0 {
		t.broken = append(t.broken, fmt.Sprintf("%s: the healthy dump: %s %v %v", s.Name, healthy.refused, healthy.broken, healthy.notices))
		return t
	}
	r := rand.New(rand.NewPCG(o.seed, uint64(len(s.Data))))
	for i, d := range damages(s, o, r) {
		data := d.apply(s)
		deep := i%deepEvery == 0
		x := observe(data, deep)
		t.runs++
		if x.took > t.slowest.took {
			t.slowest = x
		}
		if x.bytes > usual[deep].bytes {
			more := x.bytes - usual[deep].bytes
			t.greatest = max(t.greatest, float64(more)/float64(len(s.Data)))
			if limit := 4*uint64(len(s.Data)) + slack; more > limit {
				t.broken = append(t.broken, fmt.Sprintf("%s: %v: memory: %d bytes more than for the healthy dump of %d", s.Name, d, more, len(s.Data)))
			}
		}
		for _, b := range x.broken {
			t.broken = append(t.broken, fmt.Sprintf("%s: %v: %s", s.Name, d, b))
		}
		how, which, what := judge(&healthy, &x)
		t.put(d.structure, d.field, how, map[string]string{which: fmt.Sprintf("%s: %v: %s", s.Name, d, what)})
	}
	return t
}
