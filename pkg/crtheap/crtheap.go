// Package crtheap recognises what the debug C runtime puts into the blocks of
// an NT heap: a _CrtMemBlockHeader in front of the program's data, a fence of
// four bytes FD on either side of them, and fills that tell memory never
// written (CD) from memory freed (DD). It says who allocated a block, and
// whose writes left their bounds.
//
// It knows the headers of msvcr80 to msvcr120 and of ucrtbased. It does not
// know heaps: it is given busy blocks, and reads the memory in them.
//
// # Evidence
//
// A block is a debug block when what Windows and the C runtime say of it
// agree. Four facts are asked of it:
//
//   - gap: the four bytes before the data are FD
//   - tail: the four bytes after the data are FD
//   - size: the header's size and the block's user size differ by just what
//     the C runtime adds, 0x24 bytes on x86 and 0x34 on x64
//   - type: the header's block type is one of the five that exist
//
// and its two links: a link is good when it leads to a header, with gap and
// type, whose link leads back; it is sound when that header's block has its
// tail, too, where its size says. The rules:
//
//  1. All four facts: a debug block, unless its links show it to be a copy of
//     one (they lead to headers that are linked with each other and not with
//     it). A tail that the dump does not hold is not asked for.
//  2. All four, but the size is smaller than the block has room for (the tail
//     then stands where the size says): a debug block if a link is good or it
//     is of type ignore.
//  3. Three of the four: a damaged debug block if a link is good, or it is of
//     type ignore in every field, or its size is right, both its links are
//     NULL and it has a request number.
//  4. Two of the four, gap or size being one: a damaged debug block if a link
//     is sound and the other is good or NULL.
//
// Anything less is not recognised. Gap and size are looked at first, so that
// an ordinary block costs one read of its first bytes. A header that is
// destroyed beyond that is missed here, but not by [List]: the list of blocks
// leads to it.
package crtheap

import (
	"fmt"

	"github.com/heapdump/heapdump/pkg/memory"
)

// Form is a form of _CrtMemBlockHeader.
type Form uint8

// The forms of header. The offsets are those of headers that Microsoft
// published with the runtimes, as mirrored (primary); no dump of a Windows
// program with a debug runtime has confirmed them yet.
const (
	// Either: the forms cannot be told apart. On x64 they are the same; on
	// x86 so are blocks whose size equals their type.
	Either  Form = iota
	Classic      // msvcr80 to msvcr120: on x86 the size stands before the type
	UCRT         // ucrtbased, Visual Studio 2015 and later: the type first
)

// String returns either, classic or ucrt.
func (f Form) String() string {
	if int(f) < len(formNames) {
		return formNames[f]
	}
	return fmt.Sprintf("form %d", uint8(f))
}

var formNames = [...]string{"either", "classic", "ucrt"}

// Use is the word that the header calls nBlockUse or _block_use: the type in
// the low half and, for client and CRT blocks, a subtype in the high half.
type Use uint32

// Type is the type of a debug block (crtdbg.h, documented).
type Type uint16

// The types of block.
const (
	Free   Type = 0 // freed and kept, _CRTDBG_DELAY_FREE_MEM_DF
	Normal Type = 1 // the program's own
	CRT    Type = 2 // the runtime's own
	Ignore Type = 3 // allocated while _CRTDBG_ALLOC_MEM_DF was off; in no list
	Client Type = 4 // the program's own, with a subtype that it chose
)

var typeNames = [...]string{"free", "normal", "crt", "ignore", "client"}

// String returns the type as it stands in JSON: free, normal, crt, ignore, client.
func (t Type) String() string {
	if int(t) < len(typeNames) {
		return typeNames[t]
	}
	return fmt.Sprintf("type %d", uint16(t))
}

// MarshalText makes the type a word in JSON.
func (t Type) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// Type returns the block's type.
func (u Use) Type() Type { return Type(u) }

// Subtype returns what the program passed for a client block.
func (u Use) Subtype() uint16 { return uint16(u >> 16) }

// Valid reports whether the runtime could have written u: only client and CRT
// blocks have a subtype (_BLOCK_TYPE_IS_VALID as documented).
func (u Use) Valid() bool {
	switch u.Type() {
	case CRT, Client:
		return true
	case Free, Normal, Ignore:
		return u.Subtype() == 0
	}
	return false
}

// IgnoreLine is the line number of ignored blocks, and of blocks freed and
// kept in some runtimes (published constant of the runtime).
const IgnoreLine uint32 = 0xfedcbabc

// Evidence are the facts that a block was recognised by; see the package.
type Evidence uint8

// The facts.
const (
	Gap   Evidence = 1 << iota // the fence before the data is whole
	Tail                       // the fence after the data is whole
	Size                       // the header's size fits the block
	Kind                       // the type is one that exists
	Older                      // Next leads to a header that leads back
	Newer                      // Prev leads to a header that leads back

	facts = Gap | Tail | Size | Kind
)

// Header is one _CrtMemBlockHeader, and the block that it stands in.
type Header struct {
	Addr     memory.Addr // the header: the user pointer of the NT block
	User     memory.Addr // what the program got
	Bytes    uint64      // what the program asked for; from the NT block when the header's size is damaged
	Room     uint64      // user bytes of the NT block, from Addr
	Form     Form
	Use      Use
	Request  uint32 // allocation number, from 1; 0 for ignored blocks
	Line     uint32
	File     memory.Addr // the source file's name, 0 when it is not known; see FileName
	Next     memory.Addr // the block allocated before this one, 0 for the oldest
	Prev     memory.Addr // the block allocated after this one, 0 for the newest
	Evidence Evidence
	Missing  Evidence // facts that memory missing from the dump kept from being judged

	size         uint64 // the header's own
	older, newer link
	bits         uint8
}

// Type returns the block's type.
func (h Header) Type() Type { return h.Use.Type() }

// Whole reports whether nothing of the block is damaged, as far as the dump
// can show.
func (h Header) Whole() bool { return (h.Evidence|h.Missing)&facts == facts }

// HasLine reports whether Line is a line number and not IgnoreLine.
func (h Header) HasLine() bool { return h.Line != IgnoreLine && h.File != 0 }

// listed reports whether the runtime's list should have the block.
func (h Header) listed() bool { return h.Type() != Ignore }
