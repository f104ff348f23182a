package refs

import (
	"cmp"
	"encoding/binary"
	"math/bits"
	"slices"

	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/peimage"
)

// Windows and its C runtimes keep some pointers encoded, so that who writes
// over them cannot tell what they become: ror(pointer ^ cookie, cookie mod the
// word's bits). RtlEncodePointer uses a cookie of 32 bits that the kernel
// keeps for the process and no dump has; the C runtimes since Visual Studio
// 2015 use the __security_cookie of their own image, which the load
// configuration leads to. The tables of atexit are what so hangs in every
// process: msvcrt.dll has the first and the end of one, the newer runtimes
// first, last and end. (Folklore: published descriptions of both; seen in
// msvcrt.dll of Windows 10, where the table is 32 pointers long.)
//
// The process's cookie is found by its trace: an encoded null is the cookie
// turned, and a runtime has several. Only words that belong together count as
// references: one of a module that decodes to the first byte of a block, and
// another of it that decodes into the block or to its end; and the block's own
// first word decodes to code, or to null. Less would keep blocks by chance, in
// 32-bit processes hundreds of them.

// coded is an encoded reference: a word of a module's data.
type coded struct {
	area *Area
	at   memory.Addr
	to   ID
}

// cookie is what pointers are encoded with.
type cookie struct {
	value uint64
	bits  int
}

// decode undoes the encoding of a word.
func (c cookie) decode(v uint64) uint64 {
	if c.bits == 32 {
		return uint64(bits.RotateLeft32(uint32(v), int(c.value&31)) ^ uint32(c.value))
	}
	return bits.RotateLeft64(v, int(c.value&63)) ^ c.value
}

// ofNull returns the cookies of 32 bits whose encoded null is v.
func ofNull(v uint64, width int) (out []cookie) {
	for r := range width {
		c := uint64(bits.RotateLeft32(uint32(v), r))
		if width == 64 {
			c = bits.RotateLeft64(v, r)
		}
		if c>>32 == 0 && c != 0 && int(c)&(width-1) == r {
			out = append(out, cookie{c, width})
		}
	}
	return out
}

// Limits of the search for the process's cookie.
const (
	fewNulls   = 3       // as many equal words of an image make a candidate
	maxCookies = 16      // candidates that are tried on an image
	maxWords   = 1 << 20 // of an image's data that are looked at
)

// imageData is the writable data of one image.
type imageData struct {
	image *peimage.Image
	words []dataWord
}

type dataWord struct {
	area  *Area
	at    memory.Addr
	value uint64
}

// findCoded looks for encoded references in the data of the modules.
func (r *Roots) findCoded(t *target.Target) []coded {
	var out []coded
	for _, d := range r.images(t) {
		if len(d.words) == 0 {
			continue
		}
		try := d.nulls(t.Space)
		if c, ok := securityCookie(t.Space, d.image); ok {
			try = append(try, c)
		}
		for _, c := range try {
			out = append(out, r.decoded(&d, c)...)
		}
	}
	slices.SortFunc(out, func(a, b coded) int { return cmp.Compare(a.at, b.at) })
	return slices.CompactFunc(out, func(a, b coded) bool { return a.at == b.at && a.to == b.to })
}

// images collects the words of each image's areas.
func (r *Roots) images(t *target.Target) []imageData {
	var out []imageData
	for _, m := range t.Modules() {
		if m.Image == nil {
			continue
		}
		d := imageData{image: m.Image}
		for i := range r.Areas {
			a := &r.Areas[i]
			if a.Kind != Module || !m.Contains(a.Start) {
				continue
			}
			for run := range t.Space.Runs(a.Range) {
				d.words = appendWords(d.words, a, run, uint64(m.Image.Bits/8))
			}
		}
		out = append(out, d)
	}
	return out
}

func appendWords(out []dataWord, a *Area, run memory.Run, size uint64) []dataWord {
	skip := -uint64(run.Start) & (size - 1)
	for ; skip+size <= uint64(len(run.Bytes)) && len(out) < maxWords; skip += size {
		v := uint64(binary.LittleEndian.Uint32(run.Bytes[skip:]))
		if size == 8 {
			v = binary.LittleEndian.Uint64(run.Bytes[skip:])
		}
		if v>>16 != 0 { // no small number
			out = append(out, dataWord{a, run.Start.Add(skip), v})
		}
	}
	return out
}

// nulls returns cookies of which an image may have encoded nulls: words that
// stand several times in its data and are no address of the process.
func (d *imageData) nulls(s *memory.Space) []cookie {
	values := make([]uint64, len(d.words))
	for i := range d.words {
		values[i] = d.words[i].value
	}
	slices.Sort(values)
	type often struct {
		value uint64
		n     int
	}
	var all []often
	for i := 0; i < len(values); {
		k := i
		for k < len(values) && values[k] == values[i] {
			k++
		}
		if k-i >= fewNulls {
			all = append(all, often{values[i], k - i})
		}
		i = k
	}
	slices.SortStableFunc(all, func(a, b often) int { return cmp.Compare(b.n, a.n) })
	var out []cookie
	for _, x := range all {
		if reg, ok := s.Region(memory.Addr(x.value)); ok && reg.State == memory.MemCommit {
			continue
		}
		if out = append(out, ofNull(x.value, d.image.Bits)...); len(out) >= maxCookies {
			return out[:maxCookies]
		}
	}
	return out
}

// Where in the load configuration the address of __security_cookie is
// (winnt.h).
const (
	cookieAt32 = 0x3c
	cookieAt64 = 0x58
)

// securityCookie reads an image's __security_cookie.
func securityCookie(s *memory.Space, i *peimage.Image) (cookie, bool) {
	d := i.Directory(peimage.DirLoadConfig)
	at, size := uint64(cookieAt32), uint64(i.Bits/8)
	if i.Bits == 64 {
		at = cookieAt64
	}
	if d.Empty() {
		return cookie{}, false
	}
	p, err := s.Pointer(d.Start.Add(at), i.Bits)
	if err != nil || !i.Contains(p) || uint64(p)%size != 0 {
		return cookie{}, false
	}
	v, err := s.Pointer(p, i.Bits)
	return cookie{uint64(v), i.Bits}, err == nil && v != 0
}

// lead is a word that decodes into a block, or to its end.
type lead struct {
	word  *dataWord
	id    ID
	first bool // to its first byte
}

// decoded returns the words of an image that are, decoded with a cookie, the
// first byte of a block that another word of it leads into: another value, or
// the same in the next word, of a table that is empty as yet.
func (r *Roots) decoded(d *imageData, c cookie) []coded {
	var leads []lead
	for i := range d.words {
		w := &d.words[i]
		v := c.decode(w.value)
		if v-r.lo > r.hi-r.lo {
			continue
		}
		if id, off, what := r.find(v); what == inBlock {
			leads = append(leads, lead{w, id, off == 0})
		} else if id, _, what := r.find(v - 1); what == inBlock {
			leads = append(leads, lead{w, id, false})
		}
	}
	slices.SortFunc(leads, func(a, b lead) int {
		return cmp.Or(cmp.Compare(a.id, b.id), cmp.Compare(a.word.value, b.word.value), cmp.Compare(a.word.at, b.word.at))
	})
	var out []coded
	for i, k := 0, 0; i < len(leads); i = k {
		for k = i; k < len(leads) && leads[k].id == leads[i].id; k++ {
		}
		if r.table(leads[i].id, c) {
			out = append(out, together(leads[i:k], memory.Addr(c.bits/8))...)
		}
	}
	return out
}

// together returns the references among the leads to one block.
func together(leads []lead, size memory.Addr) (out []coded) {
	several := leads[0].word.value != leads[len(leads)-1].word.value
	for i, l := range leads {
		twin := i > 0 && leads[i-1].word.at+size == l.word.at || i+1 < len(leads) && l.word.at+size == leads[i+1].word.at
		if l.first && (several || twin) {
			out = append(out, coded{l.word.area, l.word.at, l.id})
		}
	}
	return out
}

// table reports whether a block begins with an encoded function, or with an
// encoded null.
func (r *Roots) table(id ID, c cookie) bool {
	raw, err := r.target.Space.View(r.User(id), uint64(c.bits/8))
	if err != nil || r.Size(id) < uint64(c.bits/8) {
		return false
	}
	v := uint64(0)
	if c.bits == 32 {
		v = uint64(binary.LittleEndian.Uint32(raw))
	} else {
		v = binary.LittleEndian.Uint64(raw)
	}
	f := memory.Addr(c.decode(v))
	if f == 0 {
		return true
	}
	for _, m := range r.target.Modules() {
		if m.Image == nil || !m.Contains(f) {
			continue
		}
		for _, s := range m.Image.Sections {
			if s.Executable() && s.Contains(f) {
				return true
			}
		}
	}
	return false
}
