package stackdb_test

import (
	"encoding/binary"
	"testing"

	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/stackdb"
)

// sound is the memory of a sound database of nine stacks, and of a block with
// one.
func sound(k kind) (runs []memory.Run) {
	img := synth.NewImage(k.arch)
	(&synth.TraceDB{Address: dbAt, Family: k.family, Arch: k.arch, Stacks: stacks(9), Buckets: 5}).Build(img)
	synth.TraceBlock(img, k.arch, 0x10000, 3, codeA, codeA+4)
	for _, r := range img.Runs() {
		runs = append(runs, memory.Run{Start: memory.Addr(r.Addr), Bytes: r.Data})
	}
	return runs
}

// changed is that memory after edits of six bytes each: two say where, four
// are written there.
func changed(base []memory.Run, edits []byte) *memory.Space {
	var c memory.Contents
	for _, r := range base {
		c.Runs = append(c.Runs, memory.Run{Start: r.Start, Bytes: append([]byte(nil), r.Bytes...)})
	}
	for ; len(edits) >= 6; edits = edits[6:] {
		off := int(binary.LittleEndian.Uint16(edits)) & 0xfff
		for _, r := range c.Runs {
			copy(r.Bytes[min(off, len(r.Bytes)):], edits[2:6])
		}
	}
	return memory.NewSpace(c)
}

// frames holds a stack that was read to its bounds, and its frames to code.
func frames(t *testing.T, tr stackdb.Trace, err error) {
	t.Helper()
	if err != nil {
		return
	}
	for _, fr := range tr.Frames {
		if !code(fr) {
			t.Fatalf("%+v", tr)
		}
	}
	if len(tr.Frames) == 0 || len(tr.Frames) > 64 {
		t.Fatalf("%+v", tr)
	}
}

// FuzzStackDB changes bytes of a sound database and reads all that it leads
// to: no panic, no hang, no frame that is not code.
func FuzzStackDB(f *testing.F) {
	ks := kinds()
	bases := make([][]memory.Run, len(ks))
	for i, k := range ks {
		bases[i] = sound(k)
	}
	f.Add(uint8(1), []byte{0x88, 0, 1, 2, 3, 4})
	f.Add(uint8(6), []byte{0x64, 0, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, which uint8, data []byte) {
		k := ks[int(which)%len(ks)]
		s := changed(bases[int(which)%len(bases)], data)
		r := k.reader(s)
		for off := memory.Addr(0); off < 0x40; off += 4 {
			if c, ok := r.SectionAt(dbAt + off); ok && (c.Address > dbAt+off || uint64(dbAt+off-c.Address) >= r.SectionSize()) {
				t.Fatalf("%v: %+v", dbAt+off, c)
			}
		}
		check := func(tr stackdb.Trace, err error) { frames(t, tr, err) }
		check(r.Trace(0x10000))
		var set stackdb.Set
		for a := memory.Addr(dbAt); a < dbAt+0x1000; a += 4 {
			check(r.Trace(a))
			set.At(r, a)
		}
		if d, err := stackdb.Locate(s, r, stackdb.Query{Traces: []memory.Addr{dbAt + 0x400}, Data: []memory.Range{{Start: 0, End: 1 << 40}}}); err == nil {
			for i := range uint32(12) {
				check(d.Trace(i))
				set.Index(d, i)
			}
		}
		b := heap.Block{Addr: dbAt, Size: 0x100, State: heap.Busy, Header: which, Flags: heap.FlagExtra}
		stackdb.ExtensionOf(s, b, r.Bits)
		stackdb.ExtraOf(s, b, r.Bits)
	})
}
