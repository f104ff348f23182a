// Package content says what a block holds by its bytes alone: text, files of
// known formats, fills. It knows no heap, no pointers and no symbols.
package content

import (
	"encoding/binary"
	"fmt"
)

// Kind is what bytes are.
type Kind uint8

// The kinds of content. Unknown is the zero Kind.
const (
	Unknown Kind = iota
	Zero
	Uninitialised // a fill for memory that nothing was written to
	Freed         // a fill for memory that was freed
	ASCII
	UTF8
	UTF16
	BSTR
	XML
	JSON
	PE
	PNG
	JPEG
	GIF
	Bitmap
	GZip
	Zlib
	Zip
	GUID
	kinds
)

// Kinds is how many kinds there are.
const Kinds = int(kinds)

// String returns the kind as reports name it.
func (k Kind) String() string {
	names := [...]string{"unknown", "all zero", "uninitialised (fill)", "freed (fill)", "text (ASCII)", "text (UTF-8)", "text (UTF-16)",
		"BSTR", "XML", "JSON", "PE image", "PNG", "JPEG", "GIF", "bitmap", "gzip", "zlib", "ZIP", "GUID"}
	if int(k) < len(names) {
		return names[k]
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// Text reports whether a sample of it can be shown as text.
func (k Kind) Text() bool {
	switch k {
	case ASCII, UTF8, UTF16, BSTR, XML, JSON:
		return true
	}
	return false
}

// Confidence says how sure a claim is.
type Confidence uint8

// The confidences: Low may be chance, Medium fits in every point looked at but
// could be something else, High has evidence that chance does not make.
const (
	None Confidence = iota
	Low
	Medium
	High
)

// String returns none, low, medium or high.
func (c Confidence) String() string {
	return [...]string{"none", "low", "medium", "high"}[min(c, High)]
}

// MarshalText makes the confidence a word in JSON.
func (c Confidence) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// Claim is what is claimed of a block.
type Claim struct {
	Kind       Kind
	Confidence Confidence
}

// Evidence says in words what a claim of the kind rests on.
func (k Kind) Evidence() string {
	return [...]string{
		"no pattern known",
		"every byte looked at is 0",
		"filled with the pattern that debug heaps write into new memory (0xBAADF00D, 0xCDCDCDCD)",
		"filled with the pattern that debug heaps write into freed memory (0xFEEEFEEE, 0xDDDDDDDD)",
		"printable ASCII from its first byte, to a NUL or the end",
		"well-formed UTF-8 from its first byte, to a NUL or the end",
		"printable UTF-16 from its first byte, to a NUL or the end",
		"a length before UTF-16 text, which is as long as it says and ends in a NUL",
		"text that begins as XML does",
		"text that begins and goes on as JSON does",
		"the headers MZ and PE",
		"the 8 bytes of a PNG signature and its IHDR chunk",
		"a JPEG start of image and a marker after it",
		"a GIF signature, a screen's size, and a first block of the format",
		"a bitmap header whose size, planes and bits fit",
		"a gzip header, and data that inflates",
		"a zlib header, and data that inflates",
		"a ZIP local file header and a name",
		"16 bytes with the version, the variant and a likely time of a GUID that was made from clock and network card (RFC 4122, version 1)",
	}[min(k, kinds-1)]
}

// Look is how many bytes from a block's start are looked at, at most.
const Look = 512

// Of says what the first bytes of a block of size bytes are. b holds as many
// of them as there are, at most Look need be given. bits is the process's
// pointer width, 32 or 64.
func Of(b []byte, size uint64, bits int) Claim {
	if len(b) == 0 {
		return Claim{}
	}
	b = b[:min(len(b), Look)]
	if c := fills(b); c.Kind != Unknown {
		return c
	}
	if c := format(b, size); c.Kind != Unknown {
		return c
	}
	if c := bstr(b, size, bits); c.Kind != Unknown {
		return c
	}
	if c := text(b, size); c.Kind != Unknown {
		return c
	}
	if c := partly(b); c.Kind != Unknown {
		return c
	}
	return guid(b, size)
}

// Times of GUIDs, in units of 100 ns since 15 October 1582: the first days of
// 1985 and 2035. Of random bytes one in 64 has the version and the variant, and
// of those one in 73 a time between.
const (
	firstTime = 126926784000000000
	lastTime  = 142705152000000000
)

// guid recognises a block that is one GUID of version 1, of which COM's
// interfaces and classes have very many. Those of version 4 are random.
func guid(b []byte, size uint64) Claim {
	if size != 16 || len(b) < 16 || b[7]>>4 != 1 || b[8]>>6 != 2 {
		return Claim{}
	}
	le := binary.LittleEndian
	at := uint64(le.Uint32(b)) | uint64(le.Uint16(b[4:]))<<32 | uint64(le.Uint16(b[6:])&0xfff)<<48
	if at < firstTime || at >= lastTime {
		return Claim{}
	}
	return Claim{GUID, Medium}
}

// leastFill is how many bytes of fill are no chance.
const leastFill = 16

// partly recognises text in a block of which the program has written no more:
// behind it the debug heap's fill of new blocks goes on to the end of what is
// looked at.
func partly(b []byte) Claim {
	head := written(b)
	if len(head) == len(b) || len(head) == 0 {
		return Claim{}
	}
	c := text(head, uint64(len(head)))
	c.Confidence = min(c.Confidence, Medium)
	return c
}

// written is b without the debug heap's, or the debug C runtime's, fill of new
// blocks at its end.
func written(b []byte) []byte {
	for _, word := range [][4]byte{{0x0d, 0xf0, 0xad, 0xba}, {0xcd, 0xcd, 0xcd, 0xcd}} {
		n := len(b)
		for n > 0 && b[n-1] == word[(n-1)&3] {
			n--
		}
		if len(b)-n >= leastFill {
			return b[:n]
		}
	}
	return b
}

// fills recognises bytes that are all alike.
func fills(b []byte) Claim {
	if len(b) < 4 {
		return Claim{}
	}
	word := [4]byte(b)
	kind := Unknown
	switch word {
	case [4]byte{}:
		kind = Zero
	case [4]byte{0xcd, 0xcd, 0xcd, 0xcd}, [4]byte{0x0d, 0xf0, 0xad, 0xba}:
		kind = Uninitialised
	case [4]byte{0xdd, 0xdd, 0xdd, 0xdd}, [4]byte{0xee, 0xfe, 0xee, 0xfe}:
		kind = Freed
	default:
		return Claim{}
	}
	for i, c := range b {
		if c != word[i&3] {
			return Claim{}
		}
	}
	switch {
	case kind == Zero:
		return Claim{kind, High}
	case len(b) < 8:
		return Claim{kind, Medium}
	}
	return Claim{kind, High}
}
