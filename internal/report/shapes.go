package report

import (
	"context"

	"github.com/heapdump/heapdump/internal/analysis/attrib"
	"github.com/heapdump/heapdump/internal/analysis/census"
	"github.com/heapdump/heapdump/internal/analysis/check"
	"github.com/heapdump/heapdump/internal/analysis/crash"
	"github.com/heapdump/heapdump/internal/analysis/crt"
	"github.com/heapdump/heapdump/internal/analysis/delta"
	"github.com/heapdump/heapdump/internal/analysis/environ"
	"github.com/heapdump/heapdump/internal/analysis/handles"
	"github.com/heapdump/heapdump/internal/analysis/load"
	"github.com/heapdump/heapdump/internal/analysis/locate"
	"github.com/heapdump/heapdump/internal/analysis/modules"
	"github.com/heapdump/heapdump/internal/analysis/refs"
	"github.com/heapdump/heapdump/internal/analysis/roles"
	"github.com/heapdump/heapdump/internal/analysis/search"
	"github.com/heapdump/heapdump/internal/analysis/stacks"
	"github.com/heapdump/heapdump/internal/analysis/structure"
	"github.com/heapdump/heapdump/internal/analysis/threads"
	"github.com/heapdump/heapdump/internal/analysis/vmmap"
	"github.com/heapdump/heapdump/internal/finding"
	"github.com/heapdump/heapdump/internal/srum"
	"github.com/heapdump/heapdump/internal/symbols"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/ntheap"
	"github.com/heapdump/heapdump/pkg/pageheap"
	"github.com/heapdump/heapdump/pkg/stackdb"
	"github.com/heapdump/heapdump/pkg/structs"
)

// CommandShape is what a command's result can look like: documents as the
// command itself makes them, of a dump that holds nothing. Together they have
// every table and column; what all of them have, every result has.
type CommandShape struct {
	Command   string
	Documents []*Document
}

// emptyDump is a minidump without a stream.
var emptyDump = []byte("MDMP\x93\xa7\x00\x00\x00\x00\x00\x00\x20\x00\x00\x00" + "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00")

// Shapes returns the shapes of the commands that print a Document, in the
// order of help. The error is that of reading a dump that holds nothing, which
// is a fault of heapdump.
func Shapes() ([]CommandShape, error) {
	t, err := target.Parse("", emptyDump)
	if err != nil {
		return nil, err
	}
	reach, err := refs.Take(context.Background(), t, refs.Steps{})
	if err != nil {
		return nil, err
	}
	s := shaper{t, &roles.Result{}, &census.Heap{Target: &target.Heap{}}, reach}
	docs := func(d ...*Document) []*Document { return d }
	return finished([]CommandShape{
		{"info", docs(Info(t))},
		{"summary", docs(Summary(t, &census.Census{}, s.roles))},
		{"heaps", docs(Heaps(t, &census.Census{}, s.roles))},
		{"heap", s.heaps()},
		{"check", docs(Check(t, &check.Result{}))},
		{"leaks", s.leaks()},
		{"retained", s.retained()},
		{"why", s.why()},
		{"refs", docs(s.with(refsBlock(nil, nil, nil), refsIn(nil, &refs.Around{}, nil, 1), refsOut(nil, &refs.Around{}, nil, 1), coverage(t, nil)))},
		{"stat", docs(Stat(t, nil, StatOptions{}, false), Stat(t, nil, StatOptions{PerHeap: true}, false))},
		{"owners", docs(Owners(t, &attrib.Result{}, 0, false))},
		{"diff", docs(Diff(&delta.Result{Sides: []*delta.Side{{}, {}}, Total: change(2)}, 0, nil), Diff(&delta.Result{Sides: []*delta.Side{{}, {}, {}}, Total: change(3)}, 0, nil))},
		{"find", s.find()},
		{"search", docs(Search(t, &search.Result{}, nil))},
		{"address", docs(AddressSummary(t, vmmap.Summary{}), AddressList(t, &vmmap.Map{}, nil), AddressAt(t, &vmmap.Map{}, Explained{}))},
		{"handles", docs(Handles(t, &handles.Result{}), Handles(t, &handles.Result{Search: &handles.Search{}}))},
		{"ln", docs(Near(t, 0, symbols.Near{}))},
		{"modules", s.modules()},
		{"context", docs(Context(t, &srum.DB{}, &load.Result{}))},
		{"dt", docs(StructureTypes(t, &structs.Set{}), Structure(t, &structure.Result{Query: structure.Query{Set: &structs.Set{}, Structure: &structs.Structure{}}}))},
		{"hex", docs(HexBytes(t, nil, nil), HexBytes(t, nil, []HexWord{}))},
		{"threads", docs(Threads(t, &threads.Result{}), Threads(t, &threads.Result{}).WithStacks(nil))},
		{"stack", docs(Stacks(t, nil, 0))},
		{"exception", s.exception()},
		{"peb", docs(PEBs(t, &environ.Result{}))},
		{"teb", docs(TEBs(t, nil))},
		{"triage", docs(NewTriage([]Triaged{{Findings: []finding.Finding{{Rule: finding.NoCrash}}}}).Document())},
		{"baseline show", docs(Baseline(nil, nil))},
		{"config", docs(Config("", nil))},
		{"windbg", docs(Equivalents(nil))},
		{"version", docs(Version(Build{}))},
	}), nil
}

// finished gives each result what every one has, and adds to each command its
// result with the table of what --budget left out.
func finished(all []CommandShape) []CommandShape {
	for i := range all {
		for _, d := range all[i].Documents {
			d.Finish(nil, nil)
			short := *d
			short.Tables = append(d.Tables[:len(d.Tables):len(d.Tables)], cutTable(nil))
			all[i].Documents = append(all[i].Documents, &short)
		}
	}
	return all
}

// shaper makes shapes of results that need more than their zero value.
type shaper struct {
	t     *target.Target
	roles *roles.Result
	heap  *census.Heap
	reach *refs.Reach
}

// with is a document that begins with the dump, as programs read it.
func (s shaper) with(tables ...Table) *Document {
	doc := &Document{}
	doc.add(header(Describe(s.t))[0])
	doc.add(tables...)
	return doc
}

// heaps are a heap of which nothing is known, an NT heap without and with its
// front end, and a page heap.
func (s shaper) heaps() []*Document {
	page := *s.heap
	page.Target = &target.Heap{Page: &pageheap.Heap{}}
	nt := func() *Document {
		d := s.with(heapRecord(s.heap, s.roles, &ntheap.Heap{}), states(s.heap), coverage(s.t, nil))
		d.add(ntTables(&ntheap.Heap{}, nil, nil)...)
		d.add(problems(nil, 0)...)
		return d
	}
	out := []*Document{Heap(s.t, s.heap, s.roles, nil), nt(), nt(), Heap(s.t, &page, s.roles, nil)}
	out[2].LFH(census.FrontEnd{}, 0)
	for _, d := range out {
		d.Creation(nil, nil, nil)
	}
	return out
}

func (s shaper) leaks() []*Document {
	l := &refs.Leaks{}
	return []*Document{Leaks(s.t, s.reach, l, nil, LeakOptions{}), Leaks(s.t, s.reach, l, nil, LeakOptions{Blocks: true})}
}

func (s shaper) retained() []*Document {
	d := &refs.Dominators{Reach: s.reach}
	return []*Document{Retained(s.t, d, nil, false), Retained(s.t, d, nil, true), RetainedByType(s.t, d, nil, 0)}
}

// why is a block that no root leads to, one with a path, and one with several.
func (s shaper) why() []*Document {
	block, cov := whyBlock(refsBlock(nil, nil, nil), nil, nil, nil), coverage(s.t, nil)
	way := &refs.Way{Root: refs.Variable{Area: &refs.Area{}}}
	return []*Document{s.with(block, cov), s.with(block, hops(way, nil, 1), cov), s.with(block, hops(way, nil, 1), allPaths(nil, nil), cov)}
}

// find is an address where nothing is, and one where everything is.
func (s shaper) find() []*Document {
	all := locate.Found{CRT: &crt.Block{}, Node: &pageheap.Node{}, Light: &pageheap.Info{}, Trace: &stackdb.Trace{}, Section: &stacks.Section{}, InRegion: true}
	return []*Document{Find(s.t, locate.Found{}, s.roles), Find(s.t, all, s.roles)}
}

func (s shaper) modules() []*Document {
	listed := Modules(s.t, &modules.Result{}, nil, true)
	AddSymbolFiles(listed, nil, nil)
	return []*Document{Modules(s.t, &modules.Result{}, nil, false), listed}
}

// exception is a dump without one, one whose instruction is not there, and one
// with all.
func (s shaper) exception() []*Document {
	all := &crash.Result{Has: true, Code: &crash.Instruction{}, Detected: &check.Detected{}}
	return []*Document{Exception(s.t, &crash.Result{}).WithStacks(nil), Exception(s.t, &crash.Result{Has: true}).WithStacks(nil), Exception(s.t, all).WithStacks(nil)}
}

// change is a change over so many sides.
func change(sides int) delta.Change { return delta.Change{Steps: make([]delta.Amount, sides)} }
