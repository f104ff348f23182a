package report

import (
	"fmt"
	"strings"

	"github.com/heapdump/heapdump/internal/analysis/census"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/internal/thousands"
)

// Coverage says in sentences what the dump does not hold and what that means
// for its heaps; empty when nothing is missing. The counts may be nil.
func Coverage(t *target.Target, heaps []*census.Heap) []string {
	out := []string{}
	add := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	c := t.Space.Coverage()
	if t.Truncated != "" {
		add("The compressed file is cut: %s. What could be unpacked is used.", t.Truncated)
	}
	if c.Cut > 0 {
		add("The file is cut short: %s of %s bytes of memory that it lists are missing. Copy or write it again.", thousands.Grouped(c.Cut), thousands.Grouped(c.Cut+c.Saved))
	}
	switch {
	case c.Saved == 0:
		add("The dump holds no memory, so no heap can be read from it. Make a full dump: procdump -ma PID.")
	case !t.File.HasFullMemory():
		add("This is no full dump (its flags: %s): it holds %s. Blocks elsewhere are not seen. Make a full dump: procdump -ma PID.",
			t.File.Flags, savedOf(c.Saved, c.CommittedSaved, c.Committed))
	}
	if !t.Space.RegionsKnown() {
		add("There is no MemoryInfoList stream: uncommitted ranges and memory that was not saved cannot be told apart, and memory by state, type and protection is not known.")
	}
	if len(t.PEBs) == 0 && c.Saved > 0 {
		add("The process environment block is not in the dump: heaps were looked for by their signatures, and may be missing from the list.")
	}
	if left := notRead(t); len(left) > 0 {
		add("%s is counted: %s.", plural(len(left), "heap was not walked, so nothing in it", "heaps were not walked, so nothing in them"), strings.Join(left, ", "))
	}
	for _, h := range heaps {
		if h.Lost > 0 && !h.Target.Foreign {
			add("Heap %v: %s of %s committed bytes could not be read as blocks.", h.Target.Address, thousands.Grouped(h.Lost), thousands.Grouped(h.Committed))
		}
	}
	return out
}

// notRead lists the process's own heaps that were not walked.
func notRead(t *target.Target) []string {
	var out []string
	for _, h := range t.Heaps {
		if h.Why != "" && !h.Foreign {
			out = append(out, fmt.Sprintf("%v (%s)", h.Address, h.Kind))
		}
	}
	return out
}

func savedOf(saved, committedSaved, committed uint64) string {
	if committed == 0 {
		return thousands.Grouped(saved) + " bytes of memory"
	}
	return fmt.Sprintf("%s of %s committed bytes", thousands.Grouped(committedSaved), thousands.Grouped(committed))
}

func coverage(t *target.Target, heaps []*census.Heap) Table {
	out := values("coverage", "What this dump cannot answer", Coverage(t, heaps))
	out.Wrap = true
	return out
}
