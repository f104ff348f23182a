package cli

import (
	"github.com/spf13/pflag"

	"github.com/heapdump/heapdump/internal/pick"
	"github.com/heapdump/heapdump/pkg/memory"
)

// blockFlags choose heaps and blocks of them; every command that goes over
// blocks has them.
type blockFlags struct {
	heaps, states, origins, sizes, ranges []string
}

func (f *blockFlags) register(fs *pflag.FlagSet) {
	fs.StringSliceVar(&f.heaps, "heap", []string{"all"}, "the `heap`: address, index, process, or all; repeats")
	fs.StringSliceVar(&f.states, "state", nil, "only this `state`: busy, free, internal, uncommitted, lost; repeats")
	fs.StringSliceVar(&f.origins, "origin", nil, "only this `origin`: backend, lfh, lookaside, virtual, pageheap; repeats")
	fs.StringArrayVar(&f.sizes, "size", nil, "only sizes in `MIN..MAX`, both included, for example 64..4KiB, 1MiB.. or 0x28; repeats")
	fs.StringArrayVar(&f.ranges, "range", nil, "only blocks in `ADDR..ADDR`, the end not included; repeats")
}

// filter makes the predicate; debugger says that addresses are written as the
// debugger writes them.
func (f *blockFlags) filter(debugger bool) (pick.Filter, error) {
	filter, err := pick.New(f.states, f.origins, f.sizes, f.ranges, func(s string) (memory.Addr, error) { return ParseAddr(s, debugger) })
	if err != nil {
		return filter, &failure{exitUsage, err}
	}
	return filter, nil
}

// picked reports whether a flag chose among the blocks.
func (f *blockFlags) picked() bool {
	return len(f.states)+len(f.origins)+len(f.sizes)+len(f.ranges) > 0
}
