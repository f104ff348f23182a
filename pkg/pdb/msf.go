package pdb

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// The container, MSF 7.00: pages, a directory of streams, and for each stream
// the numbers of its pages.
const (
	magic         = "Microsoft C/C++ MSF 7.00\r\n\x1aDS\x00\x00\x00"
	superblock    = len(magic) + 24
	minPage       = 512
	maxPage       = 1 << 15
	absentSize    = 0xffffffff // of a stream that was deleted
	oldMagic      = "Microsoft C/C++ program database 2.00\r\n\x1aJG"
	firstStream   = 1 // stream 0 is the directory of the commit before; its pages may be used again
	portableMagic = "BSJB"
)

// container is the pages and streams of a file.
type container struct {
	data    []byte
	page    int
	sizes   []uint32
	at      []int  // offset of each stream's page numbers in dir
	dir     []byte // the directory
	damaged []bool // streams whose pages are outside the file, or another's too
}

// openContainer reads the directory.
func openContainer(data []byte) (container, error) {
	c := container{data: data}
	switch {
	case strings.HasPrefix(string(data[:min(len(data), len(oldMagic))]), oldMagic):
		return c, fmt.Errorf("%w: a PDB 2.00, of Visual C++ 6 and before", ErrUnsupported)
	case strings.HasPrefix(string(data[:min(len(data), 4)]), portableMagic):
		return c, fmt.Errorf("%w: a portable PDB, of .NET", ErrUnsupported)
	case len(data) < superblock || string(data[:len(magic)]) != magic:
		return c, ErrNotPDB
	}
	le := binary.LittleEndian
	head := data[len(magic):]
	page, bytes, mapAt := le.Uint32(head), le.Uint32(head[12:]), le.Uint32(head[20:])
	if page < minPage || page > maxPage || page&(page-1) != 0 {
		return c, fmt.Errorf("%w: pages of %d bytes", ErrDamaged, page)
	}
	c.page = int(page)
	count := pagesOf(bytes, c.page)
	if count*4 > c.page {
		return c, fmt.Errorf("%w: a directory of %d bytes, whose page numbers do not fit a page", ErrDamaged, bytes)
	}
	list, ok := c.pageAt(mapAt)
	if !ok {
		return c, fmt.Errorf("%w: the list of its directory's pages is page %d, outside the file", ErrDamaged, mapAt)
	}
	for i := range count {
		n := le.Uint32(list[4*i:])
		p, ok := c.pageAt(n)
		if !ok {
			return c, fmt.Errorf("%w: page %d of its directory is outside the file", ErrDamaged, n)
		}
		c.dir = append(c.dir, p...)
	}
	c.dir = c.dir[:bytes]
	return c, c.streams()
}

// pagesOf is how many pages hold n bytes.
func pagesOf(n uint32, page int) int { return (int(n) + page - 1) / page }

// pageAt returns the bytes of a page; false when the file has not got them.
// Page 0 is the superblock.
func (c *container) pageAt(n uint32) ([]byte, bool) {
	at := uint64(n) * uint64(c.page)
	if n == 0 || at+uint64(c.page) > uint64(len(c.data)) {
		return nil, false
	}
	return c.data[at : at+uint64(c.page)], true
}

// streams places the streams' page numbers, and marks those that cannot be
// read. A page belongs to the first stream that names it.
func (c *container) streams() error {
	le := binary.LittleEndian
	if len(c.dir) < 4 {
		return fmt.Errorf("%w: its directory is empty", ErrDamaged)
	}
	n := int(le.Uint32(c.dir))
	if n > (len(c.dir)-4)/4 {
		return fmt.Errorf("%w: %d streams in a directory of %d bytes", ErrDamaged, n, len(c.dir))
	}
	used := make([]uint64, len(c.data)/c.page/64+1)
	at := 4 + 4*n
	c.sizes, c.at, c.damaged = make([]uint32, n), make([]int, n), make([]bool, n)
	for i := range n {
		size := le.Uint32(c.dir[4+4*i:])
		if size == absentSize {
			size = 0
		}
		count := pagesOf(size, c.page)
		if count > (len(c.dir)-at)/4 {
			return fmt.Errorf("%w: the directory ends before the page numbers of stream %d", ErrDamaged, i)
		}
		c.sizes[i], c.at[i] = size, at
		for k := range count {
			p := le.Uint32(c.dir[at+4*k:])
			if _, ok := c.pageAt(p); !ok {
				c.damaged[i] = true
				continue
			}
			if i < firstStream {
				continue
			}
			c.damaged[i] = c.damaged[i] || used[p/64]&(1<<(p%64)) != 0
			used[p/64] |= 1 << (p % 64)
		}
		at += 4 * count
	}
	return nil
}

// stream returns the bytes of a stream, copied together; false when there is
// no such stream, or it cannot be read.
func (c *container) stream(n int) (string, bool) {
	if n < firstStream || n >= len(c.sizes) || c.damaged[n] {
		return "", false
	}
	var b strings.Builder
	left := int(c.sizes[n])
	b.Grow(left)
	for at := c.at[n]; left > 0; at += 4 {
		p, ok := c.pageAt(binary.LittleEndian.Uint32(c.dir[at:]))
		if !ok {
			return "", false
		}
		k := min(left, len(p))
		b.Write(p[:k])
		left -= k
	}
	return b.String(), true
}
