package srum

import (
	"context"
	"encoding/binary"
	"fmt"

	"www.velocidex.com/golang/go-ese/parser"
)

// The flags of a page and of a tag that matter here (ESE: cpage.hxx, node.hxx).
const (
	pageLeaf       = 0x2
	pageSpaceTree  = 0x20
	pageIndex      = 0x40
	tagDeleted     = 0x2
	tagCompressed  = 0x4 // the key begins with bytes of the page's first tag
	maskTagCount   = 0x0fff
	maskKeySize    = 0x1fff
	checksumOffset = 8
)

// node is what a tag of a page names.
type node struct {
	data  []byte
	flags uint64
}

// payload is a node without its key; false when the key does not fit.
func (n node) payload() ([]byte, bool) {
	at := 0
	if n.flags&tagCompressed != 0 {
		at = 2
	}
	if len(n.data) < at+2 {
		return nil, false
	}
	at += 2 + int(binary.LittleEndian.Uint16(n.data[at:])&maskKeySize)
	if at > len(n.data) {
		return nil, false
	}
	return n.data[at:], true
}

// page is a checked page.
type page struct {
	next  uint32
	flags uint64
	nodes []node
}

// page reads page n of the tree of an object, and says why when it is none.
func (d *DB) page(n, object uint32) (page, string) {
	size := int(d.PageSize)
	from := (int64(n) + 1) * int64(size)
	if n == 0 || from+int64(size) > int64(len(d.data)) {
		return page{}, fmt.Sprintf("page %d is beyond the end of the file", n)
	}
	raw := d.data[from : from+int64(size)]
	if d.Verified && !sound(raw, n) {
		return page{}, fmt.Sprintf("page %d has another checksum than its bytes", n)
	}
	h := d.ese.GetPage(int64(n))
	if o := h.FatherPage(); o != object {
		return page{}, fmt.Sprintf("page %d belongs to object %d and not to %d", n, o, object)
	}
	p := page{next: h.NextPageNumber(), flags: h.Flags().Value}
	// Folklore: the count of tags has 12 bits; in a database of 2024 the bits above
	// are 1, and behind the counted tags stand those of deleted rows. TestOtherDatabases.
	count := min(int(h.AvailablePageTag()&maskTagCount), size/4)
	for i := 1; i < count; i++ { // tag 0 is no node but the common key
		tag := d.ese.Profile.Tag(d.ese.Reader, from+int64(size)-4*int64(i+1))
		at, length := tag.ValueOffsetInPage(d.ese, h)-from, int64(tag.ValueSize(d.ese))
		if length == 0 {
			continue
		}
		if at+length > int64(size) {
			return page{}, fmt.Sprintf("page %d has a node beyond its end", n)
		}
		v := parser.NewReaderValue(d.ese, tag, int64(n), d.ese.Reader, from+at, length)
		p.nodes = append(p.nodes, node{raw[at : at+length], v.Flags})
	}
	return p, ""
}

// sound compares a page with its checksum: the words behind it and the number
// of the page, XORed. All 665 used pages of a real SRUDB.dat agree, and those of
// seven other real databases. Larger pages than 8 KiB have four checksums, which
// are not compared.
func sound(raw []byte, n uint32) bool {
	sum := n
	for i := checksumOffset; i+4 <= len(raw); i += 4 {
		sum ^= binary.LittleEndian.Uint32(raw[i:])
	}
	return sum == binary.LittleEndian.Uint32(raw)
}

// walk calls visit for every record of a tree. Each page is read once, whatever
// its links say, so that the walk ends; a leaf's link to the next one finds
// those that a damaged branch has lost.
func (d *DB) walk(ctx context.Context, root, object uint32, c *Coverage, visit func(record []byte)) error {
	seen := map[uint32]bool{root: true}
	push := func(stack []uint32, n uint32) []uint32 {
		if n == 0 || seen[n] {
			return stack
		}
		seen[n] = true
		return append(stack, n)
	}
	for stack := []uint32{root}; len(stack) > 0; {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		p, why := d.page(n, object)
		if why != "" {
			c.bad("%s", why)
			continue
		}
		c.Pages++
		stack = push(stack, p.next)
		if p.flags&(pageSpaceTree|pageIndex) != 0 {
			c.bad("page %d is none of the table's records", n)
			continue
		}
		for _, x := range p.nodes {
			if x.flags&tagDeleted != 0 {
				c.Deleted++
				continue
			}
			data, ok := x.payload()
			switch {
			case ok && p.flags&pageLeaf != 0:
				visit(data)
			case ok && len(data) >= 4:
				stack = push(stack, binary.LittleEndian.Uint32(data))
			default:
				c.bad("page %d has a node that is no record", n)
			}
		}
	}
	return nil
}
