package windbg

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/big"
)

// AddressRow is a row of the first four tables of !address -summary. Free
// marks a row that has no share of what is busy.
type AddressRow struct {
	Name    string
	Regions int
	Bytes   uint64
	Free    bool
}

// AddressLargest is a row of the last table.
type AddressLargest struct {
	Name        string
	Base, Bytes uint64
}

// AddressSummary is what !address -summary prints since 2010. Old has units as
// they were written until 2015 (kb, Mb); Bits is the debugger's, which splits
// numbers of 64 bits in two.
type AddressSummary struct {
	Bits                        int
	Old                         bool
	Total, FreeBytes            uint64
	Usage, Type, State, Protect []AddressRow
	Largest                     []AddressLargest
}

// WriteAddressSummary prints the five tables.
func WriteAddressSummary(w io.Writer, s AddressSummary) error {
	b := bufio.NewWriter(w)
	p := &printer{w: b}
	for _, t := range []struct {
		heading string
		rows    []AddressRow
	}{
		{"Usage Summary ----------------", s.Usage}, {"Type Summary (for busy) ------", s.Type},
		{"State Summary ----------------", s.State}, {"Protect Summary (for commit) -", s.Protect},
	} {
		p.line("")
		p.line("--- " + t.heading + " RgnCount ----------- Total Size -------- %ofBusy %ofTotal")
		for _, r := range t.rows {
			p.line(s.Row(r))
		}
	}
	p.line("")
	p.line("--- Largest Region by Usage ----------- Base Address -------- Region Size ----------")
	for _, l := range s.Largest {
		p.line(s.LargestRow(l))
	}
	return errors.Join(p.err, b.Flush())
}

// Row formats a row of the first four tables.
func (s AddressSummary) Row(r AddressRow) string {
	busy := ""
	if !r.Free {
		busy = share(r.Bytes, s.Total-s.FreeBytes)
	}
	return fmt.Sprintf("%-36s%7d %17s (%s) %7s %8s", r.Name, r.Regions, split(r.Bytes, s.Bits), scaled(r.Bytes, s.Old), busy, share(r.Bytes, s.Total))
}

// LargestRow formats a row of the last table.
func (s AddressSummary) LargestRow(l AddressLargest) string {
	return fmt.Sprintf("%-32s%20s %17s (%s)", l.Name, split(l.Base, s.Bits), split(l.Bytes, s.Bits), scaled(l.Bytes, s.Old))
}

// share is a part of a whole in percent with two decimals, halves rounded up.
func share(part, whole uint64) string {
	if whole == 0 {
		return "0.00%"
	}
	n := new(big.Int).Mul(new(big.Int).SetUint64(part), big.NewInt(20_000))
	d := new(big.Int).SetUint64(whole)
	n.Add(n, d).Div(n, d.Lsh(d, 1))
	c := n.Uint64()
	return fmt.Sprintf("%d.%02d%%", c/100, c%100)
}

// scaled is a size in the largest unit of which it is one at least, with three
// decimals. Published rows round halves up with the old units (15.8125 is
// 15.813) and to even with the new ones (21.3125 is 21.312).
func scaled(n uint64, old bool) string {
	units := [...]string{"kB", "MB", "GB", "TB"}
	if old {
		units = [...]string{"kb", "Mb", "Gb", "Tb"}
	}
	i := 0
	for i < len(units)-1 && n>>(10*(i+2)) > 0 {
		i++
	}
	one := uint64(1) << (10 * (i + 1))
	if !old {
		return fmt.Sprintf("%8.3f %s", float64(n)/float64(one), units[i])
	}
	whole, rest := n/one, n%one // one is 2^40 at most: rest*1000 fits
	milli := (rest*1000 + one/2) / one
	return fmt.Sprintf("%8s %s", fmt.Sprintf("%d.%03d", whole+milli/1000, milli%1000), units[i])
}

// split is a number in hex as a debugger of so many bits writes it.
func split(n uint64, bits int) string {
	if bits == 64 {
		return fmt.Sprintf("%x`%08x", n>>32, n&0xffffffff)
	}
	return fmt.Sprintf("%x", n)
}

// Address is the answer of !address ADDR. Numbers beside words are those of
// MEMORY_BASIC_INFORMATION.
type Address struct {
	Bits                             int
	Usage                            string
	Base, End                        uint64
	State, Protect, Type, AllocGuard uint32
	StateWord, ProtectWord, TypeWord string
	AllocationBase                   uint64
	AllocationWord                   string
	Info                             []string // lines of More info
	Free                             bool
	Saved                            bool   // the dump has the byte
	Length                           uint64 // bytes from the address to the region's end
}

// WriteAddress prints the answer.
func WriteAddress(w io.Writer, a Address) error {
	b := bufio.NewWriter(w)
	p := &printer{w: b}
	field := func(label, value string) { p.line(fmt.Sprintf("%-24s%s", label+":", value)) }
	flag := func(label string, n uint32, word string) { field(label, fmt.Sprintf("%08x          %s", n, word)) }
	p.line("")
	field("Usage", a.Usage)
	field("Base Address", ticked(a.Base, a.Bits))
	field("End Address", ticked(a.End, a.Bits))
	field("Region Size", fmt.Sprintf("%s (%s)", ticked(a.End-a.Base, a.Bits), scaled(a.End-a.Base, false)))
	flag("State", a.State, a.StateWord)
	if a.Free {
		flag("Protect", a.Protect, a.ProtectWord)
		field("Type", "<info not present at the target>")
	} else {
		if a.ProtectWord == "" {
			field("Protect", "<info not present at the target>")
		} else {
			flag("Protect", a.Protect, a.ProtectWord)
		}
		flag("Type", a.Type, a.TypeWord)
		field("Allocation Base", ticked(a.AllocationBase, a.Bits))
		flag("Allocation Protect", a.AllocGuard, a.AllocationWord)
	}
	for _, s := range a.Info {
		field("More info", s)
	}
	p.line("")
	p.line("")
	source := "0 (invalid)"
	if a.Saved {
		source = "1 (target)"
	}
	p.line(fmt.Sprintf("Content source: %s, length: %x", source, a.Length))
	return errors.Join(p.err, b.Flush())
}

// ticked is a pointer of full width, with a tick in the middle of 64 bits.
func ticked(n uint64, bits int) string {
	if bits == 64 {
		return fmt.Sprintf("%08x`%08x", n>>32, n&0xffffffff)
	}
	return fmt.Sprintf("%08x", n)
}
