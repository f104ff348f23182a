// Package target holds one opened dump: the file, the address space, the
// process environment blocks and the heaps. It holds and does not think.
package target

import (
	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/minidump"
	"github.com/heapdump/heapdump/pkg/ntheap"
	"github.com/heapdump/heapdump/pkg/process"
)

// Options say how a dump is opened.
type Options struct {
	NoMmap   bool   // read the file whole instead of mapping it
	MaxInput uint64 // most bytes that a compressed dump may unpack to; 0 is the default limit
}

// Target is one opened dump.
type Target struct {
	Path       string
	Size       uint64 // bytes of the dump, unpacked
	Compressed string // "zstd", "gzip", "zip", empty when plain
	File       *minidump.File
	Space      *memory.Space
	PEBs       []process.PEB
	Heaps      []*Heap        // the PEB's order, then those found otherwise by address
	Problems   []diag.Problem // of the file, its streams, the PEBs and the heap list
	Coverage   []string       // what the dump does not hold and what that means, in sentences

	close func() error
}

// Heap is one heap of the dump.
type Heap struct {
	process.HeapRef
	Position int          // place in Target.Heaps, from 0: what --heap takes as an index
	NT       *ntheap.Heap // nil when it was not walked
	Why      string       // why it was not walked
}

// Close releases the file. Nothing that came from the target may be used
// afterwards.
func (t *Target) Close() error {
	if t.close == nil {
		return nil
	}
	return t.close()
}
