package minidump

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/heapdump/heapdump/internal/synth"
)

// seeds are a dump with every stream, by hand, and dumps of the builder.
func seeds() [][]byte {
	b := newDump()
	at := b.blob(x64Context())
	name := b.text("name")
	b.add(SystemInfoStream, systemInfo(AMD64, name)).add(MiscInfoStream, miscInfo(1364))
	b.add(ThreadListStream, u32(1), zeros(40), u32(0x4d0), u32(at))
	b.add(ThreadInfoListStream, u32(12), u32(64), u32(1), zeros(64)).add(ThreadNamesStream, u32(1), u32(0), u64(uint64(name)))
	b.add(ModuleListStream, u32(1), u64(0x1000), u32(0x1000), zeros(8), u32(name), zeros(84))
	b.add(UnloadedModuleListStream, u32(12), u32(24), u32(1), zeros(24)).add(MemoryListStream, u32(1), u64(0x1000), u32(64), u32(0))
	b.add(Memory64ListStream, u64(1), u64(64), u64(0x1020), u64(64)).add(MemoryInfoListStream, u32(16), u32(48), u64(1), info(0x1000, 0x1000, 0x1000, 4, 0x20000))
	b.add(ExceptionStream, zeros(168)).add(HandleDataStream, u32(16), u32(40), u32(1), u32(0), zeros(8), u32(name), zeros(20), u32(at), u32(0))
	b.add(TokenStream, u32(32), u32(1), u32(16), u32(16), u32(16), zeros(12)).add(FunctionTableStream, u32(24), u32(32), u32(0), u32(12), u32(1), u32(0), zeros(32))
	b.add(SystemMemoryInfoStream, zeros(492)).add(ProcessVMCountersStream, u16(2), u16(31), zeros(148))
	return [][]byte{b.data, newDump().data, synth.NewDump(synth.X64).Bytes(), synth.NewDump(synth.X86).Bytes()}
}

// FuzzParse: no bytes make a reader panic, hang, or use memory beyond some
// times the file (most of it the text that everything makes, and 64 KiB of slack
// for the strings of each stream).
func FuzzParse(f *testing.F) {
	for _, s := range seeds() {
		f.Add(s)
	}
	odd, _ := filepath.Glob("../../testdata/dumps/malformed-*")
	for _, path := range odd {
		if b, err := os.ReadFile(path); err == nil {
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := Parse(data)
		if err != nil {
			return
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		everything(file)
		runtime.ReadMemStats(&after)
		if used, most := after.TotalAlloc-before.TotalAlloc, uint64(8<<20+400*len(data)); used > most {
			t.Errorf("%d bytes allocated for a file of %d", used, len(data))
		}
	})
}

// TestDamaged flips and cuts the seeds: each accessor survives it.
func TestDamaged(t *testing.T) {
	full := seeds()[0]
	for n := range full {
		if f, err := Parse(full[:n]); err == nil {
			everything(f)
		}
	}
	for i := range full {
		for _, v := range []byte{0x01, 0x7f, 0x80, 0xff} {
			data := append([]byte(nil), full...)
			data[i] ^= v
			if f, err := Parse(data); err == nil {
				everything(f)
			}
		}
	}
}

// FuzzHandles: whatever a handle stream and the object information behind it
// say, there are no more handles than descriptors fit, and no more of the
// information than fits the file; loops end.
func FuzzHandles(f *testing.F) {
	f.Add(u32(16), u32(1), zeros(40), zeros(24))
	f.Add(u32(16), u32(uint32(0xffffffff)), append(append(zeros(36), u32(8)...), zeros(4)...), append(append(u32(8), u32(1)...), u32(12)...))
	f.Fuzz(func(t *testing.T, header, count, descriptors, objects []byte) {
		d := newDump()
		at := d.blob(objects)
		stream := append([]byte{}, header[:min(len(header), 4)]...)
		stream = append(append(append(stream, u32(40)...), count[:min(len(count), 4)]...), zeros(4)...)
		stream = append(stream, descriptors...)
		// Every second descriptor's information is the objects', so that the
		// fuzzer need not find where they are.
		for i := 16; i+40 <= len(stream); i += 80 {
			copy(stream[i+32:], u32(at))
		}
		d.add(HandleDataStream, stream)
		file, err := Parse(d.data)
		if err != nil {
			return
		}
		all := file.Handles(nil)
		if len(all) > len(d.data)/32 {
			t.Errorf("%d handles in a file of %d bytes", len(all), len(d.data))
		}
		infos := 0
		for _, h := range all {
			infos += len(h.Info)
		}
		if infos > len(d.data)/12 {
			t.Errorf("%d pieces of information in a file of %d bytes", infos, len(d.data))
		}
	})
}
