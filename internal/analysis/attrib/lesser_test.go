package attrib_test

import (
	"reflect"
	"testing"

	"github.com/heapdump/heapdump/internal/synth"
)

// TestRecords: rows of four words with a number, a null or pointer, a pointer
// and a null; beside it rows of which one has a number where the others point,
// too few of them, a column of numbers and pointers, and rows of pointers alone,
// which are fewer than make an array of them.
func TestRecords(t *testing.T) {
	const want = "array of records with pointers"
	for _, a := range []synth.Arch{synth.X86, synth.X64} {
		w := uint64(a.PtrSize())
		s := stage(synth.Win10v1809, a, 32*w, 32*w, 20*w, 64, 32*w, 12*w)
		for i, rows := range []uint64{7, 7, 5} {
			s.words(s.users[i], make([]uint64, []int{32, 32, 20}[i])...)
			for r := range rows {
				s.words(s.users[i]+4*w*r, r+1, 0, s.users[3]+8, 0)
			}
		}
		s.words(s.users[4], make([]uint64, 32)...)
		s.words(s.users[5], make([]uint64, 12)...)
		for r := range uint64(7) {
			s.words(s.users[4]+4*w*r, r+1, []uint64{s.users[3] + 8, 0x33, 0}[r%3], s.users[3]+8, 0)
		}
		for r := range uint64(6) {
			s.words(s.users[5]+2*w*r, s.users[3]+8)
		}
		s.words(s.users[5]+11*w, s.users[3]+8)
		s.words(s.users[0]+5*w, s.users[3])
		s.words(s.users[1]+14*w, 0x33) // a number among the pointers
		if got := s.types(t); !reflect.DeepEqual(got, []string{want, "unknown", "unknown", "unknown", "unknown", "unknown"}) {
			t.Errorf("%v: %q", a, got)
		}
	}
}

// TestPool: a thread pool has the handles of its worker factory and of its port
// side by side; beside it one with them apart, with another type of handle, and
// without a count.
func TestPool(t *testing.T) {
	for _, a := range []synth.Arch{synth.X86, synth.X64} {
		s := stage(synth.Win10v1809, a, 160, 160, 160, 160)
		w := uint64(a.PtrSize())
		for i, x := range [][]uint64{{1, 0x50, 0x4c}, {1, 0x50, 0, 0x4c}, {1, 0x50, 0x48}, {0, 0x50, 0x4c}} {
			s.words(s.users[i], x[0])
			s.words(s.users[i]+9*w, x[1:]...)
		}
		s.Dump.Handles = &synth.HandleData{Handles: []synth.Handle{
			{Handle: 0x48, TypeName: "Event"}, {Handle: 0x4c, TypeName: "IoCompletion"}, {Handle: 0x50, TypeName: "TpWorkerFactory"},
		}}
		if got, want := s.types(t), []string{"thread pool (TP_POOL)", "unknown", "unknown", "unknown"}; !reflect.DeepEqual(got, want) {
			t.Errorf("%v: %q, want %q", a, got, want)
		}
	}
}

// TestVariables: what an exported variable points to has its name; not what it
// points into the middle of, nor what a constant points to.
func TestVariables(t *testing.T) {
	for _, a := range []synth.Arch{synth.X86, synth.X64} {
		s := stage(synth.Win10v1809, a, 64, 64, 64)
		const base = 0x20000000
		x := &synth.PEExports{DLL: "crt.dll", Base: 1, List: []synth.PEExport{
			{Name: "table", RVA: 0x2010, Ordinal: 0}, {Name: "inside", RVA: 0x2020, Ordinal: 1}, {Name: "constant", RVA: 0x1010, Ordinal: 2},
		}}
		table := x.Bytes(0x1100)
		rdata := make([]byte, 0x100+len(table))
		copy(rdata[0x100:], table)
		pe := &synth.PE{Arch: a, Base: base, DLL: true, Sections: []synth.PESection{
			{Name: ".rdata", RVA: 0x1000, Flags: synth.SecRData, Data: rdata},
			{Name: ".data", RVA: 0x2000, Size: 0x1000, Flags: synth.SecData, Data: make([]byte, 0x100)},
		}, Directories: [16][2]uint32{{0x1100, uint32(len(table))}}}
		pe.Write(s.Image)
		s.Dump.Modules = append(s.Dump.Modules, synth.Module{Base: base, Size: pe.Size(), Name: `C:\Windows\crt.dll`})
		s.Image.PutPtr(base+0x2010, s.users[0])
		s.Image.PutPtr(base+0x2020, s.users[1]+8)
		s.Image.PutPtr(base+0x1010, s.users[2])
		if got, want := s.types(t), []string{"what crt.dll!table points to", "unknown", "unknown"}; !reflect.DeepEqual(got, want) {
			t.Errorf("%v: %q, want %q", a, got, want)
		}
	}
}

// handleTable writes a page of a table of moveable handles: an entry for each
// object, and links to the next among the free ones behind them.
func (s *scene) handleTable(base uint64, objects ...uint64) {
	w := uint64(s.bits / 8)
	s.Image.Reserve(base, 0x1000, synth.MemPrivate, synth.PageReadWrite)
	for k := uint64(0); k < 0x1000/(2*w); k++ {
		at := base + 2*w*k
		switch {
		case k < uint64(len(objects)):
			s.words(at, 3, objects[k])
		case at+4*w <= base+0x1000:
			s.words(at, at+2*w, 0)
		}
	}
}

// TestMoveable: a table of moveable handles names the blocks that it leads to.
// Its twins: the same with an entry of another kind, one that leads into the
// middle of a block, and a page of zeros with one word that might be an entry.
func TestMoveable(t *testing.T) {
	const want, table = "moveable block (GlobalAlloc or LocalAlloc)", 0x9f0000
	for _, a := range []synth.Arch{synth.X86, synth.X64} {
		w := uint64(a.PtrSize())
		for name, tt := range map[string]struct {
			write func(s *scene)
			want  string
		}{
			"table":           {func(s *scene) { s.handleTable(table, s.users[0], s.users[1]) }, want},
			"discarded":       {func(s *scene) { s.handleTable(table, s.users[0], 0, s.users[1]) }, want},
			"another entry":   {func(s *scene) { s.handleTable(table, s.users[0], s.users[1]); s.words(table+0x800, 5) }, "unknown"},
			"into the middle": {func(s *scene) { s.handleTable(table, s.users[0], s.users[1]+w) }, "unknown"},
			"zeros": {func(s *scene) {
				s.Image.Reserve(table, 0x1000, synth.MemPrivate, synth.PageReadWrite)
				s.words(table, 3, s.users[0])
				s.words(table+2*w, 3, s.users[1])
			}, "unknown"},
		} {
			s := stage(synth.Win7, a, 64, 64)
			tt.write(s)
			if got := s.types(t); !reflect.DeepEqual(got, []string{tt.want, tt.want}) {
				t.Errorf("%v %s: %q, want %q", a, name, got, tt.want)
			}
		}
	}
}

// TestLanguages: a thread's list of preferred languages begins with its size;
// the table that it leads to leads back, and to other lists.
func TestLanguages(t *testing.T) {
	const list, table = "list of preferred languages (MUI)", "table of preferred languages (MUI)"
	for _, a := range []synth.Arch{synth.X86, synth.X64} {
		teb := uint64(0xfb8)
		if a == synth.X64 {
			teb = 0x17d0
		}
		w := uint64(a.PtrSize())
		s := stage(synth.Win10v1809, a, 64, 96, 80, 80, 64)
		s.Image.PutPtr(synth.NewProcess(synth.Win10v1809, a).TEBs[0]+teb+2*w, s.users[0])
		s.Image.PutU32(s.users[0], 64)
		s.words(s.users[0]+2*w, s.users[1], s.users[4])
		s.words(s.users[1]+3*w, s.users[2], s.users[0], s.users[3])
		s.Image.PutU32(s.users[2], 80)
		s.Image.PutU32(s.users[3], 79) // not its size
		s.Image.PutU32(s.users[4], 64) // leads nowhere back
		if got, want := s.types(t), []string{list, table, list, "unknown", "unknown"}; !reflect.DeepEqual(got, want) {
			t.Errorf("%v: %q, want %q", a, got, want)
		}
	}
}

// TestParameters: process parameters and an environment without a PEB that
// leads to them, and what is nearly one.
func TestParameters(t *testing.T) {
	const params, env = "process parameters", "environment"
	for _, a := range []synth.Arch{synth.X86, synth.X64} {
		at, w := uint64(0x38), uint64(a.PtrSize())
		if a == synth.X64 {
			at = 0x60
		}
		s := stage(synth.Win7, a, 0x200, 0x200, 0x200, 0x200, 0x200)
		for i, u := range s.users[:3] {
			s.Image.Write(u, make([]byte, 0x200))
			s.Image.PutU32(u, 0x200)
			s.Image.PutU32(u+4, 0x200)
			s.words(u+at, 8|10<<16, u+0x180, 6|8<<16, u+0x190)
			s.Image.Write(u+0x180, utf16("abcd"))
			s.Image.Write(u+0x190, utf16("xyz"))
			if i == 1 {
				s.Image.PutU32(u+4, 0x1f8) // two lengths
			}
			if i == 2 {
				s.words(u+at+w, s.users[0]+0x180) // another's text
			}
		}
		text := ""
		for _, c := range "ABCDEFGHIJ" {
			text += string(c) + "=value of it\x00"
		}
		for _, u := range s.users[3:] {
			s.Image.Write(u, make([]byte, 0x200))
			s.Image.Write(u, utf16(text))
		}
		s.Image.Write(s.users[4]+0x3a, utf16("-")[:2]) // no equals sign behind C
		if got := s.types(t); got[0] != params || got[1] == params || got[2] == params || got[3] != env || got[4] == env {
			t.Errorf("%v: %q", a, got)
		}
	}
}
