package target_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/heapdump/heapdump/internal/analysis/census"
	"github.com/heapdump/heapdump/internal/target"
)

func TestLook(t *testing.T) {
	files, _ := filepath.Glob("/tmp/d/*.dmp")
	for _, f := range files {
		tg, err := target.Open(f, target.Options{})
		if err != nil {
			fmt.Println(filepath.Base(f), "ERR", err)
			continue
		}
		fmt.Println("=====", filepath.Base(f), "regions", tg.Space.RegionsKnown(), "dropped", tg.Dropped)
		for _, p := range tg.PEBs {
			fmt.Printf("  peb %+v\n", p)
		}
		for i, p := range tg.Problems {
			if i < 12 {
				fmt.Println("   P", p.Class, p)
			}
		}
		c, err := census.Take(context.Background(), tg, tg.Heaps, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range c.Heaps {
			r := h.Target
			lay := ""
			if r.NT != nil {
				lay = r.NT.Header.Layout
			}
			fmt.Printf("  heap %v bits %d %v found %v idx %d listed %v def %v foreign %v %s why %q res %d com %d unc %d busy %d/%d ovh %d free %d int %d lost %d unacc %d problems %d\n", r.Address, r.Bits, r.Kind, r.Found.List(), r.Index, r.Listed, r.Default, r.Foreign, lay, r.Why, h.Reserved, h.Committed, h.Uncommitted, h.BusyBlocks, h.BusyUser, h.Overhead, h.Free, h.Internal, h.Lost, h.Unaccounted, len(h.Problems))
			for i, p := range h.Problems {
				if i < 30 {
					fmt.Println("      p", p.Class, p)
				}
			}
		}
		tg.Close()
	}
	_ = os.Args
}
