package minidump

import (
	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/memory"
)

// The codes of the problems that reading the file format can find. What each
// means and its class stand in [Codes].
const (
	CodeHeaderVersion      diag.Code = "header-version"
	CodeDirectoryTruncated diag.Code = "directory-truncated"
	CodeStreamDuplicate    diag.Code = "stream-duplicate"
	CodeStreamOutsideFile  diag.Code = "stream-outside-file"
	CodeStreamTruncated    diag.Code = "stream-truncated"
	CodeStreamHeader       diag.Code = "stream-header"
	CodeStreamEntrySize    diag.Code = "stream-entry-size"
	CodeStreamCount        diag.Code = "stream-count"
	CodeStreamString       diag.Code = "stream-string"
	CodeStreamLink         diag.Code = "stream-link"
	CodeContext            diag.Code = "thread-context"
	CodeCodeView           diag.Code = "module-codeview"
	CodeMemoryRangeCut     diag.Code = "memory-range-cut"
	CodeMemoryRangeWraps   diag.Code = "memory-range-wraps"
	CodeMemoryShared       diag.Code = "memory-shared"
	CodeMemoryOverlap      diag.Code = "memory-overlap"
	CodeRegionInvalid      diag.Code = "region-invalid"
)

// CodeMeaning is what a code of this package stands for.
type CodeMeaning struct {
	Code    diag.Code
	Class   diag.Class
	Meaning string
}

// Codes returns every code of this package with its class and meaning.
func Codes() []CodeMeaning {
	return []CodeMeaning{
		{CodeHeaderVersion, diag.Unsupported, "the header's version word is not that of a minidump"},
		{CodeDirectoryTruncated, diag.Incomplete, "the header announces more streams than the file has directory entries for"},
		{CodeStreamDuplicate, diag.Corrupt, "a second stream of a kind that stands once; the first is used"},
		{CodeStreamOutsideFile, diag.Incomplete, "a stream begins beyond the end of the file"},
		{CodeStreamTruncated, diag.Incomplete, "a stream goes on beyond the end of the file; what is there is used"},
		{CodeStreamHeader, diag.Corrupt, "a stream is too short for its own header, or the header contradicts the stream"},
		{CodeStreamEntrySize, diag.Corrupt, "a stream's entries are said to be smaller than any that are known"},
		{CodeStreamCount, diag.Corrupt, "a stream claims more entries than its size has room for; those that fit are used"},
		{CodeStreamString, diag.Corrupt, "a string lies outside the file, or its length cannot be; what is there is used"},
		{CodeStreamLink, diag.Corrupt, "a reference from one record to another leads outside the file, or its chain does not end"},
		{CodeContext, diag.Corrupt, "a thread context lies outside the file or fits no known processor"},
		{CodeCodeView, diag.Corrupt, "a module's CodeView record lies outside the file or is too short"},
		{CodeMemoryRangeCut, diag.Incomplete, "the bytes of saved memory ranges lie beyond the end of the file; one problem for all of a list"},
		{CodeMemoryRangeWraps, diag.Corrupt, "a memory range reaches past the top of the address space; it is cut there"},
		{CodeMemoryShared, diag.Corrupt, "memory ranges use the same bytes of the file again and again; the excess is left out"},
		{CodeMemoryOverlap, diag.Corrupt, "two saved ranges give different bytes for one address; the later list, and in it the later range, is used"},
		{CodeRegionInvalid, diag.Corrupt, "a memory region is empty, wraps or overlaps another; it is left out or trimmed"},
	}
}

// class returns the class of a code of this package.
func class(c diag.Code) diag.Class {
	for _, m := range Codes() {
		if m.Code == c {
			return m.Class
		}
	}
	return diag.Corrupt
}

// finding is a problem without its place and class spelled out.
type finding struct {
	code          diag.Code
	off           uint64 // file offset
	object, field string
	want, got     string
	lost          uint64
}

// problem makes the finding a Problem.
func (x finding) problem() diag.Problem {
	return diag.Problem{Code: x.code, Class: class(x.code), At: diag.AtFile(x.off),
		Object: x.object, Field: x.field, Want: x.want, Got: x.got, Lost: x.lost}
}

// note keeps a finding of Parse for Check.
func (f *File) note(code diag.Code, off uint64, object, field, want, got string, lost uint64) {
	f.found = append(f.found, finding{code, off, object, field, want, got, lost})
}

// inMemory makes a Problem about an address of the process.
func inMemory(code diag.Code, at memory.Addr, object, field, want, got string, lost uint64) diag.Problem {
	p := finding{code, 0, object, field, want, got, lost}.problem()
	p.At = diag.At(at)
	return p
}
