// Package attrib says whose the blocks in use are: by the stack of their
// allocation, the source line that a debug C runtime noted, what they hold,
// their size or heap. Every claim carries the evidence for it and how sure it
// is; a block that nothing is known of is in a group that says so.
package attrib

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/heapdump/heapdump/internal/analysis/content"
	"github.com/heapdump/heapdump/internal/analysis/crt"
	"github.com/heapdump/heapdump/internal/analysis/refs"
	"github.com/heapdump/heapdump/internal/analysis/stacks"
	"github.com/heapdump/heapdump/internal/analysis/sweep"
	"github.com/heapdump/heapdump/internal/symbols"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
)

// By is what blocks are grouped by.
type By uint8

// What blocks can be grouped by.
const (
	Stack   By = iota // the whole stack of the allocation
	Site              // file and line of a debug C runtime's header
	Type              // what a block is: its class, its content
	Module            // the module that allocated it, by its stack, else that of its class, else that whose data leads to it
	Heap              // the heap it is in
	Size              // the bytes that were asked for
	Content           // what its bytes are, symbols left aside
	Origin            // who handed it out: back end, LFH, …
	Class             // its size, up to the next power of two
	Part              // the part of the heap: segment, bucket of the low-fragmentation heap, large blocks
	bys
)

// String returns the word for flags: stack, site, type, module, heap, size,
// content, origin, class, part.
func (b By) String() string {
	return [...]string{"stack", "site", "type", "module", "heap", "size", "content", "origin", "class", "part"}[b]
}

// MaxBy is how many criteria groups can be nested by.
const MaxBy = 5

// ParseBy reads a list of criteria.
func ParseBy(words []string) ([]By, error) {
	var out []By
	for _, w := range words {
		i := slices.IndexFunc(Names(), func(n string) bool { return n == strings.ToLower(strings.TrimSpace(w)) })
		if i < 0 {
			return nil, fmt.Errorf("cannot group by %q; there are %s", w, strings.Join(Names(), ", "))
		}
		if slices.Contains(out, By(i)) {
			return nil, fmt.Errorf("%q stands twice", w)
		}
		out = append(out, By(i))
	}
	if len(out) > MaxBy {
		return nil, fmt.Errorf("%d criteria; groups can be nested %d deep", len(out), MaxBy)
	}
	return out, nil
}

// Names are the words for all criteria.
func Names() []string {
	var out []string
	for b := range bys {
		out = append(out, b.String())
	}
	return out
}

// Key is what the blocks of a group have in common, by one criterion.
type Key struct {
	By         By
	Text       string // in words; "(no stack recorded)" where nothing is known
	Known      bool   // something is known
	Evidence   string // what it rests on, in words
	Confidence content.Confidence
	Stack      []stacks.Frame // of Stack
	Kind       content.Kind   // of Type and Content, when the bytes say it
	Means      Means          // of Type: what the claim rests on
	Part       HeapPart       // of Part
	// Same is the same text for the same key in another run of the program:
	// it holds no addresses but offsets in modules.
	Same string
}

// Group is blocks with the same keys.
type Group struct {
	Keys    []Key // one for each criterion
	Blocks  int
	Bytes   uint64       // that were asked for
	Example memory.Addr  // user pointer of the first of them by address
	In      *target.Heap // the heap of the example
	// ExampleData is where the program's bytes of the example begin: behind a
	// debug C runtime's header, or Example.
	ExampleData memory.Addr
}

// Fingerprint is the same for the same keys in another run of the program, and
// hardly ever for others: 16 hexadecimal digits.
func (g *Group) Fingerprint() string {
	h := sha256.New()
	for _, k := range g.Keys {
		fmt.Fprintf(h, "%s\x00%s\x00", k.By, k.Same)
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// Confidence is that of the weakest key.
func (g *Group) Confidence() content.Confidence {
	c := content.High
	for _, k := range g.Keys {
		c = min(c, k.Confidence)
	}
	return c
}

// Result is who owns the blocks that were picked.
type Result struct {
	By     []By
	Groups []Group // by bytes, the most first
	Blocks int
	Bytes  uint64   // of all groups
	Known  uint64   // bytes in groups of which every key is known
	Lost   uint64   // bytes of which no block could be made
	Notes  []string // what could not be had
	// Assigned has the group of each block, in no order; only with
	// Options.Assign.
	Assigned []Assigned
}

// Assigned says in which group a block is.
type Assigned struct {
	User  memory.Addr
	Group int // index into Result.Groups
}

// Options say how blocks are grouped.
type Options struct {
	By   []By
	Keep func(*heap.Block) bool // nil keeps all; only blocks in use are asked for
	Skip []string               // modules beyond the usual ones whose frames name no owner
	Tick func(done, total uint64)
	// CRT says that blocks of a debug C runtime are looked for.
	CRT bool
	// HeapName names a heap alike in another run of the program; nil takes its
	// place in the list.
	HeapName func(*target.Heap) string
	Assign   bool // Result.Assigned is wanted: 16 bytes a block
}

// Take groups the blocks in use of heaps. The result does not depend on the
// order of the walks. The error is the context's.
func Take(ctx context.Context, t *target.Target, heaps []*target.Heap, o Options) (*Result, error) {
	shared, err := newShared(ctx, t, heaps, o)
	if err != nil {
		return nil, err
	}
	states, err := sweep.Blocks(ctx, heaps, o.Tick, func() *worker { return newWorker(shared) }, (*worker).block)
	if err != nil {
		return nil, err
	}
	return merge(shared, states), nil
}

// shared is what the workers of one run have in common.
type shared struct {
	t        *target.Target
	o        Options
	types    *symbols.Types
	index    *refs.Index           // of all blocks in use; nil when neither type nor module is asked for
	reach    *refs.ModuleReach     // nil when no module is asked for
	named    map[memory.Addr]place // blocks that the process's structures name
	lesser   map[memory.Addr]place // the same of which their bytes may say more
	hashed   *hashed
	handles  map[uint64]string // of a thread pool's two types, by handle
	captures map[*target.Heap]bool
	skip     stacks.Skips
}

// id names a key among those of one criterion, the same for all workers.
type id uint64

// group is the key of a group: unused places are 0.
type group [MaxBy]id

// sum is what a worker knows of a group.
type sum struct {
	blocks  int
	bytes   uint64
	example memory.Addr
	data    memory.Addr // where its bytes begin
	in      *target.Heap
	index   int // of the group in the result, once it is known
}

// member is a block and its group.
type member struct {
	user memory.Addr
	of   *sum
}

// first makes a block the example when it lies before that so far.
func (s *sum) first(user, data memory.Addr, in *target.Heap) {
	if s.in == nil || user < s.example {
		s.example, s.data, s.in = user, data, in
	}
}

// worker groups the blocks that one walker meets.
type worker struct {
	*shared
	stacks  *stacks.Stacks
	crt     *crt.Reader
	groups  map[group]*sum
	keys    [bys]map[id]Key
	lost    uint64
	member  []member
	window  memory.Window   // on the blocks' bytes
	classes [256]knownClass // of the tables that were met last, by their addresses
}

func newWorker(s *shared) *worker {
	w := &worker{shared: s, groups: map[group]*sum{}, window: memory.NewWindow(s.t.Space)}
	w.stacks = stacks.New(s.t)
	if s.o.CRT {
		w.crt = crt.New(s.t)
	}
	for _, by := range s.o.By {
		w.keys[by] = map[id]Key{}
	}
	return w
}

// block puts a block into its group.
func (w *worker) block(h *target.Heap, b *heap.Block) {
	if b.State == heap.Lost {
		w.lost += b.Size
	}
	if b.State != heap.Busy || w.o.Keep != nil && !w.o.Keep(b) {
		return
	}
	x := subject{heap: h, block: b}
	var g group
	for i, by := range w.o.By {
		g[i] = w.key(by, &x)
	}
	s := w.groups[g]
	if s == nil {
		s = new(sum)
		w.groups[g] = s
	}
	s.blocks++
	s.bytes += b.UserBytes()
	data := b.User()
	if x.didBytes {
		data = x.user
	}
	s.first(b.User(), data, h)
	if w.o.Assign {
		w.member = append(w.member, member{b.User(), s})
	}
}

// merge adds up what the workers found.
func merge(s *shared, workers []*worker) *Result {
	r := &Result{By: s.o.By}
	all := map[group]*sum{}
	var keys [bys]map[id]Key
	var looked []*stacks.Stacks
	for _, w := range workers {
		r.Lost += w.lost
		for by := range keys {
			keys[by] = join(keys[by], w.keys[by])
		}
		for g, x := range w.groups {
			sum := all[g]
			if sum == nil {
				copied := *x
				all[g] = &copied
				continue
			}
			sum.blocks += x.blocks
			sum.bytes += x.bytes
			sum.first(x.example, x.data, x.in)
		}
		looked = append(looked, w.stacks)
	}
	places := r.fill(all, keys)
	if s.o.Assign {
		r.assign(workers, places)
	}
	r.Notes = stacks.Notes(looked...)
	return r
}

// fill makes the groups, in order, and returns where each is.
func (r *Result) fill(all map[group]*sum, keys [bys]map[id]Key) map[group]int {
	type placed struct {
		Group
		key group
	}
	var list []placed
	for g, x := range all {
		out := Group{Blocks: x.blocks, Bytes: x.bytes, Example: x.example, ExampleData: x.data, In: x.in}
		known := true
		for i, by := range r.By {
			k := keys[by][g[i]]
			known = known && k.Known
			out.Keys = append(out.Keys, k)
		}
		list = append(list, placed{out, g})
		r.Blocks += x.blocks
		r.Bytes += x.bytes
		if known {
			r.Known += x.bytes
		}
	}
	slices.SortFunc(list, func(a, b placed) int { return order(a.Group, b.Group) })
	places := make(map[group]int, len(list))
	for i, x := range list {
		r.Groups = append(r.Groups, x.Group)
		places[x.key] = i
	}
	return places
}

// assign fills in the group of each block.
func (r *Result) assign(workers []*worker, places map[group]int) {
	for _, w := range workers {
		for g, s := range w.groups {
			s.index = places[g]
		}
		for _, m := range w.member {
			r.Assigned = append(r.Assigned, Assigned{m.user, m.of.index})
		}
	}
}

// order is that of groups: the most bytes first.
func order(a, b Group) int {
	return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(b.Blocks, a.Blocks), cmp.Compare(a.Example, b.Example))
}

func join(to, from map[id]Key) map[id]Key {
	if to == nil {
		return from
	}
	for k, v := range from {
		to[k] = v
	}
	return to
}
