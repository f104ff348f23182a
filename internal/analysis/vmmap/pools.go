package vmmap

import (
	"encoding/binary"
	"fmt"

	"github.com/heapdump/heapdump/pkg/memory"
)

// A thread pool's structure (_TP_POOL) has the handles of its worker factory
// and of its completion port side by side, a lock, and two list heads: of its
// objects and of its workers. That is so on x86 in Windows 10.0.11082, and on
// x64 by public research of Windows 10 and 11; Windows 7 has another, which is
// not known. What the handles are, the dump's own list of them says; the lists
// have to be closed. Pointers to it are in ntdll's data and on the stacks of
// its workers.
const (
	poolDeep = 0x2000  // bytes of a stack, from its base down, that are looked at
	maxPools = 256     // that are taken
	maxLooks = 1 << 20 // words that are looked at
)

// poolFinder looks for thread pools.
type poolFinder struct {
	*collector
	types map[uint64]string // of the handles
	bits  int
	word  uint64
	seen  map[memory.Addr]bool
	looks int
	found int
}

// Pool is a thread pool, and the handles that it has.
type Pool struct {
	Address       memory.Addr // of its _TP_POOL
	Bits          int
	Factory, Port uint64   // of its worker factory and completion port
	Timers        []uint64 // of its timers and of their packets
}

// pools adds the thread pools. They are nearly always blocks of a heap, which
// then has the memory; an address in one is explained by both.
func (c *collector) pools() {
	f := poolFinder{collector: c, types: map[uint64]string{}, seen: map[memory.Addr]bool{}}
	factories := 0
	for _, h := range c.t.File.Handles(nil) {
		if f.types[h.Handle] = h.Type; h.Type == factoryType {
			factories++
		}
	}
	if factories == 0 {
		return
	}
	f.bits = c.src.Bits
	for _, p := range c.t.PEBs {
		if p.Bits == 32 {
			f.bits = 32 // of a WOW64 program
		}
	}
	f.word = uint64(f.bits) / 8
	for _, m := range c.t.Modules() {
		if m.Image == nil || fileName(m.Name) != "ntdll.dll" {
			continue
		}
		for _, s := range m.Image.Sections {
			if s.Writable() {
				f.scan(s.Range)
			}
		}
	}
	for _, t := range c.tebs {
		if t.Bits == f.bits && t.StackBase > poolDeep {
			f.scan(memory.Range{Start: t.StackBase - poolDeep, End: t.StackBase})
		}
	}
}

const (
	factoryType = "TpWorkerFactory"
	portType    = "IoCompletion"
)

// scan looks at what the words of a range point to.
func (f *poolFinder) scan(r memory.Range) {
	for run := range f.t.Space.Runs(r) {
		skip := min(-uint64(run.Start)%f.word, uint64(len(run.Bytes)))
		from := run.Start.Add(skip)
		for b := run.Bytes[skip:]; uint64(len(b)) >= f.word; b, from = b[f.word:], from.Add(f.word) {
			at := f.value(b)
			if at == 0 || uint64(at)%f.word != 0 || f.seen[at] {
				continue
			}
			if f.looks++; f.looks > maxLooks || f.found >= maxPools {
				return
			}
			if in, ok := f.t.Space.Region(at); !ok || in.Type != memory.MemPrivate || in.State != memory.MemCommit || !in.Protect.Writable() {
				continue
			}
			f.seen[at] = true
			f.pool(at, from)
		}
	}
}

func (f *poolFinder) value(b []byte) memory.Addr {
	if f.word == 4 {
		return memory.Addr(binary.LittleEndian.Uint32(b))
	}
	return memory.Addr(binary.LittleEndian.Uint64(b))
}

// pool adds the pool at an address, if one is there. from is where the pointer
// to it stands.
func (f *poolFinder) pool(at, from memory.Addr) {
	i := uint64(9) // words before the handles: 0x24
	if f.word == 8 {
		i = 7 // 0x38
	}
	b, err := f.t.Space.View(at, (i+7)*f.word)
	if err != nil {
		return
	}
	factory, port := uint64(f.value(b[i*f.word:])), uint64(f.value(b[(i+1)*f.word:]))
	objects, workers := at.Add((i+3)*f.word), at.Add((i+5)*f.word)
	if f.types[factory] != factoryType || f.types[port] != portType || !f.head(objects) || !f.head(workers) {
		return
	}
	f.found++
	f.add(Owner{Range: memory.Range{Start: at, End: at.Add((i + 7) * f.word)}, Usage: Unknown, Kind: "thread pool (_TP_POOL)",
		Evidence: fmt.Sprintf("the handles of a worker factory, %#x, and of a completion port, %#x, at %v, two closed lists behind them, and the pointer at %v",
			factory, port, at.Add(i*f.word), from)})
	p := Pool{Address: at, Bits: f.bits, Factory: factory, Port: port, Timers: f.timers(at)}
	f.threadPools = append(f.threadPools, p)
	f.objects(at, objects)
}

// timers returns the handles of a pool's timers: in the structure behind the
// lists, a timer's handle and beside it that of the packet that it completes.
func (f *poolFinder) timers(pool memory.Addr) []uint64 {
	const behind, words = 16, 72 // 288 bytes on x86, twice as many on x64
	var out []uint64
	for i := uint64(behind); i < words-1; i++ {
		b, err := f.t.Space.View(pool.Add(i*f.word), 2*f.word)
		if err != nil {
			break
		}
		timer, packet := uint64(f.value(b)), uint64(f.value(b[f.word:]))
		if t := f.types[timer]; (t == "IRTimer" || t == "Timer") && f.types[packet] == "WaitCompletionPacket" {
			out = append(out, timer, packet)
		}
	}
	return out
}

// head reports whether a list head's neighbours point back at it.
func (f *poolFinder) head(at memory.Addr) bool {
	next, err := f.t.Space.Pointer(at, f.bits)
	last, err2 := f.t.Space.Pointer(at.Add(f.word), f.bits)
	if err != nil || err2 != nil || next == 0 || last == 0 {
		return false
	}
	back, err := f.t.Space.Pointer(next.Add(f.word), f.bits)
	on, err2 := f.t.Space.Pointer(last, f.bits)
	return err == nil && err2 == nil && back == at && on == at
}

// maxObjects bounds a pool's objects.
const maxObjects = 1 << 16

// objects adds the objects of a pool: each has the pool's address in the word
// before its link.
func (f *poolFinder) objects(pool, head memory.Addr) {
	prev := head
	for range maxObjects {
		at, err := f.t.Space.Pointer(prev, f.bits)
		if err != nil || at == head || at < memory.Addr(f.word) {
			return
		}
		back, err := f.t.Space.Pointer(at.Add(f.word), f.bits)
		if err != nil || back != prev {
			return
		}
		if owner, err := f.t.Space.Pointer(at-memory.Addr(f.word), f.bits); err == nil && owner == pool {
			f.add(Owner{Range: (at - memory.Addr(f.word)).Span(3 * f.word), Usage: Unknown, Kind: "object of a thread pool",
				Evidence: fmt.Sprintf("its pointer to the thread pool %v, and its place in the pool's list", pool)})
		}
		prev = at
	}
}
