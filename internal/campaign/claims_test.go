package main

import (
	"encoding/binary"
	"slices"
	"testing"

	"github.com/heapdump/heapdump/internal/synth"
)

// TestClaims: files of a few bytes whose streams claim 2^60 records, one for
// each kind of stream and each place of a count, cost no more memory and time
// than any small file.
func TestClaims(t *testing.T) {
	for typ := range uint32(26) {
		for _, size := range []int{4, 12, 16, 24, 32, 64, 200} {
			for _, count := range []uint64{1 << 60, 1<<64 - 1, 1 << 31, 1<<32 - 1} {
				for at := 0; at+8 <= max(size, 8) && at <= 32; at += 4 {
					data := claim(typ, size, at, count)
					if o := observe(data, true); len(o.broken) > 0 {
						t.Errorf("stream %d of %d bytes, %#x at %d: %.300s", typ, size, count, at, o.broken)
					}
				}
			}
		}
	}
}

// claim is a dump with one stream whose bytes are a list's header as writers
// have it, and count somewhere in it.
func claim(typ uint32, size, at int, count uint64) []byte {
	le := binary.LittleEndian
	data := make([]byte, 44, 44+size)
	copy(data, "MDMP\x93\xa7\x00\x00")
	le.PutUint32(data[8:], 1)
	le.PutUint32(data[12:], 32)
	le.PutUint32(data[32:], typ)
	le.PutUint32(data[36:], uint32(size))
	le.PutUint32(data[40:], 44)
	head := make([]byte, max(size, at+8))
	le.PutUint32(head, 16)
	if len(head) >= 8 {
		le.PutUint32(head[4:], 48)
	}
	le.PutUint64(head[at:], count)
	return append(data, head[:size]...)
}

// TestManyStreams: a header of 30 bytes, and one that claims more streams than
// there are bytes.
func TestManyStreams(t *testing.T) {
	for _, n := range []int{0, 1, 4, 12, 30, 32, 44, 60} {
		for _, streams := range []uint32{0, 1, 1 << 16, 1 << 31, 1<<32 - 1} {
			data := claim(9, 16, 0, 1<<60)
			binary.LittleEndian.PutUint32(data[8:], streams)
			if o := observe(data[:n], true); len(o.broken) > 0 {
				t.Errorf("%d bytes, %d streams: %.300s", n, streams, o.broken)
			}
		}
	}
}

// TestHostileCounts: in a dump that is sound otherwise, each 32-bit word of the
// streams' beginnings in turn is as great as can be.
func TestHostileCounts(t *testing.T) {
	b := synth.Demo().Build().Dump.File()
	for _, s := range b.Streams {
		for at := 0; at+4 <= min(s.Len, 48); at += 4 {
			for _, v := range []uint32{1<<32 - 1, 1 << 31, 1<<28 + 1} {
				data := slices.Clone(b.Data)
				binary.LittleEndian.PutUint32(data[s.Off+at:], v)
				if o := observe(data, false); len(o.broken) > 0 {
					t.Errorf("stream %d, word at %d is %#x: %.300s", s.Type, at, v, o.broken)
				}
			}
		}
	}
}
