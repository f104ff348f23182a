package attrib_test

import (
	"reflect"
	"testing"

	"github.com/heapdump/heapdump/internal/synth"
)

// utf16 is ASCII text as UTF-16 with its NUL.
func utf16(s string) []byte {
	var out []byte
	for _, c := range []byte(s + "\x00") {
		out = append(out, c, 0)
	}
	return out
}

// TestSystemShapes writes structures of Windows and of the C runtimes, and
// beside each what is nearly one.
func TestSystemShapes(t *testing.T) {
	const node = "node of a balanced tree (RTL_BALANCED_NODE)"
	const text, strings = "structure with a string of its own (UNICODE_STRING)", "array of pointers to texts behind it"
	for _, a := range []synth.Arch{synth.X86, synth.X64} {
		w := uint64(a.PtrSize())
		for _, tt := range []struct {
			name  string
			sizes []uint64
			write func(s *scene, u []uint64)
			want  []string
		}{
			{"exception", []uint64{96, 96, 96}, func(s *scene, u []uint64) {
				for i, x := range [][2]uint32{{0xe06d7363, 0x19930520}, {0xe06d7364, 0x19930520}, {0xe06d7363, 0x19930523}} {
					s.Image.PutU32(u[i], x[0])
					s.Image.PutU32(u[i]+8+2*w, 3)
					s.words(u[i]+8+3*w, uint64(x[1]))
				}
			}, []string{"exception record of a C++ exception", "unknown", "unknown"}},
			{"critical section", []uint64{64, 64}, func(s *scene, u []uint64) {
				const debug = 0x4f0000
				s.Image.Reserve(debug, 0x10000, synth.MemPrivate, synth.PageReadWrite)
				for i := range u { // the second's debug information is the first's
					s.words(u[i], debug)
				}
				s.words(debug, 0, u[0])
			}, []string{"object that begins with a critical section", "unknown"}},
			{"balanced tree", []uint64{64, 64, 64, 64}, func(s *scene, u []uint64) {
				s.words(u[0], u[1], u[2], 0)
				s.words(u[1], 0, 0, u[0]|1)
				s.words(u[2], 0, u[3], u[0]|3)
				s.words(u[3], 0, 0, u[2])
			}, []string{node, node, node, node}},
			{"a child that another parent has", []uint64{64, 64, 64}, func(s *scene, u []uint64) {
				s.words(u[0], u[1], u[2], 0)
				s.words(u[1], 0, 0, u[2])
				s.words(u[2], 0, 0, u[0])
			}, []string{"unknown", "unknown", "unknown"}},
			{"a chain of left, parent, right", []uint64{64, 64, 64}, func(s *scene, u []uint64) {
				s.words(u[0], 0, 0, u[1])
				s.words(u[1], 0, u[0], u[2])
				s.words(u[2], 0, u[1], 0)
			}, []string{"unknown", "unknown", "unknown"}},
			{"texts", []uint64{3*w + 9, 3*w + 9, 3*w + 9, 3*w + 9}, func(s *scene, u []uint64) {
				for i := range u {
					s.Image.Write(u[i]+3*w, []byte("app\x00/all\x00"))
					s.words(u[i], u[i]+3*w, u[i]+3*w+4, 0)
				}
				s.words(u[1]+2*w, 1)                   // no null behind the pointers
				s.words(u[2]+w, u[2]+3*w+5)            // not where the first text ends
				s.Image.Write(u[3]+3*w+8, []byte("x")) // the last does not end
			}, []string{strings, "unknown", "unknown", "unknown"}},
			{"string of its own", []uint64{96, 96, 96, 96}, func(s *scene, u []uint64) {
				for i := range u {
					s.words(u[i], 1, 20)
					s.words(u[i]+2*w, 16|32<<16, u[i]+4*w)
					s.Image.Write(u[i]+4*w, utf16("C:\\Temp\\"))
				}
				s.words(u[1]+2*w, 14|32<<16)  // shorter than its text
				s.words(u[2]+3*w, u[3]+4*w)   // another's text
				s.words(u[3]+2*w, 16|200<<16) // more room than the block has
			}, []string{text, "unknown", "unknown", "unknown"}},
		} {
			s := stage(synth.Win10v1809, a, tt.sizes...)
			tt.write(s, s.users)
			if got := s.types(t); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("%v %s: %q, want %q", a, tt.name, got, tt.want)
			}
		}
	}
}

// TestThreadPool: an object of ntdll's thread pool, one whose table is another
// module's, and one whose link nobody points back to.
func TestThreadPool(t *testing.T) {
	for _, a := range []synth.Arch{synth.X86, synth.X64} {
		s := stage(synth.Win10v1809, a, 120, 120, 120)
		w := uint64(a.PtrSize())
		tables := map[string]uint64{}
		for i, name := range []string{"ntdll.dll", "other.dll"} {
			base := uint64(0x20000000 + i*0x1000000)
			pe := &synth.PE{Arch: a, Base: base, DLL: true, Sections: []synth.PESection{
				{Name: ".text", RVA: 0x1000, Flags: synth.SecCode, Data: make([]byte, 0x400)},
				{Name: ".rdata", RVA: 0x2000, Size: 0x1000, Flags: synth.SecRData, Data: make([]byte, 0x100)},
			}}
			pe.Write(s.Image)
			s.Dump.Modules = append(s.Dump.Modules, synth.Module{Base: base, Size: pe.Size(), Name: `C:\Windows\` + name})
			for k := range uint64(4) {
				s.Image.PutPtr(base+0x2010+k*w, base+0x1000+16*k)
			}
			tables[name] = base + 0x2010
		}
		for i, name := range []string{"ntdll.dll", "other.dll", "ntdll.dll"} {
			link := s.users[i] + 5*w
			s.words(s.users[i], 2, tables[name], 0, 0, 0, link, link)
		}
		s.words(s.users[2]+5*w, s.users[0]+5*w)
		if got, want := s.types(t), []string{"thread pool object", "unknown", "unknown"}; !reflect.DeepEqual(got, want) {
			t.Errorf("%v: %q, want %q", a, got, want)
		}
	}
}

// TestThreadPlaces: what a thread's environment block leads to, and what it
// leads into the middle of.
func TestThreadPlaces(t *testing.T) {
	for _, a := range []synth.Arch{synth.X86, synth.X64} {
		w, activation, static, slots := uint64(4), uint64(0x1a8), uint64(0x2c), uint64(0xe10)
		if a == synth.X64 {
			w, activation, static, slots = 8, 0x2c8, 0x58, 0x1480
		}
		p := synth.NewProcess(synth.Win10v1809, a)
		var items []synth.Item
		for range 7 {
			items = append(items, synth.Busy(64))
		}
		p.AddHeap(&synth.Heap{Address: 0x4d0000, Segments: []synth.Segment{{Items: items}}})
		s := &scene{bits: int(8 * w)}
		p.Prepare = func(b *synth.Built) {
			for _, x := range b.Heaps[0].Only(synth.StateBusy) {
				s.users = append(s.users, x.User)
				b.Image.Write(x.User, []byte("\x81\x92\xfe\x01\x81\x92\xfe\x01\x81\x92\xfe\x01\x81\x92\xfe\x01"))
			}
			teb := p.TEBs[0]
			b.Image.PutPtr(teb+activation, s.users[0])
			b.Image.PutPtr(s.users[0]+w, s.users[0]+w)
			b.Image.PutPtr(s.users[0]+2*w, s.users[0]+w)
			b.Image.PutPtr(teb+static, s.users[1]+w) // ntdll keeps a word before the array
			b.Image.PutPtr(s.users[1]+2*w, s.users[2])
			b.Image.PutPtr(teb+slots+3*w, s.users[3])
			b.Image.PutPtr(teb+slots+4*w, s.users[4]+8)
			b.Image.PutPtr(teb+slots+64*w, s.users[5]) // behind the last slot
		}
		s.Built = p.Build()
		want := []string{"activation context stack", "static TLS of a thread", "a module's TLS data of a thread", "data of a thread in a TLS slot", "unknown", "unknown", "unknown"}
		if got := s.types(t); !reflect.DeepEqual(got, want) {
			t.Errorf("%v: %q, want %q", a, got, want)
		}
	}
}

// TestLoaderNode: the dependency node that a loader's entry points to is known
// by the link back to the entry, and not without it.
func TestLoaderNode(t *testing.T) {
	for _, a := range []synth.Arch{synth.X86, synth.X64} {
		for _, linked := range []bool{true, false} {
			node, link := uint64(0x50), uint64(0x54)
			if a == synth.X64 {
				node, link = 0x98, 0xa0
			}
			p := synth.NewProcess(synth.Win10v1809, a)
			p.Loader, p.Modules = true, []synth.Module{{Base: 0x20000000, Size: 0x10000, Name: `C:\app\one.dll`}}
			p.AddHeap(&synth.Heap{Address: 0x4d0000, Segments: []synth.Segment{{Items: []synth.Item{synth.Busy(64), synth.Busy(64)}}}})
			s := &scene{Built: p.Build(), bits: int(8 * a.PtrSize())}
			for _, b := range s.Heaps[0].Only(synth.StateBusy) {
				s.users = append(s.users, b.User)
				s.Image.Write(b.User, []byte("\x81\x92\xfe\x01\x81\x92\xfe\x01\x81\x92\xfe\x01\x81\x92\xfe\x01"))
			}
			tg := open(t, s.Built)
			l, ok := tg.Source().ReadLoader(tg.PEBs[0], nil)
			if !ok || len(l.Entries) == 0 {
				t.Fatal("the process has no loader's list")
			}
			entry := uint64(l.Entries[len(l.Entries)-1].Address)
			head, at := s.users[0], entry+link
			s.Image.PutPtr(entry+node, head)
			want := "loader's node of a module (LDR_DDAG_NODE)"
			if !linked { // a list that passes another link
				at, want = s.users[1], "doubly linked list node"
			}
			s.words(head, at, at)
			s.words(at, head, head)
			if got := s.types(t)[0]; got != want {
				t.Errorf("%v, linked %v: %q, want %q", a, linked, got, want)
			}
		}
	}
}
