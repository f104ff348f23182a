// Package pprofout writes profiles: who owns the blocks in use, for go tool
// pprof, speedscope and flame graphs. Stacks do not fit a table, so this is no
// renderer of documents.
package pprofout

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"

	"github.com/google/pprof/profile"

	"github.com/heapdump/heapdump/internal/analysis/attrib"
	"github.com/heapdump/heapdump/internal/analysis/stacks"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/memory"
)

// By is what a profile needs blocks to be grouped by.
var By = []attrib.By{attrib.Stack, attrib.Heap, attrib.Origin, attrib.Class, attrib.Type}

// Sample is blocks of one stack, or of one heap, origin, size class and type.
type Sample struct {
	Keys   []attrib.Key // by By
	Values []int64      // one for each Value
}

// Value is what a profile counts.
type Value struct{ Type, Unit string }

// The values of profiles.
var (
	InUse    = []Value{{"inuse_objects", "count"}, {"inuse_space", "bytes"}}
	Leaked   = []Value{{"leaked_objects", "count"}, {"leaked_space", "bytes"}}
	Retained = []Value{{"retained_space", "bytes"}}
)

// Samples makes samples of groups, with what is in use.
func Samples(groups []attrib.Group) []Sample {
	out := make([]Sample, len(groups))
	for i, g := range groups {
		out[i] = Sample{Keys: g.Keys, Values: []int64{int64(g.Blocks), int64(g.Bytes)}}
	}
	return out
}

// frame is one frame of a sample.
type frame struct {
	name string
	real stacks.Frame // Addr is 0 when it is synthetic
}

// frames are the frames of a sample, innermost first: the stack that Windows
// recorded, or, where there is none, what is known of the blocks.
func (s *Sample) frames() []frame {
	var out []frame
	if st := s.Keys[0].Stack; len(st) > 0 {
		for _, f := range st {
			out = append(out, frame{stacks.FrameName(f), f})
		}
		return out
	}
	for i := len(s.Keys) - 1; i > 0; i-- {
		out = append(out, frame{name: s.Keys[i].Text})
	}
	return out
}

// Write writes a gzip-compressed profile.proto. The sample type that is shown
// first is the last of values.
func Write(w io.Writer, t *target.Target, samples []Sample, values []Value) error {
	b := builder{t: t, functions: map[string]*profile.Function{}, locations: map[string]*profile.Location{}}
	for _, v := range values {
		b.p.SampleType = append(b.p.SampleType, &profile.ValueType{Type: v.Type, Unit: v.Unit})
	}
	b.p.DefaultSampleType = "inuse_space"
	if at := t.File.Time(); at.Unix() > 0 {
		b.p.TimeNanos = at.UnixNano()
	}
	b.mappings()
	for i := range samples {
		b.sample(&samples[i])
	}
	if err := b.p.CheckValid(); err != nil {
		return fmt.Errorf("the profile is not valid: %w", err)
	}
	return b.p.Write(w)
}

// builder makes a profile: functions and locations stand once in it.
type builder struct {
	t         *target.Target
	p         profile.Profile
	modules   []target.Module
	functions map[string]*profile.Function
	locations map[string]*profile.Location
}

// mappings are the modules, by address. A module that overlaps the one before
// it (a WOW64 program stands twice in the list) is left out.
func (b *builder) mappings() {
	b.modules = b.t.Modules()
	slices.SortStableFunc(b.modules, func(x, y target.Module) int {
		switch {
		case x.Start < y.Start:
			return -1
		case x.Start > y.Start:
			return 1
		}
		return 0
	})
	end := memory.Addr(0)
	for _, m := range b.modules {
		if m.Empty() || m.Start < end {
			continue
		}
		end = m.End
		b.p.Mapping = append(b.p.Mapping, &profile.Mapping{ID: uint64(len(b.p.Mapping) + 1), Start: uint64(m.Start), Limit: uint64(m.End),
			File: strings.Map(shown, m.Name), BuildID: m.CodeView.ID(), HasFunctions: true})
	}
}

// mapping returns the module that has an address; nil when none has.
func (b *builder) mapping(a memory.Addr) *profile.Mapping {
	for _, m := range b.p.Mapping {
		if m.Start <= uint64(a) && uint64(a) < m.Limit {
			return m
		}
	}
	return nil
}

func (b *builder) sample(s *Sample) {
	x := &profile.Sample{Value: s.Values, Label: map[string][]string{}}
	for _, f := range s.frames() {
		x.Location = append(x.Location, b.location(f))
	}
	for i, k := range s.Keys {
		if i > 0 && k.Known {
			x.Label[By[i].String()] = []string{strings.Map(shown, k.Text)}
		}
	}
	b.p.Sample = append(b.p.Sample, x)
}

// location returns the location of a frame.
func (b *builder) location(f frame) *profile.Location {
	key := fmt.Sprintf("%x %s", uint64(f.real.Addr), f.name)
	l := b.locations[key]
	if l == nil {
		l = &profile.Location{ID: uint64(len(b.p.Location) + 1), Address: uint64(f.real.Addr), Line: []profile.Line{{Function: b.function(strings.Map(shown, f.name))}}}
		if f.real.Addr != 0 {
			l.Mapping = b.mapping(f.real.Addr)
		}
		b.locations[key] = l
		b.p.Location = append(b.p.Location, l)
	}
	return l
}

// function returns the function of a name: without the offset in it, so that
// calls from two places in one are one node.
func (b *builder) function(name string) *profile.Function {
	if i := strings.LastIndex(name, "+0x"); i > 0 && strings.Contains(name[:i], "!") {
		name = name[:i]
	}
	f := b.functions[name]
	if f == nil {
		f = &profile.Function{ID: uint64(len(b.p.Function) + 1), Name: name, SystemName: name}
		b.functions[name] = f
		b.p.Function = append(b.p.Function, f)
	}
	return f
}

// Fold writes folded stacks: a line a stack, outermost frame first, and the
// value with that index.
func Fold(w io.Writer, samples []Sample, value int) error {
	sums := map[string]int64{}
	for i := range samples {
		var names []string
		for _, f := range slices.Backward(samples[i].frames()) {
			names = append(names, strings.Map(foldable, f.name))
		}
		sums[strings.Join(names, ";")] += samples[i].Values[value]
	}
	lines := make([]string, 0, len(sums))
	for s := range sums {
		lines = append(lines, s)
	}
	slices.Sort(lines)
	out := bufio.NewWriter(w)
	for _, s := range lines {
		if sums[s] > 0 {
			fmt.Fprintf(out, "%s %d\n", s, sums[s])
		}
	}
	return out.Flush()
}

// foldable replaces what would end a frame or a line, and what shown does.
func foldable(r rune) rune {
	if r == ';' {
		return ':'
	}
	return shown(r)
}

// shown replaces what a terminal would take for more than text: tools print
// the names of a profile as they are.
func shown(r rune) rune {
	if unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co) { // Cf: what turns or hides text
		return '?'
	}
	return r
}
