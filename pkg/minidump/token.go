package minidump

import (
	"encoding/binary"
	"fmt"

	"github.com/heapdump/heapdump/pkg/diag"
)

// Token is an access token of the process or a thread: an entry of the Token
// stream (MINIDUMP_TOKEN_INFO_HEADER). What it holds is not decoded.
type Token struct {
	ID     uint32 // process or thread that it belongs to
	Handle uint64
	Raw    []byte // the entry, header included, aliasing the file
}

// Tokens returns the entries of the Token stream. Each says its own size.
func (f *File) Tokens(sink diag.Sink) []Token {
	p, ok := f.open(TokenStream, sink)
	if !ok {
		return nil
	}
	if _, ok := p.header(16); !ok {
		return nil
	}
	count, at := uint64(p.u32(4)), uint64(p.u32(8))
	if at < 12 || at > uint64(len(p.data)) {
		if at < 12 || at > p.size {
			p.report(CodeStreamHeader, 8, "ListHeaderSize", fmt.Sprintf("12 to %d", p.size), fmt.Sprint(at), 0)
		}
		return nil
	}
	var out []Token
	for range count {
		rest := p.data[at:]
		if len(rest) < 16 {
			if p.size == uint64(len(p.data)) { // else the cut was reported
				p.report(CodeStreamCount, 4, "TokenListEntries", fmt.Sprint(len(out)), fmt.Sprint(count), 0)
			}
			break
		}
		size := uint64(binary.LittleEndian.Uint32(rest))
		if size < 16 || size > p.size-at {
			p.report(CodeStreamEntrySize, at, "TokenSize", fmt.Sprintf("16 to %d", p.size-at), fmt.Sprint(size), 0)
			break
		}
		size = min(size, uint64(len(rest)))
		out = append(out, Token{
			ID: binary.LittleEndian.Uint32(rest[4:]), Handle: binary.LittleEndian.Uint64(rest[8:]), Raw: rest[:size:size],
		})
		at += size
	}
	return out
}
