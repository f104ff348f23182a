package vmmap_test

import (
	"slices"
	"testing"

	"github.com/heapdump/heapdump/internal/analysis/vmmap"
	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/pkg/memory"
)

// TestThreadPools: a pool on its own page, known by the handles in it and by
// its closed lists, and beside it what lacks one of these.
func TestThreadPools(t *testing.T) {
	const object = place + 0x400
	for _, a := range []synth.Arch{synth.X86, synth.X64} {
		w, first := uint64(4), uint64(0x24)
		if a == synth.X64 {
			w, first = 8, 0x38
		}
		at := uint64(place + 0x100)
		lists, workers := at+first+3*w, at+first+5*w
		for _, x := range []struct {
			name  string
			types [2]string
			do    func(m *synth.Image)
			kind  string
			has   bool // the object of the pool is known
		}{
			{"a pool", [2]string{"TpWorkerFactory", "IoCompletion"}, nil, "thread pool (_TP_POOL)", true},
			{"other handles", [2]string{"Event", "IoCompletion"}, nil, "", false},
			{"no completion port", [2]string{"TpWorkerFactory", "Event"}, nil, "", false},
			{"an open list of workers", [2]string{"TpWorkerFactory", "IoCompletion"}, func(m *synth.Image) { m.PutPtr(workers, place) }, "", false},
			{"an open list of objects", [2]string{"TpWorkerFactory", "IoCompletion"}, func(m *synth.Image) { m.PutPtr(object+w+w, place) }, "", false},
			{"another's object", [2]string{"TpWorkerFactory", "IoCompletion"}, func(m *synth.Image) { m.PutPtr(object, at+w) }, "thread pool (_TP_POOL)", false},
			{"no pointer to it", [2]string{"TpWorkerFactory", "IoCompletion"}, func(m *synth.Image) { m.PutPtr(0, 0) }, "", false},
		} {
			p := process(synth.Win10v1809, a)
			p.Prepare = func(b *synth.Built) {
				m := b.Image
				m.Reserve(place, 0x1000, synth.MemPrivate, synth.PageReadWrite)
				m.Commit(place, 0x1000, synth.PageReadWrite)
				m.PutPtr(at+first, 0x1c)
				m.PutPtr(at+first+w, 0x20)
				for _, head := range []uint64{workers, lists} {
					m.PutPtr(head, head)
					m.PutPtr(head+w, head)
				}
				m.PutPtr(object, at)
				m.PutPtr(at+22*w, 0x24) // a timer and its packet, and two that are not beside each other
				m.PutPtr(at+23*w, 0x28)
				m.PutPtr(at+30*w, 0x24)
				m.PutPtr(at+32*w, 0x28)
				for i, v := range []uint64{object + w, object + w} { // the one object: the head and it point at each other
					m.PutPtr(lists+uint64(i)*w, v)
					m.PutPtr(object+w+uint64(i)*w, lists)
				}
				if x.name != "no pointer to it" {
					m.PutPtr(p.StackBase-0x40, at)
					if x.do != nil {
						x.do(m)
					}
				}
			}
			d := p.Build().Dump
			d.Handles = &synth.HandleData{Handles: []synth.Handle{{Handle: 0x1c, TypeName: x.types[0]}, {Handle: 0x20, TypeName: x.types[1]},
				{Handle: 0x24, TypeName: "IRTimer"}, {Handle: 0x28, TypeName: "WaitCompletionPacket"}}}
			tg := open(t, d)
			m := vmmap.Take(tg)
			laws(t, tg, m)
			check := func(at uint64, want string) {
				got := ""
				for _, o := range m.Owners(memory.Addr(at)) {
					if !o.Contains(memory.Addr(at)) {
						continue // its page is beside
					}
					if o.Evidence == "" {
						t.Errorf("%s: no evidence", o.Kind)
					}
					got = o.Kind
				}
				if got != want {
					t.Errorf("%v, %s: %q at %#x, want %q", a, x.name, got, at, want)
				}
			}
			if n := len(m.Pools); n != min(len(x.kind), 1) || n == 1 && (m.Pools[0].Factory != 0x1c || m.Pools[0].Port != 0x20 || !slices.Equal(m.Pools[0].Timers, []uint64{0x24, 0x28})) {
				t.Errorf("%v, %s: %+v", a, x.name, m.Pools)
			}
			check(at+first, x.kind)
			check(at-1, "")
			check(workers+2*w, "")
			if x.has {
				check(object, "object of a thread pool")
			} else if x.kind != "" {
				check(object, "")
			}
		}
	}
}

// TestTraceDatabase: a trace database with a segment of its own, and what only
// has the marks.
func TestTraceDatabase(t *testing.T) {
	const db, seg = place, 0x5100000
	const whole, part = "trace database of page heap or verifier", "traces of page heap or verifier"
	for _, a := range []synth.Arch{synth.X86, synth.X64} {
		w, list := uint64(4), uint64(12)
		if a == synth.X64 {
			w, list = 8, 16
		}
		for _, x := range []struct {
			name     string
			typ      uint32
			do       func(m *synth.Image)
			at       uint64
			u        vmmap.Usage
			kind     string
			in2      string // the segment's
			segments vmmap.Usage
		}{
			{"both", synth.MemPrivate, func(*synth.Image) {}, db, vmmap.Other, whole, part, vmmap.Other},
			{"a segment that names another", synth.MemPrivate, func(m *synth.Image) { m.PutPtr(seg+w, db+8) }, db, vmmap.Unknown, "", "", vmmap.Unknown},
			{"a segment of another mark", synth.MemPrivate, func(m *synth.Image) { m.PutU32(seg, 0xabcdaaaa) }, db, vmmap.Unknown, "", "", vmmap.Unknown},
			{"a segment beyond its allocation", synth.MemPrivate, func(m *synth.Image) { m.PutPtr(seg+5*w, seg+0x9000) }, db, vmmap.Unknown, "", "", vmmap.Unknown},
			{"free before the start", synth.MemPrivate, func(m *synth.Image) { m.PutPtr(seg+6*w, seg) }, db, vmmap.Unknown, "", "", vmmap.Unknown},
			{"a database of another mark", synth.MemPrivate, func(m *synth.Image) { m.PutU32(db, 0xabcd1ccc) }, db, vmmap.Unknown, "", "", vmmap.Unknown},
			{"no segment", synth.MemPrivate, func(m *synth.Image) { m.PutPtr(db+list, 0) }, db, vmmap.Unknown, "", "", vmmap.Unknown},
			{"a loop", synth.MemPrivate, func(m *synth.Image) { m.PutPtr(seg+2*w, seg) }, db, vmmap.Other, whole, part, vmmap.Other},
			{"mapped", synth.MemMapped, func(*synth.Image) {}, db, vmmap.MappedFile, "", "", vmmap.Unknown},
		} {
			both := func(m *synth.Image) {
				for i, at := range []uint64{db, seg} {
					typ := x.typ
					if i == 1 {
						typ = synth.MemPrivate
					}
					m.Reserve(at, 0x8000, typ, synth.PageReadWrite)
					m.Commit(at, 0x2000, synth.PageReadWrite)
				}
				m.PutU32(db, 0xabcdcccc)
				m.PutPtr(db+list, seg)
				m.PutU32(seg, 0xabcdbbbb)
				for i, v := range []uint64{db, 0, 0x8000, seg + 0x40, seg + 0x8000, seg + 0x200} {
					m.PutPtr(seg+uint64(i+1)*w, v)
				}
				x.do(m)
			}
			if u, kind := kindAt(t, process(synth.Win7, a), x.at+0x100, both); u != x.u || kind != x.kind {
				t.Errorf("%v, %s: %v, %q", a, x.name, u, kind)
			}
			if u, kind := kindAt(t, process(synth.Win7, a), seg+0x3000, both); u != x.segments || kind != x.in2 {
				t.Errorf("%v, %s: segment %v, %q", a, x.name, u, kind)
			}
		}
	}
}

// TestFibers: the fiber-local slots of a thread where they have a page of
// their own, in both forms, and what is no link of a list.
func TestFibers(t *testing.T) {
	const slots, block, other = place + 0x100, place + 0x100, place + 0x1800
	for _, a := range []synth.Arch{synth.X86, synth.X64} {
		w, fls, head, calls, high := uint64(4), uint64(0xfb4), uint64(0x210), uint64(0x20c), uint64(0x22c)
		if a == synth.X64 {
			w, fls, head, calls, high = 8, 0x17c8, 0x328, 0x320, 0x350
		}
		p := process(synth.Win10v1809, a)
		link := func(m *synth.Image, all ...uint64) {
			for i, at := range all {
				to := all[(i+1)%len(all)]
				m.PutPtr(at, to)
				m.PutPtr(to+w, at)
			}
		}
		for _, x := range []struct {
			name string
			do   func(m *synth.Image)
			at   uint64
			kind string
		}{
			{"128 slots", func(m *synth.Image) { link(m, p.PEB+head, slots) }, slots + 129*w, "FLS slots"},
			{"with another thread's", func(m *synth.Image) { link(m, p.PEB+head, other, slots) }, slots + 2*w, "FLS slots"},
			{"the word behind them", func(m *synth.Image) { link(m, p.PEB+head, slots) }, slots + 130*w, ""},
			{"no link back", func(m *synth.Image) { link(m, p.PEB+head, slots); m.PutPtr(slots+w, other) }, slots, ""},
			{"a list that leads nowhere", func(m *synth.Image) { link(m, slots, other) }, slots, ""},
			{"a block of chunks", func(m *synth.Image) { link(m, slots, p.ImageBase+0x200); m.PutPtr(block+2*w, other) }, block + 9*w, "FLS block"},
			{"its first chunk", func(m *synth.Image) { link(m, slots, p.ImageBase+0x200); m.PutPtr(block+2*w, other) }, other + 16*w, "FLS slots"},
			{"its second chunk", func(m *synth.Image) { link(m, slots, p.ImageBase+0x200); m.PutPtr(block+3*w, other) }, other + 32*w, "FLS slots"},
			{"behind the first chunk", func(m *synth.Image) { link(m, slots, p.ImageBase+0x200); m.PutPtr(block+2*w, other) }, other + 17*w, ""},
			{"no chunk", func(m *synth.Image) { link(m, slots, p.ImageBase+0x200); m.PutPtr(block+3*w, other+1) }, block, ""},
			{"callbacks", func(m *synth.Image) {
				link(m, p.PEB+head, slots)
				m.PutPtr(p.PEB+calls, other)
				m.PutU32(p.PEB+high, 2)
				m.PutPtr(other+4*w, p.ImageBase+0x1000)
			}, other + 5*w, "FLS callbacks"},
			{"behind the callbacks", func(m *synth.Image) {
				link(m, p.PEB+head, slots)
				m.PutPtr(p.PEB+calls, other)
				m.PutU32(p.PEB+high, 2)
				m.PutPtr(other+4*w, p.ImageBase+0x1000)
			}, other + 6*w, ""},
			{"a callback into data", func(m *synth.Image) {
				link(m, p.PEB+head, slots)
				m.PutPtr(p.PEB+calls, other)
				m.PutU32(p.PEB+high, 2)
				m.PutPtr(other+4*w, place)
			}, other, ""},
			{"a callback into an image's data", func(m *synth.Image) {
				link(m, p.PEB+head, slots)
				m.PutPtr(p.PEB+calls, other)
				m.PutU32(p.PEB+high, 2)
				m.PutPtr(other+4*w, p.ImageBase+0x200)
			}, other, ""},
			{"no callback", func(m *synth.Image) {
				link(m, p.PEB+head, slots)
				m.PutPtr(p.PEB+calls, other)
				m.PutU32(p.PEB+high, 2)
			}, other, ""},
		} {
			q := process(synth.Win10v1809, a)
			q.Prepare = func(b *synth.Built) {
				m := b.Image
				m.Reserve(place, 0x3000, synth.MemPrivate, synth.PageReadWrite)
				m.Commit(place, 0x3000, synth.PageReadWrite)
				m.Commit(p.ImageBase, 0x1000, synth.PageReadWrite)
				m.Commit(p.ImageBase+0x1000, 0x1000, synth.PageExecuteReadWrite)
				m.PutPtr(p.TEBs[0]+fls, slots)
				x.do(m)
			}
			m := vmmap.Take(open(t, q.Build().Dump))
			got := ""
			for _, o := range m.Owners(memory.Addr(x.at)) {
				if !o.Contains(memory.Addr(x.at)) {
					continue // its page is beside
				}
				got = o.Kind
				if (o.Kind == "FLS callbacks") == o.HasThread {
					t.Errorf("%s: thread %v", o.Kind, o.HasThread)
				}
			}
			if got != x.kind {
				t.Errorf("%v, %s: %q, want %q", a, x.name, got, x.kind)
			}
		}
	}
}
