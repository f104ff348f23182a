package process_test

import (
	"encoding/binary"
	"runtime"
	"testing"

	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/minidump"
	"github.com/heapdump/heapdump/pkg/process"
)

// FuzzProcess: whatever stands in the PEBs, the TEBs, the process parameters
// and the loader's lists, each reader ends, allocates within bounds, and says
// of no list more entries than the memory could hold.
func FuzzProcess(f *testing.F) {
	wow := synth.NewWOW64(synth.Win10v1809)
	wow.Loader = true
	wow.AddHeap(&synth.Heap{Address: 0x640000, Segments: []synth.Segment{{Items: []synth.Item{synth.Busy(24)}}}})
	dumps := [][]byte{synth.Demo().Build().Dump.Bytes(), wow.Build().Dump.Bytes(), synth.Article001(3, 0x2c0000).Build().Dump.Bytes()}
	for i := range dumps {
		f.Add(uint8(i), []byte(nil))
		f.Add(uint8(i), []byte{0x18, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0x20, 0, 0xff, 0xff, 0xff, 0xff})
	}
	f.Fuzz(func(t *testing.T, which uint8, edits []byte) {
		file, err := minidump.Parse(dumps[int(which)%len(dumps)])
		if err != nil {
			t.Fatal(err)
		}
		space, saved := edited(file.Memory(nil), pages(file), edits)
		s := process.Source{Space: space, Bits: file.Arch().Bits()}
		for _, th := range file.Threads(nil) {
			s.Threads = append(s.Threads, process.Thread{ID: th.ID, TEB: th.TEB})
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for _, th := range s.Threads {
			s.ThreadBlocks(th)
			s.WOW64Context(th.TEB)
		}
		process.TEBs(s)
		for _, p := range process.PEBs(s, nil) {
			s.ReadHead(p)
			s.ReadParameters(p)
			process.Areas(s, p)
			l, _ := s.ReadLoader(p, nil)
			if uint64(len(l.Entries)) > saved/16 {
				t.Errorf("%d modules of a list in %d bytes", len(l.Entries), saved)
			}
		}
		runtime.ReadMemStats(&after)
		if used := after.TotalAlloc - before.TotalAlloc; used > 64<<20 {
			t.Errorf("%d bytes allocated for %d of memory", used, saved)
		}
	})
}

// pages are the places that a process's structures begin at.
func pages(f *minidump.File) []memory.Addr {
	var out []memory.Addr
	s := process.Source{Space: f.Memory(nil), Bits: f.Arch().Bits()}
	for _, th := range f.Threads(nil) {
		out = append(out, th.TEB)
		s.Threads = append(s.Threads, process.Thread{ID: th.ID, TEB: th.TEB})
	}
	for _, p := range process.PEBs(s, nil) {
		out = append(out, p.Address, p.Ldr, p.ProcessParameters)
	}
	return out
}

// edited is the memory with words written near the places: each edit is one
// byte that chooses the place, two of offset, four that are written.
func edited(s *memory.Space, at []memory.Addr, edits []byte) (*memory.Space, uint64) {
	var runs []memory.Run
	saved := uint64(0)
	for r := range s.Runs(memory.Range{Start: 0, End: ^memory.Addr(0)}) {
		runs = append(runs, memory.Run{Start: r.Start, Bytes: append([]byte(nil), r.Bytes...)})
		saved += uint64(len(r.Bytes))
	}
	for ; len(edits) >= 7; edits = edits[7:] {
		to := at[int(edits[0])%len(at)].Add(uint64(binary.LittleEndian.Uint16(edits[1:])) % 0x2000)
		for _, r := range runs {
			if off := to.Sub(r.Start); to >= r.Start && off < uint64(len(r.Bytes)) {
				copy(r.Bytes[off:], edits[3:7])
			}
		}
	}
	return memory.NewSpace(memory.Contents{Runs: runs}), saved
}
