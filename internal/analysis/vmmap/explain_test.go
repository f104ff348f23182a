package vmmap_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/heapdump/heapdump/internal/analysis/vmmap"
	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/memory"
	windows "github.com/heapdump/heapdump/pkg/process"
)

// explained asks for an address and holds the answer against the dump's list
// of regions: a piece where the list has one, of the usage that its owner has,
// with an owner wherever the usage names one, and with what says so.
func explained(t testing.TB, tg *target.Target, m *vmmap.Map, a memory.Addr) {
	t.Helper()
	r, listed := tg.Space.Region(a)
	p, ok := m.At(a)
	if ok != listed {
		t.Errorf("%v: described %v, listed %v", a, ok, listed)
		return
	}
	if !ok {
		if !m.Partial && len(m.Owners(a)) == 0 && m.Beyond(a) == "" && a > 0xffff && tg.Space.Regions()[0].Start <= a && a < tg.Space.Regions()[len(tg.Space.Regions())-1].End {
			t.Errorf("%v: the dump lists the address space, and nothing says what it is", a)
		}
		for _, o := range m.Owners(a) {
			if !o.Contains(a) || o.Evidence == "" || o.Kind == "" {
				t.Errorf("%v: the dump describes nothing there, and %+v has it", a, o)
			}
		}
		return
	}
	switch {
	case p.State != r.State || p.Type != r.Type || p.Protect != r.Protect || p.AllocationBase != r.AllocationBase || !p.Contains(a):
		t.Errorf("%v: %+v of %+v", a, p.Region, r)
	case (p.Usage == vmmap.Free) != (p.State == memory.MemFree):
		t.Errorf("%v: %v in state %v", a, p.Usage, p.State)
	case p.Owner == nil:
		if p.Usage != vmmap.Free && p.Usage != vmmap.Unknown && p.Usage != vmmap.MappedFile {
			t.Errorf("%v: %v of nobody", a, p.Usage)
		}
	case p.Owner.Usage != p.Usage || p.Owner.Evidence == "" || p.Owner.Kind == "" || !p.Owner.Overlaps(p.Range):
		t.Errorf("%v: %v, owner %+v", a, p.Usage, p.Owner)
	case p.Usage == vmmap.Heap && p.Owner.Heap == 0, p.Usage == vmmap.Stack && !p.Owner.HasThread, p.Usage == vmmap.TEB && !p.Owner.HasThread,
		p.Usage == vmmap.Image && p.Owner.Name == "" && p.Owner.Kind == "module":
		t.Errorf("%v: %v of whom? %+v", a, p.Usage, p.Owner)
	case (p.Part() != "") != (p.Usage == vmmap.Stack):
		t.Errorf("%v: %v, part %q", a, p.Usage, p.Part())
	}
}

// places are the ends of everything that a dump has, and what is beside them.
func places(tg *target.Target) []memory.Addr {
	var out []memory.Addr
	add := func(r memory.Range) {
		if !r.Empty() {
			out = append(out, r.Start, r.Start-1, r.Start.Add(r.Size()/2), r.End-1, r.End)
		}
	}
	for _, r := range tg.Space.Regions() {
		add(r.Range)
	}
	for _, m := range tg.File.Modules(nil) {
		add(m.Range)
	}
	for _, h := range tg.Heaps {
		if h.NT != nil {
			for _, s := range h.NT.Segments {
				add(s.Range)
			}
			for _, v := range h.NT.Virtuals {
				add(v.Node.Span(v.ReserveSize))
			}
		}
		if h.Page != nil {
			for _, r := range h.Page.Ranges {
				add(r)
			}
		}
		out = append(out, h.Address)
	}
	for _, p := range tg.PEBs {
		add(p.Address.Span(memory.PageSize))
	}
	src := windows.Source{Space: tg.Space, Bits: tg.File.Arch().Bits()}
	for _, th := range tg.File.Threads(nil) {
		src.Threads = append(src.Threads, windows.Thread{ID: th.ID, TEB: th.TEB})
		add(th.Stack.Range)
	}
	for _, teb := range windows.TEBs(src) {
		add(teb.Address.Span(teb.Size()))
		out = append(out, teb.StackBase, teb.StackBase-1, teb.StackLimit, teb.StackLimit-1, teb.DeallocationStack)
	}
	return append(out, 0, 1, 0xffff, 0x7ffe0000, 0x7fffffff, 1<<32, 0x7fffffffffff, 1<<48, ^memory.Addr(0))
}

// TestEveryAddress: thousands of addresses of every dump in ../shared/dumps,
// the ends of all that it lists and as many anywhere, have an answer that
// contradicts nothing.
func TestEveryAddress(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join("..", "..", "..", "..", "shared", "dumps", "*.dmp.zst"))
	if len(files) == 0 {
		t.Skip("no dumps in ../shared/dumps beside the repository")
	}
	for _, file := range files {
		if st, err := os.Stat(file); err != nil || testing.Short() && st.Size() > 1<<20 {
			continue
		}
		tg, err := target.Open(file, target.Options{})
		if err != nil {
			continue // those that are no Windows dumps, to be refused
		}
		t.Run(filepath.Base(file), func(t *testing.T) {
			m := vmmap.Take(tg)
			sums(t, vmmap.Sum(m.Pieces))
			rng := rand.New(rand.NewPCG(11, 4))
			for _, a := range places(tg) {
				explained(t, tg, m, a)
			}
			for range 2000 {
				if len(m.Pieces) == 0 {
					break
				}
				p := m.Pieces[rng.IntN(len(m.Pieces))]
				explained(t, tg, m, p.Start.Add(rng.Uint64N(p.Size())))
				explained(t, tg, m, memory.Addr(rng.Uint64()>>(16+rng.UintN(40))))
			}
			known(t, tg, m)
		})
		if err := tg.Close(); err != nil {
			t.Error(err)
		}
	}
}

// known checks the addresses whose usage the dump's own lists give: what is
// not of that usage is another's that debuggers name first.
func known(t *testing.T, tg *target.Target, m *vmmap.Map) {
	want := func(a memory.Addr, u vmmap.Usage) {
		if p, ok := m.At(a); ok && p.State != memory.MemFree && p.Usage > u {
			t.Errorf("%v: %v, want %v", a, p.Usage, u)
		}
	}
	for _, x := range tg.PEBs {
		want(x.Address, vmmap.PEB)
	}
	for _, h := range tg.Heaps {
		if h.NT == nil || h.Foreign {
			continue
		}
		for _, s := range h.NT.Segments {
			want(s.Start, vmmap.Heap)
			want(s.End-1, vmmap.Heap)
		}
	}
	for _, mod := range tg.File.Modules(nil) {
		if r, ok := tg.Space.Region(mod.Start); ok && r.Type != memory.MemPrivate && r.Type != memory.MemMapped {
			want(mod.Start, vmmap.Image)
		}
	}
}

// TestGuard: a stack's guard page is told apart from what is reserved below it
// and committed above, and a guard page elsewhere is no part of a stack.
func TestGuard(t *testing.T) {
	for _, a := range []synth.Arch{synth.X86, synth.X64} {
		p := process(synth.Win10v1809, a)
		guard := p.StackBase - 0x5000
		p.Prepare = func(b *synth.Built) {
			b.Image.Commit(p.StackBase-0x4000, 0x2000, synth.PageReadWrite)
			b.Image.Commit(guard, 0x1000, synth.PageReadWrite|0x100)
			b.Image.Reserve(place, 0x1000, synth.MemPrivate, synth.PageReadWrite)
			b.Image.Commit(place, 0x1000, synth.PageReadWrite|0x100)
		}
		m := vmmap.Take(open(t, p.Build().Dump))
		for at, want := range map[uint64]string{guard: "guard", guard + 0xfff: "guard", guard - 1: "reserved", guard + 0x1000: "committed", p.StackBase - 1: "committed", place: ""} {
			if got, ok := m.At(memory.Addr(at)); !ok || got.Part() != want {
				t.Errorf("%v, %#x: %q, want %q", a, at, got.Part(), want)
			}
		}
	}
}

// TestGuardsOfAFullDump: of the WOW64 dump every guard page lies in a stack,
// one in each of the two threads' two stacks, 40,960 bytes in all.
func TestGuardsOfAFullDump(t *testing.T) {
	tg, err := target.Open(filepath.Join("..", "..", "..", "..", "shared", "dumps", "real-win10-11082-wow64-full.dmp.zst"), target.Options{})
	if err != nil {
		t.Skip("no dump real-win10-11082-wow64-full in ../shared/dumps beside the repository: ", err)
	}
	defer tg.Close()
	n, bytes := 0, uint64(0)
	for _, p := range vmmap.Take(tg).Pieces {
		if p.Part() == "guard" {
			n, bytes = n+1, bytes+p.Size()
		}
	}
	if fmt.Sprint(n, bytes) != "4 40960" {
		t.Errorf("%d guard pages, %d bytes", n, bytes)
	}
}
