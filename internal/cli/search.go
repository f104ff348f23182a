package cli

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/heapdump/heapdump/internal/analysis/locate"
	"github.com/heapdump/heapdump/internal/analysis/search"
	"github.com/heapdump/heapdump/internal/pick"
	"github.com/heapdump/heapdump/internal/report"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
)

// searchFlags are the flags of search.
type searchFlags struct {
	texts, bytes, pointers, blocks, numbers, ranges []string
	ignoreCase                                      bool
	limit                                           int
}

// search is heapdump search.
func (a *app) search() *cobra.Command {
	var f searchFlags
	c := a.command(&cobra.Command{
		Use:   "search [DUMP]",
		Short: "Bytes, text, numbers or pointers in all of the memory, with whose memory each hit is in",
		Long: `Text is looked for in ASCII (UTF-8) and in UTF-16. Pointers and numbers are looked for at aligned
addresses: of 4 bytes in a 32-bit process and in the 32-bit part of a WOW64 one, else of 8; numbers of 4.
Several patterns may be given; each hit says which it is of.`,
		Example: lines("heapdump search --text \"Invoice 4711\" app.dmp", "heapdump search --block 0x29fb0040 app.dmp",
			"heapdump search --pointer 0x29fb0000..0x2a000000 --range 0x400000..0x500000 app.dmp", "heapdump search --bytes \"4d 5a 90 00\" --format csv app.dmp"),
		Args: onlyADump,
		RunE: func(cmd *cobra.Command, args []string) error { return a.runSearch(cmd.Context(), args, f) },
	}, groupWalk, "")
	fs := c.Flags()
	fs.SortFlags = false
	fs.StringArrayVar(&f.texts, "text", nil, "this `text`, in ASCII and in UTF-16; repeats")
	fs.BoolVarP(&f.ignoreCase, "ignore-case", "i", false, "--text matches ASCII letters of either case")
	fs.StringArrayVar(&f.bytes, "bytes", nil, "these `bytes` in hexadecimal, for example \"4d 5a\"; repeats")
	fs.StringArrayVar(&f.pointers, "pointer", nil, "pointers to `ADDR`, or into ADDR..ADDR, the end not included; repeats")
	fs.StringArrayVar(&f.blocks, "block", nil, "pointers to any byte of the program's in the block that holds `ADDR`; repeats")
	fs.StringArrayVar(&f.numbers, "number", nil, "this `number` of 32 bits, decimal or 0x; repeats")
	fs.StringArrayVar(&f.ranges, "range", nil, "only in `ADDR..ADDR`, the end not included; repeats")
	fs.IntVar(&f.limit, "limit", 100, "at most this `number` of hits, by address; 0 is all, up to a million")
	return c
}

func (a *app) runSearch(ctx context.Context, args []string, f searchFlags) error {
	format, err := a.check(false, "text", "json", "csv", "markdown")
	if err != nil {
		return err
	}
	if f.limit < 0 {
		return usagef("--limit %d is below 0", f.limit)
	}
	if len(f.texts)+len(f.bytes)+len(f.pointers)+len(f.blocks)+len(f.numbers) == 0 {
		return usagef("nothing to look for: give --text, --bytes, --pointer, --block or --number")
	}
	ranges := []memory.Range{{End: ^memory.Addr(0)}}
	for i, s := range f.ranges {
		r, err := pick.ParseRange(s, func(s string) (memory.Addr, error) { return ParseAddr(s, false) })
		if err != nil {
			return &failure{exitUsage, fmt.Errorf("--range: %w", err)}
		}
		ranges = append(ranges[:i], r)
	}
	path, err := a.dumpFile(args)
	if err != nil {
		return err
	}
	t, w, err := a.open(ctx, path)
	if err != nil {
		return err
	}
	defer t.Close()
	var p patterns
	if err := p.all(ctx, t, f); err != nil {
		return err
	}
	m := a.meter("searching")
	r, err := search.Take(ctx, t, p.list, memory.Union(ranges), f.limit, m.Set)
	m.Done()
	if err != nil {
		return err
	}
	hits, err := p.owned(ctx, t, r)
	if err != nil {
		return err
	}
	return a.write(w, report.Search(t, r, hits), format, report.Coverage(t, nil))
}

// patterns are what flags ask for, and their words.
type patterns struct {
	list  []search.Pattern
	words []string
}

func (p *patterns) add(word string, x search.Pattern) {
	p.list, p.words = append(p.list, x), append(p.words, word)
}

// all reads the flags.
func (p *patterns) all(ctx context.Context, t *target.Target, f searchFlags) error {
	for _, s := range f.texts {
		if s == "" || !utf8.ValidString(s) {
			return usagef("--text %q: write at least one character, in UTF-8", s)
		}
		wide := []byte{}
		for _, u := range utf16.Encode([]rune(s)) {
			wide = binary.LittleEndian.AppendUint16(wide, u)
		}
		p.add(s, search.Pattern{Match: search.ASCII, Bytes: []byte(s), Fold: f.ignoreCase})
		p.add(s, search.Pattern{Match: search.UTF16, Bytes: wide, Fold: f.ignoreCase})
	}
	for _, s := range f.bytes {
		b, err := hex.DecodeString(strings.NewReplacer(" ", "", ",", "", "0x", "").Replace(strings.ToLower(s)))
		if err != nil || len(b) == 0 {
			return usagef("--bytes %q: write pairs of hexadecimal digits, for example \"4d 5a\"", s)
		}
		p.add(s, search.Pattern{Match: search.Bytes, Bytes: b})
	}
	for _, s := range f.numbers {
		n, err := strconv.ParseUint(s, 0, 32)
		if err != nil {
			return usagef("--number %q is no number of 32 bits, for example 4711 or 0x1267", s)
		}
		p.add(s, search.Pattern{Match: search.Number, First: n, Last: n, Width: 4})
	}
	for _, s := range f.pointers {
		r, err := pointed(s)
		if err != nil {
			return err
		}
		p.pointer(t, s, r)
	}
	for _, s := range f.blocks {
		if err := p.block(ctx, t, s); err != nil {
			return err
		}
	}
	return nil
}

// pointed reads ADDR or ADDR..ADDR.
func pointed(s string) (memory.Range, error) {
	bare := func(s string) (memory.Addr, error) { return ParseAddr(s, false) }
	if strings.Contains(s, "..") {
		r, err := pick.ParseRange(s, bare)
		if err != nil {
			return r, &failure{exitUsage, fmt.Errorf("--pointer: %w", err)}
		}
		return r, nil
	}
	at, err := bare(s)
	if err != nil {
		return memory.Range{}, &failure{exitUsage, fmt.Errorf("--pointer: %w", err)}
	}
	return at.Span(1), nil
}

// pointer adds a search for pointers into a range.
func (p *patterns) pointer(t *target.Target, word string, r memory.Range) {
	if r.Empty() {
		return
	}
	x := search.Pattern{Match: search.Pointer, First: uint64(r.Start), Last: uint64(r.End) - 1, Width: 8}
	if narrow(t) && r.Start < 1<<32 {
		x.Width = 4
	}
	p.add(word, x)
}

// narrow reports whether the process has 32-bit pointers.
func narrow(t *target.Target) bool {
	if t.File.Arch().Bits() == 32 {
		return true
	}
	for _, p := range t.PEBs {
		if p.Bits == 32 {
			return true
		}
	}
	for _, h := range t.Heaps {
		if h.Bits == 32 {
			return true
		}
	}
	return false
}

// block adds a search for pointers into the block that holds an address.
func (p *patterns) block(ctx context.Context, t *target.Target, s string) error {
	at, err := ParseAddr(s, false)
	if err != nil {
		return &failure{exitUsage, fmt.Errorf("--block: %w", err)}
	}
	x, err := locate.At(ctx, t, at)
	if err != nil {
		return err
	}
	if x.Block == nil || x.Block.State != heap.Busy {
		return usagef("--block %s: it is %s; for pointers to any address use --pointer", s, x.Says)
	}
	// A pointer to the end of a block of no bytes, or a C++ end(), is none into it.
	p.pointer(t, s, x.Block.User().Span(max(x.Block.UserBytes(), 1)))
	return nil
}

// owned finds whose memory each hit is in.
func (p *patterns) owned(ctx context.Context, t *target.Target, r *search.Result) ([]report.Hit, error) {
	owners, err := locate.Many(ctx, t, report.Addresses(r.Hits))
	if err != nil {
		return nil, err
	}
	hits := make([]report.Hit, len(r.Hits))
	for i, h := range r.Hits {
		tail := t.Space.Tail(h.Address)
		hits[i] = report.Hit{Hit: h, Pattern: p.words[h.Pattern], Match: p.list[h.Pattern].Match, Owner: owners[i],
			Sample: tail[:min(len(tail), report.SampleBytes)]}
	}
	return hits, nil
}
