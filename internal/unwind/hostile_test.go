package unwind

import (
	"encoding/binary"
	"testing"

	"github.com/heapdump/heapdump/internal/symbols"
	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/internal/target"
)

// hostile is a dump whose thread stopped in an image with the given exception
// directory and unwind data at RVA 0x2000, of which directory bytes are the
// directory.
func hostile(t testing.TB, unwind, stack []byte, directory uint32) []Stack {
	pe := &synth.PE{Arch: synth.X64, Base: imageBase, Sections: []synth.PESection{
		{Name: ".text", RVA: 0x1000, Size: 0x1000, Flags: synth.SecCode, Data: []byte("\x90\x90\x90\x90\xe8\x00\x00\x00\x00\x90\x48\x83\xc4\x28\xc3")},
		{Name: ".pdata", RVA: 0x2000, Size: 0x1000, Flags: synth.SecRData, Data: unwind}}}
	pe.Directories[3] = [2]uint32{0x2000, directory}
	proc := synth.NewProcess(synth.Win10v1809, synth.X64)
	proc.Modules = []synth.Module{{Base: imageBase, Size: pe.Size(), Name: `C:\app\app.exe`, PE: pe}}
	proc.Prepare = func(b *synth.Built) {
		b.Image.Write(stackTop-uint64(len(stack)), stack)
		b.Dump.Threads[0].Context = synth.Context(synth.X64, imageBase+0x1009, stackTop-uint64(len(stack)), stackTop-0x40)
	}
	tg, err := target.Parse("test.dmp", proc.Build().Dump.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return New(tg, symbols.New(tg)).Stacks(tg.File.Threads(nil)[0])
}

// entry is a RUNTIME_FUNCTION.
func entry(begin, end, info uint32) []byte {
	le := binary.LittleEndian
	return le.AppendUint32(le.AppendUint32(le.AppendUint32(nil, begin), end), info)
}

// join joins bytes.
func join(parts ...[]byte) (b []byte) {
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

// TestHostile: unwind data that leads nowhere, round in circles or off the
// stack ends the stack with the reason.
func TestHostile(t *testing.T) {
	words := func(v ...uint64) (b []byte) {
		for _, w := range v {
			b = binary.LittleEndian.AppendUint64(b, w)
		}
		return b
	}
	self := words(imageBase+0x1009, imageBase+0x1009, imageBase+0x1009, imageBase+0x1009)
	function := entry(0x1000, 0x1100, 0x200c)
	for name, x := range map[string]struct {
		unwind, stack []byte
		frames        int
		end           End
	}{
		"every word returns to itself":    {join(function, []byte{1, 0, 0, 0}), self, 5, Bounds},
		"a chain of itself":               {join(function, []byte{1 | 4<<3, 0, 0, 0}, function), self, 1, BadData},
		"an indirect entry to itself":     {entry(0x1000, 0x1100, 0x2001), self, 1, BadData},
		"unwind data outside the image":   {entry(0x1000, 0x1100, 0x7ffffff0), self, 1, BadData},
		"a chain that leaves the image":   {join(function, []byte{1 | 4<<3, 0, 0, 0}, entry(0, 0x1100, 0xfffffff0)), self, 1, BadData},
		"a version of tomorrow":           {join(function, []byte{3, 0, 0, 0}), self, 1, BadData},
		"a code cut off":                  {join(function, []byte{1, 0, 1, 0, 0, 0x01}), self, 1, BadData},
		"a code that is none":             {join(function, []byte{1, 0, 1, 0, 0, 0x0f}), self, 1, BadData},
		"pushes its stack pointer":        {join(function, []byte{1, 0, 1, 0, 0, 0x40}), self, 1, BadData},
		"allocates past the stack":        {join(function, []byte{1, 0, 3, 0, 0, 0x11, 0xf8, 0xff, 0xff, 0x7f}), self, 1, Bounds},
		"allocates round the world":       {join(function, []byte{1, 0, 3, 0, 0, 0x11, 0xf8, 0xff, 0xff, 0xff}), self, 1, Bounds},
		"saves far from the stack":        {join(function, []byte{1, 0, 3, 0, 0, 0x35, 0xf8, 0xff, 0xff, 0x7f}), self, 1, Bounds},
		"a machine frame of the same":     {join(function, []byte{1, 0, 1, 0, 0, 0x0a}), words(imageBase+0x1009, 0x33, 0x246, stackTop-40, 0x2b), 1, Loop},
		"returns to data":                 {join(function, []byte{1, 0, 0, 0}), words(imageBase + 0x2000), 1, NotCode},
		"the thread's start":              {join(function, []byte{1, 0, 0, 0}), words(imageBase+0x1009, 0), 2, Start},
		"a frame register that leads off": {join(function, []byte{1, 0, 1, 0x03, 0, 0x03}), words(0, 0), 1, Bounds},
	} {
		t.Run(name, func(t *testing.T) {
			s := hostile(t, x.unwind, x.stack, 12)[0]
			if len(s.Frames) != x.frames || s.End != x.end || s.Why == "" {
				t.Errorf("%d frames, %v: %s", len(s.Frames), s.End, s.Why)
			}
		})
	}
}

// FuzzUnwind: any unwind data and stack end with a reason, in frames that go
// up the stack and are no more than it has words.
func FuzzUnwind(f *testing.F) {
	f.Add(join(entry(0x1000, 0x1100, 0x200c), []byte{1, 4, 1, 0, 4, 0x42}), make([]byte, 0x100), uint32(12))
	f.Add(join(entry(0x1000, 0x1100, 0x200c), []byte{1 | 4<<3, 0, 0, 0}, entry(0x1000, 0x1100, 0x200c)), make([]byte, 0x40), uint32(12))
	f.Add(join(entry(0x1000, 0x1100, 0x200c), []byte{2, 0, 4, 5, 1, 0x16, 0, 6, 0, 3, 0, 0x50}), make([]byte, 0x40), uint32(12))
	f.Add(join(entry(0x1000, 0x1100, 0x200c), []byte{1, 0, 1, 0, 0, 0x1a}), make([]byte, 0x80), uint32(12))
	f.Add([]byte{}, []byte{9, 0x10, 0, 0, 0xf6, 0x7f, 0, 0, 9, 0x10, 0, 0, 0xf6, 0x7f, 0, 0}, uint32(0))
	f.Fuzz(func(t *testing.T, unwind, stack []byte, directory uint32) {
		if len(unwind) > 0x1000 || len(stack) > 0x1000 {
			return
		}
		for _, s := range hostile(t, unwind, stack, directory%0x1000) {
			if s.Why == "" || len(s.Frames) == 0 || uint64(len(s.Frames)) > s.Limits.Size()/8+1 {
				t.Fatalf("%d frames of %v: %v %q", len(s.Frames), s.Limits, s.End, s.Why)
			}
			for i := 1; i < len(s.Frames); i++ {
				if s.Frames[i].SP <= s.Frames[i-1].SP || s.Frames[i].SP > s.Limits.End || s.Frames[i-1].Return != s.Frames[i].IP {
					t.Fatalf("frame %d: %+v after %+v", i, s.Frames[i], s.Frames[i-1])
				}
			}
		}
	})
}
