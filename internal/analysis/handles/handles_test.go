package handles_test

import (
	"context"
	"encoding/binary"
	"slices"
	"testing"

	"github.com/heapdump/heapdump/internal/analysis/handles"
	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/minidump"
)

func open(t *testing.T, d *synth.Dump) *target.Target {
	t.Helper()
	x, err := target.Parse("test", d.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// TestRights: the masks that winnt.h adds up, and bits beyond them.
func TestRights(t *testing.T) {
	for _, x := range []struct {
		typ  string
		mask uint32
		want []string
	}{
		{"Event", 0x1f0003, []string{"EVENT_ALL_ACCESS"}},
		{"Event", 0x100003, []string{"EVENT_QUERY_STATE", "EVENT_MODIFY_STATE", "SYNCHRONIZE"}},
		{"Event", 0x100007, []string{"EVENT_QUERY_STATE", "EVENT_MODIFY_STATE", "SYNCHRONIZE", "0x4"}},
		{"Process", 0x1fffff, []string{"PROCESS_ALL_ACCESS"}},
		{"Process", 0x1f0fff, []string{"PROCESS_ALL_ACCESS"}},
		{"Process", 0x1410, []string{"PROCESS_VM_READ", "PROCESS_QUERY_INFORMATION", "PROCESS_QUERY_LIMITED_INFORMATION"}},
		{"File", 0x12019f, []string{"FILE_GENERIC_READ", "FILE_GENERIC_WRITE"}},
		{"Key", 0x20019, []string{"KEY_READ"}},
		{"Key", 0x80000000, []string{"GENERIC_READ"}},
		{"Mystery", 0x10001, []string{"DELETE", "0x1"}},
		{"Event", 0, nil},
	} {
		if got := handles.Rights(x.typ, x.mask); !slices.Equal(got, x.want) {
			t.Errorf("%s %#x: %q, want %q", x.typ, x.mask, got, x.want)
		}
	}
}

func words(n ...uint32) []byte {
	var b []byte
	for _, v := range n {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	return b
}

// TestInfo: what the stream holds of each kind of object, built by hand from
// the NT headers' structures.
func TestInfo(t *testing.T) {
	d := synth.NewDump(synth.X64)
	add := func(infos ...synth.HandleInfo) {
		d.Handles.Handles = append(d.Handles.Handles, synth.Handle{Handle: 4, TypeName: "X", Info: infos})
	}
	d.Handles = &synth.HandleData{}
	add(synth.HandleInfo{Type: 6, Data: words(1, 0)})
	add(synth.HandleInfo{Type: 6, Data: words(0, 1)})
	add(synth.HandleInfo{Type: 8, Data: words(3, 10)})
	add(synth.HandleInfo{Type: 2, Data: words(1, 0)})
	add(synth.HandleInfo{Type: 2, Data: words(0xffffffff, 0x100)}, synth.HandleInfo{Type: 3, Data: words(0x1a2c, 0, 0x1a30, 0)})
	add(synth.HandleInfo{Type: 7, Data: words(0, 0, 0x8000000, 0, 0x10000, 0)})
	add(synth.HandleInfo{Type: 1, Data: words(0x103, 0, 0x1000, 0, 0x1a2c, 0, 0x1a30, 0, 0xff, 0, 9, 8)})
	add(synth.HandleInfo{Type: 1, Data: words(0xc0000005, 0, 0x1000, 0, 0x1a2c, 0, 0x1a30, 0, 0xff, 0, 9, 8)})
	add(synth.HandleInfo{Type: 5, Data: words(64, 0, 0, 0, 0x2000, 0, 0xff, 0, 8, 0, 100, 0, 52, 0, 0, 0)})
	add(synth.HandleInfo{Type: 8, Data: words(3)})
	add(synth.HandleInfo{Type: 7, Data: words(0, 0, 0x1800004, 0, 0x10000, 0)})
	add(synth.HandleInfo{Type: 3, Data: words(0x1a2c, 0, 0x1a34, 0)})
	add()
	d.Threads = append(d.Threads, synth.Thread{ID: 0x1a34})
	d.AddThreadName(0x1a34, "Queue")
	want := [][]string{
		{"auto reset", "not signaled"},
		{"manual reset", "signaled"},
		{"count 3 of at most 10"},
		{"free"},
		{"held, taken 2 times, abandoned", "owner thread 0x1a30 of process 6700"},
		{"SEC_COMMIT", "maximum size 65536 bytes"},
		{"thread 0x1a30 of process 6700", "running", "priority 9, base 8", "TEB 0x1000"},
		{"thread 0x1a30 of process 6700", "thread has ended, status 0xc0000005", "priority 9, base 8", "TEB 0x1000"},
		{"process 100", "parent 52", "process has ended, status 0x0", "base priority 8"},
		{"SemaphoreInformation1 of 4 bytes, not understood"},
		{"SEC_FILE|SEC_IMAGE|attributes 0x4", "maximum size 65536 bytes"},
		{"owner thread 0x1a34 (Queue) of process 6700"},
		nil,
	}
	r := handles.Take(open(t, d), handles.Filter{})
	if len(r.Handles) != len(want) {
		t.Fatalf("%d handles", len(r.Handles))
	}
	for i, w := range want {
		if got := handles.Info(&r.Handles[i].Handle, r.Handles[i].Threads); !slices.Equal(got, w) {
			t.Errorf("%d: %q, want %q", i, got, w)
		}
	}
	if got := handles.DebuggerInfo(&r.Handles[0].Handle); !slices.Equal(got, []string{"Event Type Auto Reset", "Event is Waiting"}) {
		t.Errorf("%q", got)
	}
	if got := handles.DebuggerInfo(&minidump.Handle{}); got != nil {
		t.Errorf("%q of nothing", got)
	}
}

func TestFilter(t *testing.T) {
	x := open(t, synth.Demo().Build().Dump)
	for _, c := range []struct {
		f    handles.Filter
		want []uint64
	}{
		{handles.Filter{}, []uint64{0x4, 0x48, 0x7c, 0x90, 0xa4}},
		{handles.Filter{Type: "event"}, []uint64{0x4}},
		{handles.Filter{Name: "ORCHARD"}, []uint64{0x48, 0x7c, 0x90}},
		{handles.Filter{Mask: 0x1f0001}, []uint64{0x4, 0x7c, 0xa4}},
		{handles.Filter{Rights: "mutant_all_access"}, []uint64{0x7c}},
		{handles.Filter{Rights: "READ_CONTROL"}, []uint64{0x4, 0x48, 0x7c, 0x90, 0xa4}},
		{handles.Filter{Rights: "key_read"}, []uint64{0x90}},
		{handles.Filter{Type: "None"}, nil},
	} {
		r := handles.Take(x, c.f)
		var got []uint64
		for _, h := range r.Handles {
			got = append(got, h.Handle.Handle)
		}
		if !slices.Equal(got, c.want) || r.Read != 5 || r.Declared != 5 || !r.Inverted {
			t.Errorf("%+v: %#x, want %#x", c.f, got, c.want)
		}
	}
}

// TestCut: a header that promises more handles than there are.
func TestCut(t *testing.T) {
	d := synth.NewDump(synth.X64)
	d.Handles = &synth.HandleData{Handles: []synth.Handle{{Handle: 4, TypeName: "Event"}, {Handle: 8}}}
	f := d.File()
	s, _ := f.Stream(synth.StreamHandleData)
	f.Poke32(s.Off+8, 1000)
	x, err := target.Parse("test", f.Data)
	if err != nil {
		t.Fatal(err)
	}
	r := handles.Take(x, handles.Filter{})
	if r.Declared != 1000 || r.Read != 2 || len(r.Problems) == 0 || !r.Listed {
		t.Errorf("declared %d, read %d, %d problems", r.Declared, r.Read, len(r.Problems))
	}
	if want := []handles.TypeCount{{Type: "Event", Count: 1}, {Type: handles.Unnamed, Count: 1}}; !slices.Equal(r.ByType, want) {
		t.Errorf("%v", r.ByType)
	}
	if r := handles.Take(open(t, synth.NewDump(synth.X64)), handles.Filter{}); r.Listed || r.Read != 0 {
		t.Errorf("handles of a dump without: %+v", r)
	}
}

// TestHeld: numbers in a region of the program's own. 0x100 and 0x200 are
// handles whose numbers stand there, 0x300 is one that nothing holds; every
// other number between is a control, some of which stand there too.
func TestHeld(t *testing.T) {
	d := synth.NewDump(synth.X64)
	d.Handles = &synth.HandleData{}
	for _, h := range []uint64{0x8, 0x100, 0x200, 0x300, 0x302, 1 << 30} {
		d.Handles.Handles = append(d.Handles.Handles, synth.Handle{Handle: h, TypeName: "Event"})
	}
	m := synth.NewImage(synth.X64)
	m.Reserve(0x10000, 0x1000, synth.MemPrivate, synth.PageReadWrite)
	m.Commit(0x10000, 0x1000, synth.PageReadWrite)
	m.Reserve(0x20000, 0x1000, synth.MemPrivate, synth.PageReadOnly)
	m.Commit(0x20000, 0x1000, synth.PageReadOnly)
	at := uint64(0x10000)
	put := func(v uint64) { m.PutU64(at, v); at += 8 }
	put(0x8)
	put(0x8)
	put(0x100)
	put(0x100)
	put(0x200)
	for n := uint64(0x180); n < 0x200; n += 4 { // controls below 0x200 stand there once as well
		put(n)
	}
	put(0x300 << 8)            // no number
	m.PutU64(0x20000, 0x300)   // not writable
	m.PutU32(0x10800+4, 0x300) // no aligned word
	m.PutU64(0x10900, 0x300|3) // tagged: not the number
	m.Apply(d)
	r := handles.Take(open(t, d), handles.Filter{})
	steps := uint64(0)
	if err := r.FindHeld(context.Background(), open(t, d), func(done, total uint64) { steps = total - done }); err != nil || steps != 0 {
		t.Fatal(err, steps)
	}
	want := []struct {
		total   uint64
		verdict handles.Verdict
	}{{2, handles.Unsure}, {2, handles.Referenced}, {1, handles.Unsure}, {0, handles.Unreferenced}, {0, handles.NotSearched}, {0, handles.NotSearched}}
	for i, w := range want {
		h := r.Handles[i].Held
		if h.Total() != w.total || h.Other != w.total || h.Verdict != w.verdict {
			t.Errorf("handle %#x: %+v, want %+v", r.Handles[i].Handle.Handle, *h, w)
		}
	}
	if r.Search.Bytes != 0x1000 || r.Search.Width != 8 || r.Search.Controls != 0x300/4-4 {
		t.Errorf("%+v", *r.Search)
	}
	ctx, stop := context.WithCancel(context.Background())
	stop()
	if err := r.FindHeld(ctx, open(t, d), nil); err == nil {
		t.Error("no error when cancelled")
	}
}

// TestUntyped: why the type of a handle is not known.
func TestUntyped(t *testing.T) {
	d := synth.NewDump(synth.X64)
	d.Handles = &synth.HandleData{Handles: []synth.Handle{{Handle: 4, TypeName: "Event"}, {Handle: 8}, {Handle: 12, GrantedAccess: 0x804}, {Handle: 16, TypeName: "Key"}}}
	f := d.File()
	s, _ := f.Stream(synth.StreamHandleData)
	f.Poke32(s.Off+16+3*int(binary.LittleEndian.Uint32(f.Data[s.Off+4:]))+8, 0x7fffffff) // the type's name of the last
	x, err := target.Parse("test", f.Data)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"", "the dump's writer recorded the number alone: no type, access or counts", "the dump's writer recorded no type (TypeNameRva is 0)",
		"its name, at the file offset 0x7fffffff, cannot be read"} {
		if got := handles.Take(x, handles.Filter{}).Handles[i].Untyped(); got != want {
			t.Errorf("%d: %q, want %q", i, got, want)
		}
	}
}
