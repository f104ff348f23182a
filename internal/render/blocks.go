package render

import (
	"io"
	"strconv"

	"github.com/heapdump/heapdump/internal/thousands"
)

// BlockRow is one block of a walk, as it stands in a line.
type BlockRow struct {
	Heap, Segment, Entry, User uint64
	InSegment                  bool // Segment means something
	Busy                       bool // User and UserBytes mean something
	BlockBytes, UserBytes      uint64
	State, Origin, Trust       string // words without characters that need escapes
	Flags                      uint8
	LFH, BucketKnown           bool     // of the low-fragmentation heap; and its Bucket is known
	Bucket                     uint8    // not in CSV
	Stack                      []uint64 // innermost first; none is no key of JSON
	StackNames                 []string // of Stack, one each; in text and CSV with WithStacks
	CRT                        CRTBlock // JSON only
	Type, TypeHow              string   // of the object that it begins with; JSON only, and empty is no key
}

// CRTBlock is a block of the debug C runtime.
type CRTBlock struct {
	Known           bool // there is one
	Type            string
	Request, Line   uint32 // null when 0
	File            string // raw; null when empty
	User, UserBytes uint64
}

// Blocks streams blocks in constant memory: one line a block.
type Blocks struct {
	w      io.Writer
	format Format
	digits int
	stacks bool
	buf    []byte // what is not yet written
	n      uint64
	same   same
}

// blocksBuffer is how many bytes are written at a time.
const blocksBuffer = 256 << 10

// NewBlocks begins a stream. Digits is the width of an address in text, 8 or
// 16; stacks adds to text and CSV, as their last column, the names of each
// block's stack.
func NewBlocks(w io.Writer, format Format, digits int, stacks bool) *Blocks {
	b := &Blocks{w: w, format: format, digits: digits, stacks: stacks, buf: make([]byte, 0, blocksBuffer+4<<10)}
	switch format {
	case FormatText:
		b.buf = appendBlockHeading(b.buf, digits)
		if stacks {
			b.buf = append(b.buf[:len(b.buf)-1], "  Stack, innermost first\n"...)
		}
	case FormatCSV:
		for i, c := range BlockColumns() {
			if c.Optional {
				break
			}
			if i > 0 {
				b.buf = append(b.buf, ',')
			}
			b.buf = append(b.buf, c.Key...)
		}
		if stacks {
			b.buf = append(b.buf, ",stack_names"...)
		}
		b.buf = append(b.buf, "\r\n"...)
	case FormatJSON:
		b.buf = append(b.buf, '[')
	}
	return b
}

// Put writes a block.
func (s *Blocks) Put(r *BlockRow) error {
	b := s.buf
	switch s.format {
	case FormatText:
		b = appendBlockText(b, r, s.digits)
		if s.stacks {
			b = appendStackText(b, r)
		}
		b = append(b, '\n')
	case FormatCSV:
		b = appendBlockCSV(b, r)
		if s.stacks {
			b = appendStackCSV(b, r)
		}
		b = append(b, "\r\n"...)
	case FormatJSON:
		if s.n > 0 {
			b = append(b, ',')
		}
		b = s.same.appendBlock(append(b, '\n'), r)
	default:
		b = append(s.same.appendBlock(b, r), '\n')
	}
	s.n++
	s.buf = b
	if len(b) < blocksBuffer {
		return nil
	}
	return s.flush()
}

// flush writes what is in the buffer.
func (s *Blocks) flush() error {
	_, err := s.w.Write(s.buf)
	s.buf = s.buf[:0]
	return err
}

// Close ends the stream; the writer under it stays open.
func (s *Blocks) Close() error {
	if s.format == FormatJSON {
		if s.n > 0 {
			s.buf = append(s.buf, '\n')
		}
		s.buf = append(s.buf, "]\n"...)
	}
	return s.flush()
}

// userBytes is what the program asked for, which of a block that it does not
// hold is nothing.
func (r *BlockRow) userBytes() uint64 {
	if !r.Busy {
		return 0
	}
	return r.UserBytes
}

func appendBlockCSV(b []byte, r *BlockRow) []byte {
	b = append(appendAddress(b, r.Heap), ',')
	if r.InSegment {
		b = appendAddress(b, r.Segment)
	}
	b = append(appendAddress(append(b, ','), r.Entry), ',')
	if r.Busy {
		b = appendAddress(b, r.User)
	}
	b = strconv.AppendUint(append(b, ','), r.BlockBytes, 10)
	b = strconv.AppendUint(append(b, ','), r.userBytes(), 10)
	b = append(append(b, ','), r.State...)
	b = append(append(b, ','), r.Origin...)
	b = appendHex(append(b, ','), uint64(r.Flags))
	return append(append(b, ','), r.Trust...)
}

// The text columns after the addresses: block bytes, user bytes, state,
// origin, flags. Widths grow for greater numbers, they never cut.
const (
	sizeWidth  = 15
	stateWidth = 11
)

func appendBlockHeading(b []byte, digits int) []byte {
	for _, t := range [...]string{"Heap", "Segment", "Entry", "User"} {
		b = appendLeft(b, t, digits+2)
		b = append(b, ' ', ' ')
	}
	b = appendRight(b, "Block bytes", sizeWidth)
	b = appendRight(append(b, ' ', ' '), "User bytes", sizeWidth)
	b = appendLeft(append(b, ' ', ' '), "State", stateWidth)
	b = appendLeft(append(b, ' ', ' '), "Origin", 9)
	return append(b, "  Flags\n"...)
}

func appendBlockText(b []byte, r *BlockRow, digits int) []byte {
	b = append(appendPadded(b, r.Heap, digits), ' ', ' ')
	if r.InSegment {
		b = appendPadded(b, r.Segment, digits)
	} else {
		b = appendLeft(b, "-", digits+2)
	}
	b = append(appendPadded(append(b, ' ', ' '), r.Entry, digits), ' ', ' ')
	var num [32]byte
	if r.Busy {
		b = appendPadded(b, r.User, digits)
	} else {
		b = appendLeft(b, "-", digits+2)
	}
	b = appendRight(append(b, ' ', ' '), string(thousands.AppendGrouped(num[:0], r.BlockBytes)), sizeWidth)
	b = append(b, ' ', ' ')
	if r.Busy {
		b = appendRight(b, string(thousands.AppendGrouped(num[:0], r.UserBytes)), sizeWidth)
	} else {
		b = appendRight(b, "-", sizeWidth)
	}
	b = appendLeft(append(b, ' ', ' '), r.State, stateWidth)
	b = appendLeft(append(b, ' ', ' '), r.Origin, 9)
	b = append(b, "  0x"...)
	if r.Flags < 0x10 {
		b = append(b, '0')
	}
	b = strconv.AppendUint(b, uint64(r.Flags), 16)
	if r.LFH && r.BucketKnown {
		b = strconv.AppendUint(append(b, "  bucket "...), uint64(r.Bucket), 10)
	}
	if r.Trust != "sound" {
		b = append(append(b, ' ', ' '), r.Trust...)
	}
	return b
}

func appendLeft(b []byte, s string, width int) []byte {
	b = append(b, s...)
	for i := len(s); i < width; i++ {
		b = append(b, ' ')
	}
	return b
}

func appendRight(b []byte, s string, width int) []byte {
	for i := len(s); i < width; i++ {
		b = append(b, ' ')
	}
	return append(b, s...)
}
