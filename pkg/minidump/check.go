package minidump

import (
	"fmt"

	"github.com/heapdump/heapdump/pkg/diag"
)

// Check reports what is wrong with the header and the directory: an odd
// version, a directory cut short, streams that stand twice, and streams
// without a reader here that are not in the file. What is wrong with the
// others is reported by whoever reads them.
func (f *File) Check(sink diag.Sink) {
	for _, x := range f.found {
		sink.Put(x.problem())
	}
	seen := make(map[StreamType]bool, len(f.streams))
	for i, s := range f.streams {
		if !s.used() {
			continue
		}
		at := uint64(f.Directory) + uint64(i)*directorySize
		if seen[s.Type] && s.Type.name() != "" { // writers may put any number of their own
			sink.Put(finding{CodeStreamDuplicate, at, s.Type.String(), "StreamType", "one stream of this kind", "another", 0}.problem())
			continue
		}
		seen[s.Type] = true
		if s.Whole() || s.Type.read() {
			continue
		}
		code, lost := CodeStreamTruncated, uint64(s.Size)-s.Present
		if s.Present == 0 {
			code = CodeStreamOutsideFile
		}
		sink.Put(finding{code, at, s.Type.String(), "Location", fmt.Sprintf("%d bytes at %#x", s.Size, s.Offset),
			fmt.Sprintf("%d bytes", s.Present), lost}.problem())
	}
}

// read reports whether a method of File with a sink reads streams of the type.
func (t StreamType) read() bool {
	switch t {
	case ThreadListStream, ModuleListStream, MemoryListStream, ExceptionStream, ThreadExListStream,
		Memory64ListStream, HandleDataStream, FunctionTableStream, UnloadedModuleListStream,
		MemoryInfoListStream, ThreadInfoListStream, ThreadNamesStream, TokenStream:
		return true
	}
	return false
}
