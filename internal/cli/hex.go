package cli

import (
	"context"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/heapdump/heapdump/internal/analysis/locate"
	"github.com/heapdump/heapdump/internal/pick"
	"github.com/heapdump/heapdump/internal/report"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/memory"
)

// maxHex bounds what hex prints, in bytes, and maxWords what it explains word
// by word, each of which costs a look-up in the heaps.
const (
	maxHex   = 1 << 20
	maxWords = 4096
	lineSize = 16
)

// hex is heapdump hex.
func (a *app) hex() *cobra.Command {
	var words bool
	var length string
	c := a.command(&cobra.Command{
		Use:   "hex ADDR [LEN] [DUMP]",
		Short: "Memory as bytes and text, and with --words what each word points at",
		Long:  "Bytes that the dump does not have are ??, with the reason. LEN is how many bytes, 128 without it: 0x200, 512, 4KiB.",
		Example: lines("heapdump hex 0x1c0aa400750 app.dmp", "heapdump hex 0x9d1e6ffb80 0x200 --words app.dmp",
			"heapdump hex 0x1c0aa400750 --format json app.dmp"),
		Args: func(cmd *cobra.Command, args []string) error {
			var given string
			if args, given = hexLength(args); given != "" && cmd.Flags().Changed("length") {
				return usagef("the length is given twice, %s and --length %s", given, length)
			}
			return anAddressAndADump(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			args, given := hexLength(args)
			if given != "" {
				length = given
			}
			n, err := pick.ParseSize(length)
			if err != nil || n == 0 || n > maxHex || words && n > maxWords {
				return usagef("length %s: write a size from 1 to %d bytes, with --words to %d", length, maxHex, maxWords)
			}
			spec, path, err := a.addressAndDump(args)
			if err != nil {
				return err
			}
			at, err := ParseAddr(spec, false)
			if err != nil {
				return &failure{exitUsage, err}
			}
			return a.show(cmd.Context(), path, result{make: func(ctx context.Context, t *target.Target) (*report.Document, error) {
				r := at.Span(n)
				if !words {
					return report.HexBytes(t, hexLines(t, r), nil), nil
				}
				all, err := hexWords(ctx, t, r)
				if err != nil {
					return nil, err
				}
				return named(t, report.HexBytes(t, hexLines(t, r), all)), nil
			}})
		},
	}, groupAround, "")
	c.Flags().SortFlags = false
	c.Flags().StringVar(&length, "length", "128", "how many `bytes`, for example 0x200 or 4KiB")
	c.Flags().BoolVar(&words, "words", false, "what each aligned word points at")
	return c
}

// hexLength takes the argument LEN out, which stands behind the address: a
// number that is no file.
func hexLength(args []string) (rest []string, length string) {
	if len(args) < 2 {
		return args, ""
	}
	if _, err := os.Stat(args[1]); err == nil {
		return args, ""
	}
	if _, err := pick.ParseSize(args[1]); err != nil {
		return args, ""
	}
	return append(args[:1:1], args[2:]...), args[1]
}

// hexLines reads a range in lines.
func hexLines(t *target.Target, r memory.Range) []report.HexLine {
	var out []report.HexLine
	for a := r.Start; a < r.End; a = a.Add(lineSize) {
		part := a.Span(min(lineSize, r.End.Sub(a)))
		l := report.HexLine{Address: a, Bytes: make([]byte, part.Size()), Saved: make([]bool, part.Size()), Why: memory.Present}
		for run := range t.Space.Runs(part) {
			off := int(run.Start.Sub(a))
			for i, b := range run.Bytes {
				l.Bytes[off+i], l.Saved[off+i] = b, true
			}
		}
		for i, saved := range l.Saved {
			if !saved {
				l.Why = t.Space.Why(a.Add(uint64(i)))
				break
			}
		}
		out = append(out, l)
		if r.End.Sub(a) <= lineSize { // the end of address space is no place to go on from
			break
		}
	}
	return out
}

// hexWords explains the aligned words of a range.
func hexWords(ctx context.Context, t *target.Target, r memory.Range) ([]report.HexWord, error) {
	bits := t.File.Arch().Bits()
	for _, p := range t.PEBs {
		if p.Bits == 32 {
			bits = 32 // a WOW64 program's own words
		}
	}
	if bits == 0 {
		bits = 64
	}
	size := uint64(bits) / 8
	out := []report.HexWord{}
	for a := (r.Start + memory.Addr(size-1)) &^ memory.Addr(size-1); a < r.End && r.End.Sub(a) >= size; a = a.Add(size) {
		w := report.HexWord{Address: a}
		v, err := t.Space.Pointer(a, bits)
		if w.Saved = err == nil; w.Saved {
			w.Value = uint64(v)
			if v >= 0x10000 {
				x, err := locate.At(ctx, t, v)
				if err != nil {
					return nil, err
				}
				w.Symbol = x.Name
				if x.Where != "nothing" {
					w.Says = strings.TrimPrefix(x.Says, "in no heap: ")
				}
			}
		}
		out = append(out, w)
	}
	return out, nil
}
