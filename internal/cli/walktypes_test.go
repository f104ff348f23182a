package cli_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/heapdump/heapdump/internal/cli"
	"github.com/heapdump/heapdump/internal/synth"
)

// typed is a process whose heap has the same object in a plain block, in a
// block of the debug C runtime, in one of light page heap, in one of both, in
// one that light page heap keeps after its free, and behind 8 other bytes.
func typed(t *testing.T, a synth.Arch) string {
	t.Helper()
	const base, typeInfo, heapAt, bytes = 0x10000000, 0x10003800, 0x2c0000, 40
	code := make([]byte, 0x400)
	rtti, table := synth.RTTI(a, base, 0x2000, typeInfo, synth.RTTIClass{Mangled: ".?AVWidget@gui@@"}, []uint32{0x1000, 0x1100, 0x1200})
	pe := &synth.PE{Arch: a, Base: base, DLL: true, Sections: []synth.PESection{
		{Name: ".text", RVA: 0x1000, Flags: synth.SecCode, Data: code},
		{Name: ".rdata", RVA: 0x2000, Flags: synth.SecRData, Data: rtti},
		{Name: ".rdata2", RVA: 0x3000, Size: 0x1000, Flags: synth.SecRData}}}
	object := make([]byte, bytes)
	binary.LittleEndian.PutUint32(object, base+table)
	l := &synth.CRTList{Arch: a, Form: synth.CRTUniversal, Blocks: []synth.CRTBlock{
		{Size: bytes, Use: synth.CRTNormal, Request: 70, Content: object}, {Size: bytes, Use: synth.CRTNormal, Request: 71, Content: object}}}
	light := func(size uint64, freed bool) synth.Item {
		made := synth.LightBlock(a, heapAt, size, 16, 0, freed)
		return synth.Busy(8*a.PtrSize() + size + 16).WithMade(made)
	}
	inner := l.RoomOf(1)
	p := synth.NewProcess(synth.Win10v1809, a)
	p.AddHeap(&synth.Heap{Address: heapAt, Segments: []synth.Segment{{Reserve: 0x40000, Items: []synth.Item{
		synth.Busy(bytes).WithContent(object), synth.Busy(l.RoomOf(0)), light(bytes, false), light(inner, false), light(bytes, true),
		synth.Busy(bytes + 8).WithContent(append(make([]byte, 8), object...))}}}})
	p.Modules = append(p.Modules, synth.Module{Base: base, Size: pe.Size(), Name: `C:\app\gui.dll`, PE: pe})
	p.Prepare = func(b *synth.Built) {
		var users []uint64
		for _, x := range b.Heaps[0].Only(synth.StateBusy) {
			users = append(users, x.User)
		}
		head := 8 * a.PtrSize()
		l.Write(b.Image, []uint64{users[1], users[3] + head})
		b.Image.Write(users[2]+head, object)
		b.Image.Write(users[4]+head, object)
	}
	path := filepath.Join(t.TempDir(), "typed.dmp")
	if err := os.WriteFile(path, p.Build().Dump.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestWalkTypes: the class is looked for at the program's own pointer, behind
// the headers of the debug C runtime and of light page heap, whether --crt
// shows the former or not. A block that was freed has none.
func TestWalkTypes(t *testing.T) {
	for _, a := range []synth.Arch{synth.X86, synth.X64} {
		path := typed(t, a)
		for _, crt := range []string{"auto", "never"} {
			w := newWorld(nil)
			if code := cli.Main(context.Background(), []string{"walk", "--heap", "0x2c0000", "--state", "busy", "--crt", crt, "--format", "ndjson", path}, w.Env); code != 0 {
				t.Fatalf("exit %d: %s", code, w.stderr.String())
			}
			var got []string
			for line := range strings.Lines(w.stdout.String()) {
				var row struct {
					Type *string
					CRT  *struct{ Request int }
				}
				if err := json.Unmarshal([]byte(line), &row); err != nil {
					t.Fatal(err)
				}
				s := "-"
				if row.Type != nil {
					s = *row.Type
				}
				if row.CRT != nil {
					s += " crt"
				}
				got = append(got, s)
			}
			want := []string{"gui::Widget", "gui::Widget crt", "gui::Widget", "gui::Widget crt", "-", "-"}
			if crt == "never" {
				want = []string{"gui::Widget", "gui::Widget", "gui::Widget", "gui::Widget", "-", "-"}
			}
			if !slices.Equal(got, want) {
				t.Errorf("%v, --crt %s: %q, want %q", a, crt, got, want)
			}
		}
	}
}
