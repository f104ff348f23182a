package attrib_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/heapdump/heapdump/internal/analysis/attrib"
	"github.com/heapdump/heapdump/internal/analysis/content"
	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/heap"
)

func open(t *testing.T, b *synth.Built) *target.Target {
	t.Helper()
	tg, err := target.Parse("test.dmp", b.Redump().Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return tg
}

func take(t *testing.T, tg *target.Target, o attrib.Options) *attrib.Result {
	t.Helper()
	r, err := attrib.Take(context.Background(), tg, tg.Heaps, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// rows are groups in a form to compare: keys, blocks, bytes.
func rows(r *attrib.Result) []string {
	var out []string
	for _, g := range r.Groups {
		var keys []string
		for _, k := range g.Keys {
			keys = append(keys, k.Text)
		}
		out = append(out, fmt.Sprintf("%s: %d, %d", strings.Join(keys, " / "), g.Blocks, g.Bytes))
	}
	return out
}

func want(t *testing.T, r *attrib.Result, rowsWanted ...string) {
	t.Helper()
	if got := rows(r); !reflect.DeepEqual(got, rowsWanted) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(rowsWanted, "\n"))
	}
}

// TestStacks: the published heap has two stacks of allocations, through
// halcon.dll. The first has two large blocks of 16,777,280 bytes, and blocks of
// 0x40, 8 and 100; the second two of 92,274,704, and of 0x128, 0x2000, 0x800,
// 0x801, 0x80f and 100.
func TestStacks(t *testing.T) {
	tg := open(t, synth.Article003().Build())
	r := take(t, tg, attrib.Options{By: []attrib.By{attrib.Stack}})
	if len(r.Groups) < 2 {
		t.Fatal(rows(r))
	}
	second, first := r.Groups[0], r.Groups[1]
	if second.Blocks != 8 || second.Bytes != 2*92274704+0x128+0x2000+0x800+0x801+0x80f+100 || second.Keys[0].Text != "halcon+0x5483b" {
		t.Errorf("%v", rows(r)[0])
	}
	if first.Blocks != 5 || first.Bytes != 2*16777280+0x40+8+100 || first.Keys[0].Confidence != content.High {
		t.Errorf("%v", rows(r)[1])
	}
	var addrs []uint64
	for _, f := range first.Keys[0].Stack {
		addrs = append(addrs, uint64(f.Addr))
	}
	if !reflect.DeepEqual(addrs, []uint64{0x775bc35b, 0x7fed230483b, 0x7fed22dd81d, 0x7fed22d6bd0, 0x7fed44a346a, 0x7fed2386b8f, 0x7fe83e3bcf6}) {
		t.Errorf("stack %#x", addrs)
	}
	if first.Example != 0x29fb0ab0 {
		t.Errorf("example %v, the first block of it is at 0x29fb0ab0", first.Example)
	}
	// A module that the user says allocates for others is not named.
	skipped := take(t, tg, attrib.Options{By: []attrib.By{attrib.Stack}, Skip: []string{"halcon.dll"}})
	if k := skipped.Groups[0].Keys[0]; k.Text != "(no frame of the program's own)" || k.Confidence != content.Medium || len(k.Stack) != 5 {
		t.Errorf("skipped: %+v", k)
	}
	if by := take(t, tg, attrib.Options{By: []attrib.By{attrib.Module}}); by.Groups[0].Keys[0].Text != "halcon.dll" || by.Groups[0].Blocks != 13 {
		t.Errorf("by module: %v", rows(by))
	}
}

// TestNested groups by heap and size.
func TestNested(t *testing.T) {
	p := synth.NewProcess(synth.Win10v1809, synth.X64)
	for i := range uint64(2) {
		p.AddHeap(&synth.Heap{Address: 0x1d0000 + i*0x100000, Segments: []synth.Segment{{Items: []synth.Item{synth.Busy(100), synth.Busy(24), synth.Busy(24 + 76*i)}}}})
	}
	tg := open(t, p.Build())
	want(t, take(t, tg, attrib.Options{By: []attrib.By{attrib.Heap, attrib.Size}}),
		"heap 0x2d0000 / 100 bytes: 2, 200", "heap 0x1d0000 / 100 bytes: 1, 100", "heap 0x1d0000 / 24 bytes: 2, 48", "heap 0x2d0000 / 24 bytes: 1, 24")
	want(t, take(t, tg, attrib.Options{By: []attrib.By{attrib.Size}, Keep: func(b *heap.Block) bool { return b.UserBytes() < 50 }}), "24 bytes: 3, 72")
}

func TestParseBy(t *testing.T) {
	got, err := attrib.ParseBy([]string{"type", "Size"})
	if err != nil || !reflect.DeepEqual(got, []attrib.By{attrib.Type, attrib.Size}) {
		t.Error(got, err)
	}
	for _, bad := range [][]string{{"colour"}, {"size", "size"}, {"stack", "site", "type", "module", "heap", "size"}} {
		if _, err := attrib.ParseBy(bad); err == nil {
			t.Errorf("%v was taken", bad)
		}
	}
}

// TestParallelIsSerial groups on one processor and on several.
func TestParallelIsSerial(t *testing.T) {
	tg := open(t, synth.Article003().Build())
	o := attrib.Options{By: []attrib.By{attrib.Stack, attrib.Type}}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	serial := rows(take(t, tg, o))
	for range 10 {
		runtime.GOMAXPROCS(4)
		if got := rows(take(t, tg, o)); !reflect.DeepEqual(got, serial) {
			t.Fatalf("got %v, on one processor %v", got, serial)
		}
	}
}

// scene builds blocks of a heap whose content a test writes.
type scene struct {
	*synth.Built
	bits  int
	users []uint64
}

func stage(f synth.Family, a synth.Arch, sizes ...uint64) *scene {
	p := synth.NewProcess(f, a)
	var items []synth.Item
	for _, n := range sizes {
		items = append(items, synth.Busy(n))
	}
	p.AddHeap(&synth.Heap{Address: 0x4d0000, Segments: []synth.Segment{{Items: items}}})
	s := &scene{Built: p.Build(), bits: int(8 * a.PtrSize())}
	for _, b := range s.Heaps[0].Only(synth.StateBusy) {
		s.users = append(s.users, b.User)
		s.Image.Write(b.User, []byte(strings.Repeat("\x81\x92\xfe", int(b.Size)/3+1))[:b.Size]) // nothing that is known
	}
	return s
}

// words writes pointer-sized words.
func (s *scene) words(at uint64, words ...uint64) {
	for i, w := range words {
		s.Image.PutPtr(at+uint64(i*s.bits/8), w)
	}
}

// types are the types of the scene's blocks, in their order.
func (s *scene) types(t *testing.T) []string {
	t.Helper()
	tg := open(t, s.Built)
	byUser := map[uint64]string{}
	for _, u := range s.users {
		r, err := attrib.Take(context.Background(), tg, tg.Heaps, attrib.Options{By: []attrib.By{attrib.Type}, Keep: func(b *heap.Block) bool { return uint64(b.User()) == u }})
		if err != nil {
			t.Fatal(err)
		}
		byUser[u] = r.Groups[0].Keys[0].Text
	}
	var out []string
	for _, u := range s.users {
		out = append(out, byUser[u])
	}
	return out
}

// TestShapes writes each container's parts, and beside them what is one link
// or one number away from them.
func TestShapes(t *testing.T) {
	for _, a := range []synth.Arch{synth.X86, synth.X64} {
		w := uint64(a.PtrSize())
		tests := []struct {
			name  string
			sizes []uint64
			write func(s *scene, u []uint64)
			want  []string
		}{
			{"list", []uint64{64, 64, 64}, func(s *scene, u []uint64) {
				s.words(u[0], u[1], u[2])
				s.words(u[1], u[2], u[0])
				s.words(u[2], u[0], u[1])
			}, []string{"doubly linked list node", "doubly linked list node", "doubly linked list node"}},
			{"a list whose back links are not", []uint64{64, 64, 64}, func(s *scene, u []uint64) {
				s.words(u[0], u[1], u[1])
				s.words(u[1], u[2], u[2])
				s.words(u[2], u[0], u[0])
			}, []string{"unknown", "unknown", "unknown"}},
			{"tree", []uint64{64, 64, 64}, func(s *scene, u []uint64) { // end mark, root, left leaf
				s.words(u[0], u[2], u[1], u[1])
				s.Image.Write(u[0]+3*w, []byte{1, 1})
				s.words(u[1], u[2], u[0], u[0])
				s.Image.Write(u[1]+3*w, []byte{1, 0})
				s.words(u[2], u[0], u[1], u[0])
				s.Image.Write(u[2]+3*w, []byte{0, 0})
			}, []string{"std::map or set node", "std::map or set node", "std::map or set node"}},
			{"a tree whose leaf has another parent", []uint64{64, 64, 64}, func(s *scene, u []uint64) {
				s.words(u[0], u[2], u[1], u[1])
				s.Image.Write(u[0]+3*w, []byte{1, 1})
				s.words(u[1], u[2], u[0], u[0])
				s.Image.Write(u[1]+3*w, []byte{1, 0})
				s.words(u[2], u[0], u[2], u[0])
				s.Image.Write(u[2]+3*w, []byte{0, 0})
			}, []string{"std::map or set node", "unknown", "unknown"}},
			{"short string", []uint64{80, 80}, func(s *scene, u []uint64) {
				for i, size := range []uint64{3, 4} { // the second says one too many
					s.Image.Write(u[i], append([]byte("abc"), make([]byte, 13)...))
					s.words(u[i]+16, size, 15)
				}
			}, []string{"object that begins with a std::string", "unknown"}},
			{"long string", []uint64{80, 80, 80}, func(s *scene, u []uint64) {
				s.words(u[0], u[1])
				s.words(u[0]+16, 20, 31)
				s.Image.Write(u[1], append([]byte(strings.Repeat("\xb1", 20)), 0))
				s.words(u[2], u[1])
				s.words(u[2]+16, 20, 95) // more than the block holds
			}, []string{"object that begins with a std::string", "unknown", "unknown"}},
			{"short wide string", []uint64{80}, func(s *scene, u []uint64) {
				s.Image.Write(u[0], []byte("a\x00b\x00\x00\x00\x01\x01\x02\x02\x03\x03\x04\x04\x05\x05"))
				s.words(u[0]+16, 2, 7)
			}, []string{"object that begins with a std::wstring"}},
			{"vector", []uint64{80, 80, 80}, func(s *scene, u []uint64) {
				s.words(u[0], u[1], u[1]+40, u[1]+80)
				s.words(u[2], u[1], u[1]+40, u[1]+36) // its end is before its last
			}, []string{"object that begins with a std::vector", "unknown", "unknown"}},
			{"pointers", []uint64{32, 32, 32, 10 * w, 10 * w}, func(s *scene, u []uint64) {
				s.words(u[3], u[0], u[1], u[2], 0, 0, u[0], u[1], u[2], u[0], 0)
				s.words(u[4], u[0], u[1], u[2], 5, 6, u[0]+1, u[1]+1, 9, 10, 0)
			}, []string{"unknown", "unknown", "unknown", "array of pointers", "unknown"}},
			{"pointers into blocks", []uint64{64, 9 * w, 9 * w}, func(s *scene, u []uint64) {
				s.words(u[1], u[0]+4, u[0]+8, u[0]+12, u[0]+16, u[0]+20, u[0]+24, u[0]+28, u[0]+32, 0)
				s.words(u[2], u[0]+4, u[0]+8, u[0]+12, u[0]+16, u[0]+20, u[0]+24, 7, 9, 0)
			}, []string{"unknown", "array of pointers", "unknown"}},
			{"critical section", []uint64{6 * w, 6 * w}, func(s *scene, u []uint64) {
				for i := range u {
					section := uint64(0x4f0000)
					s.Image.Reserve(section&^0xffff, 0x10000, synth.MemPrivate, synth.PageReadWrite)
					s.words(section, u[0])
					s.words(u[i], 0, section)
				}
			}, []string{"critical section's debug information", "unknown"}},
			{"hstring", []uint64{80, 80}, func(s *scene, u []uint64) {
				text := uint64(24)
				if s.bits == 64 {
					text = 28
				}
				for i, n := range []uint32{5, 6} {
					s.Image.Write(u[i], make([]byte, 24))
					s.Image.PutU32(u[i]+4, n)
					s.words(u[i]+16, u[i]+text)
					for k, c := range "Hallo\x00x" {
						s.Image.Write(u[i]+text+2*uint64(k), binary.LittleEndian.AppendUint16(nil, uint16(c)))
					}
				}
			}, []string{"HSTRING", "unknown"}},
		}
		for _, tt := range tests {
			s := stage(synth.Win10v1809, a, tt.sizes...)
			tt.write(s, s.users)
			if got := s.types(t); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("%v %s: %q, want %q", a, tt.name, got, tt.want)
			}
		}
	}
}

// TestClassesOfSize: sizes up to a power of two, and one above it.
func TestClassesOfSize(t *testing.T) {
	s := stage(synth.Win10v1809, synth.X64, 0, 1, 2, 16, 17, 32, 33)
	r := take(t, open(t, s.Built), attrib.Options{By: []attrib.By{attrib.Class, attrib.Origin}})
	want(t, r, "17 to 32 bytes / backend: 2, 49", "33 to 64 bytes / backend: 1, 33", "9 to 16 bytes / backend: 1, 16",
		"2 to 2 bytes / backend: 1, 2", "0 or 1 bytes / backend: 2, 1")
}

// TestFingerprints: the same owners in another run, at other addresses, have
// the same fingerprints, and others have others.
func TestFingerprints(t *testing.T) {
	prints := func(slide uint64) (out []string) {
		p := synth.NewProcess(synth.Win10v1809, synth.X64)
		p.NtGlobalFlag = 0x1000
		p.Modules = []synth.Module{{Base: 0x7ff600000000 + slide, Size: 0x10000, Name: `C:\app\app.exe`}}
		traces := 0x1000000 + slide
		p.AddHeap(&synth.Heap{Address: 0x20000000 + slide, Flags: synth.FlagGrowable | synth.FlagStackTrace, Interceptor: 1, Segments: []synth.Segment{{
			Items: []synth.Item{synth.Busy(300).WithStack(traces + 0x100), synth.Busy(200).WithStack(traces + 0x200), synth.Busy(100)}}}})
		p.Prepare = func(b *synth.Built) {
			b.Image.Reserve(traces, 0x10000, synth.MemPrivate, synth.PageReadWrite)
			synth.StackTrace(b.Image, synth.X64, traces+0x100, 1, p.Modules[0].Base+0x1111, p.Modules[0].Base+0x2222)
			synth.StackTrace(b.Image, synth.X64, traces+0x200, 2, p.Modules[0].Base+0x1111, p.Modules[0].Base+0x2223)
		}
		for _, g := range take(t, open(t, p.Build()), attrib.Options{By: []attrib.By{attrib.Stack, attrib.Heap}}).Groups {
			out = append(out, g.Fingerprint())
		}
		return out
	}
	here, there := prints(0), prints(0x3000000)
	if len(here) != 3 || !reflect.DeepEqual(here, there) {
		t.Errorf("%v, at other addresses %v", here, there)
	}
	if here[0] == here[1] || here[1] == here[2] {
		t.Errorf("different owners, the same fingerprint: %v", here)
	}
}

// TestAssign: every block picked is in its group.
func TestAssign(t *testing.T) {
	tg := open(t, synth.Article003().Build())
	r := take(t, tg, attrib.Options{By: []attrib.By{attrib.Size}, Assign: true})
	blocks := make([]int, len(r.Groups))
	for _, m := range r.Assigned {
		blocks[m.Group]++
	}
	for i, g := range r.Groups {
		if blocks[i] != g.Blocks {
			t.Errorf("group %v has %d blocks, %d are assigned to it", g.Keys, g.Blocks, blocks[i])
		}
	}
	if len(r.Assigned) != r.Blocks || r.Blocks == 0 {
		t.Errorf("%d of %d blocks", len(r.Assigned), r.Blocks)
	}
}
