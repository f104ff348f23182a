package minidump

import (
	"testing"
)

// fuzzedStreams are those that are read as lists or records, and how many
// bytes one entry has at least.
var fuzzedStreams = []struct {
	t    StreamType
	each int
}{
	{ThreadListStream, 48}, {ModuleListStream, 108}, {MemoryListStream, 16}, {ExceptionStream, 168}, {SystemInfoStream, 56}, {Memory64ListStream, 16}, {CommentStreamA, 1}, {CommentStreamW, 2},
	{HandleDataStream, 32}, {FunctionTableStream, 24}, {UnloadedModuleListStream, 24}, {MiscInfoStream, 24}, {MemoryInfoListStream, 48}, {ThreadInfoListStream, 64}, {TokenStream, 16},
	{SystemMemoryInfoStream, 492}, {ProcessVMCountersStream, 16}, {ThreadNamesStream, 12}, {ThreadExListStream, 64},
}

// FuzzStreams: one stream of any content in a dump that is sound otherwise,
// with something behind it that offsets in it can lead to: every reader ends,
// gives no more entries than the stream has room for, and the same at every
// call.
func FuzzStreams(f *testing.F) {
	for i := range fuzzedStreams {
		f.Add(uint8(i), words(u32(1), zeros(200)), zeros(64), uint16(0))
		f.Add(uint8(i), words(u32(12), u32(fuzzedStreams[i].each), u32(2), zeros(140)), words(u32(6), "a\x00b\x00c\x00\x00\x00", x64Context()), uint16(20))
		f.Add(uint8(i), words(u32(-1), u32(-1), u32(-1), u32(-1)), words(u32(-2)), uint16(4))
	}
	f.Fuzz(func(t *testing.T, which uint8, stream, behind []byte, at uint16) {
		kind := fuzzedStreams[int(which)%len(fuzzedStreams)]
		d := newDump()
		off := d.blob(behind)
		if kind.t != SystemInfoStream {
			d.add(SystemInfoStream, systemInfo(AMD64, 0))
		}
		if int(at)+4 <= len(stream) { // the fuzzer need not find where the rest is
			copy(stream[at:], u32(off))
		}
		d.add(kind.t, stream)
		file, err := Parse(d.data)
		if err != nil {
			return
		}
		first := everything(file)
		if second := everything(file); first != second {
			t.Error("another answer at the second call")
		}
		room := len(stream)/kind.each + 1
		space := file.Memory(nil)
		for _, n := range []int{len(file.Threads(nil)), len(file.Modules(nil)), len(file.UnloadedModules(nil)), len(file.ThreadInfos(nil)), len(file.ThreadNames(nil)), len(file.Handles(nil)), len(file.Tokens(nil)), len(space.AllRuns())} {
			if n > room {
				t.Errorf("%d entries in a stream of %d bytes", n, len(stream))
			}
		}
		saved := 0
		for _, r := range space.AllRuns() {
			saved += len(r.Bytes)
		}
		if saved > len(d.data)*room {
			t.Errorf("%d bytes of memory in a file of %d", saved, len(d.data))
		}
	})
}
