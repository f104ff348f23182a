package cli

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/heapdump/heapdump/internal/target"
)

// heaps finds the heaps that --heap names: addresses, indexes, "process" or
// "all", each heap once and in the order given. "all" leaves foreign heaps
// out, which are another process's.
func (a *app) heaps(t *target.Target, specs []string) ([]*target.Heap, error) {
	var out []*target.Heap
	seen := map[*target.Heap]bool{}
	for _, s := range specs {
		found, err := a.heapsOf(t, s)
		if err != nil {
			return nil, err
		}
		for _, h := range found {
			if !seen[h] {
				seen[h] = true
				out = append(out, h)
			}
		}
	}
	return out, nil
}

func (a *app) heapsOf(t *target.Target, spec string) ([]*target.Heap, error) {
	var out []*target.Heap
	switch spec {
	case "all":
		return t.Own(), nil
	case "process":
		for _, h := range t.Heaps {
			if h.Default {
				out = append(out, h)
			}
		}
		if out == nil {
			return nil, usagef("the process heap is not known: the dump does not hold the PEB; %s", have(t))
		}
		return out, nil
	}
	h, err := a.oneHeap(t, spec)
	if err != nil {
		return nil, err
	}
	return []*target.Heap{h}, nil
}

// oneHeap finds the heap of an address or index. Digits alone are an index,
// unless the style is the debugger's and a heap is at that address.
func (a *app) oneHeap(t *target.Target, spec string) (*target.Heap, error) {
	index, err := strconv.ParseUint(spec, 10, 16)
	isIndex := err == nil
	addr, addrErr := ParseAddr(spec, a.windbg())
	if addrErr == nil {
		for _, h := range t.Heaps {
			if h.Address == addr {
				return h, nil
			}
		}
	}
	switch {
	case isIndex && index < uint64(len(t.Heaps)):
		return t.Heaps[index], nil
	case isIndex:
		return nil, usagef("there is no heap %d; %s", index, have(t))
	case addrErr != nil:
		return nil, usagef("no heap: %w", addrErr)
	}
	return nil, usagef("there is no heap at %v; %s", addr, have(t))
}

// have says which heaps there are, the first few.
func have(t *target.Target) string {
	if len(t.Heaps) == 0 {
		return "the dump holds no heap"
	}
	var list []string
	for i, h := range t.Heaps {
		if i == 6 {
			list = append(list, "…")
			break
		}
		list = append(list, fmt.Sprintf("%v", h.Address))
	}
	return fmt.Sprintf("the heaps 0 to %d are at %s", len(t.Heaps)-1, strings.Join(list, ", "))
}
