package unwind

import (
	"encoding/binary"
	"fmt"
	"slices"
	"testing"

	"github.com/heapdump/heapdump/internal/symbols"
	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/internal/target"
)

// compiled is a dump whose thread stopped in code that it made at run time: in
// inner, which outer called. On the way lies an older return address. The
// table, when there is one, lists inner last, as runtimes need not sort.
func compiled(t *testing.T, table *synth.FunctionTable) Stack {
	t.Helper()
	const code = jitBase
	proc := synth.NewProcess(synth.Win10v1809, synth.X64)
	proc.Prepare = func(b *synth.Built) {
		b.Image.Reserve(code, 0x1000, synth.MemPrivate, synth.PageExecuteRead)
		b.Image.Commit(code, 0x1000, synth.PageExecuteRead)
		call := []byte{0xff, 0xd0} // call rax
		b.Image.Write(code+0x20e, call)
		b.Image.Write(code+0x25e, call)
		b.Image.Write(code+0x300, []byte{1, 4, 1, 0, 4, 0x42})     // prologue of 4 bytes: allocates 0x28
		b.Image.Write(code+0x310, []byte{1, 4, 1, 0, 4, 4<<4 | 2}) // the same
		sp := uint64(stackTop - 0x80)
		b.Image.PutU64(sp+0x10, code+0x260) // left over
		b.Image.PutU64(sp+0x28, code+0x210)
		b.Image.PutU64(sp+0x30+0x28, 0)
		b.Dump.Threads[0].Context = synth.Context(synth.X64, code+0x120, sp, 0)
		b.Dump.Functions = table
	}
	tg, err := target.Parse("test.dmp", proc.Build().Dump.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return New(tg, symbols.New(tg)).Stacks(tg.File.Threads(nil)[0])[0]
}

const jitBase = 0x20000000

// table is the stream of the functions that are given.
func table(begin, end uint64, entries ...[3]uint32) *synth.FunctionTable {
	x := &synth.FunctionTable{MinAddress: begin, MaxAddress: end, BaseAddress: jitBase, EntrySize: 12}
	for _, e := range entries {
		for _, v := range e {
			x.Entries = binary.LittleEndian.AppendUint32(x.Entries, v)
		}
	}
	return x
}

// TestRegistered: code that was made at run time is unwound by the tables that
// the process registered for it; without them, or where they have no function
// at the address, by a search, which a leftover leads astray.
func TestRegistered(t *testing.T) {
	outer, inner := [3]uint32{0x200, 0x280, 0x300}, [3]uint32{0x100, 0x140, 0x310}
	frames := func(s Stack) (out []string) {
		for _, f := range s.Frames {
			out = append(out, fmt.Sprintf("%#x %v", uint64(f.IP), f.How))
		}
		return append(out, s.End.String())
	}
	sure := []string{"0x20000120 context", "0x20000210 unwind", "start"}
	if got := frames(compiled(t, table(jitBase, jitBase+0x1000, outer, inner))); !slices.Equal(got, sure) {
		t.Errorf("%q, want %q", got, sure)
	}
	for name, x := range map[string]*synth.FunctionTable{
		"none":           nil,
		"of other code":  table(jitBase+0x800, jitBase+0x1000, outer, inner),
		"without inner":  table(jitBase, jitBase+0x1000, outer),
		"empty":          table(jitBase, jitBase+0x1000),
		"of 8-byte rows": {MinAddress: jitBase, MaxAddress: jitBase + 0x1000, BaseAddress: jitBase, EntrySize: 8, Entries: make([]byte, 16)},
	} {
		if got := frames(compiled(t, x)); len(got) < 2 || got[1] != "0x20000260 scan" {
			t.Errorf("%s: %q", name, got)
		}
	}
	// Data that leads out of the dump ends the stack with the reason.
	s := compiled(t, table(jitBase, jitBase+0x1000, outer, [3]uint32{0x100, 0x140, 0x7000}))
	if s.End != Missing || s.Why == "" {
		t.Errorf("%v %s", s.End, s.Why)
	}
	// An indirect entry that names itself has no end.
	s = compiled(t, table(jitBase, jitBase+0x1000, [3]uint32{0x100, 0x140, 0xffffffff}))
	if s.End != Missing && s.End != BadData {
		t.Errorf("%v %s", s.End, s.Why)
	}
}
