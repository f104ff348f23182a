package synth

import (
	"bytes"
	"encoding/binary"
)

// PEFile is the image that a PE file becomes at base, as a loader maps it.
// Its addresses are not relocated: base is the file's own.
func PEFile(a Arch, raw []byte, base uint64) *PE {
	le := binary.LittleEndian
	at := int(le.Uint32(raw[0x3c:])) + 4
	sections, optional := int(le.Uint16(raw[at+2:])), int(le.Uint16(raw[at+16:]))
	o := raw[at+20:][:optional]
	p := &PE{Arch: a, Base: base, Entry: le.Uint32(o[16:]), Timestamp: le.Uint32(raw[at+4:]), SizeOfImage: le.Uint32(o[56:])}
	for i := range p.Directories {
		d := o[optional-16*8+8*i:]
		p.Directories[i] = [2]uint32{le.Uint32(d), le.Uint32(d[4:])}
	}
	for i := range sections {
		h := raw[at+20+optional+40*i:]
		size, from := le.Uint32(h[16:]), le.Uint32(h[20:])
		p.Sections = append(p.Sections, PESection{Name: string(bytes.TrimRight(h[:8], "\x00")), RVA: le.Uint32(h[12:]), Size: le.Uint32(h[8:]),
			Flags: le.Uint32(h[36:]), Data: raw[from : from+min(size, le.Uint32(h[8:]))]})
	}
	return p
}

// CodeViewIn is the RSDS record of a PE file.
func CodeViewIn(raw []byte) *CodeView {
	b := raw[bytes.Index(raw, []byte("RSDS"))+4:]
	name, _, _ := bytes.Cut(b[20:], []byte{0})
	return &CodeView{GUID: [16]byte(b[:16]), Age: binary.LittleEndian.Uint32(b[16:]), PDB: string(name)}
}

// shopBase is where shop-x64.exe is linked to.
const shopBase = 0x140000000

// Shop is the program of shop-x64.exe (pkg/pdb/testdata, where its sources
// are), whose file's bytes are exe, as it crashed: Cart::total passed priceOf
// the third item of a cart of two. The stack is laid out by hand after the
// prologues that llvm-objdump shows, the tables of the classes after the
// public symbols that llvm-pdbutil prints.
func Shop(exe []byte) *Process {
	p := NewProcess(Win10v1809, X64)
	p.ImageBase, p.Loader = shopBase, true
	p.ImagePath, p.Command = `C:\shop\shop.exe`, `shop.exe`
	pe := PEFile(X64, exe, shopBase)
	p.Modules = []Module{{Base: shopBase, Size: pe.Size(), Name: p.ImagePath, TimeDateStamp: pe.Timestamp, CodeView: CodeViewIn(exe), PE: pe}}
	var items []Item
	for i := range 12 {
		class, value := uint64(0x2008), 100+20*i // Book and its pages
		if i%4 == 1 {
			class, value = 0x2108, 7 // Voucher
		}
		var b buf
		b.u64(shopBase + class)
		b.u64(uint64(i + 1))
		b.u64(uint64(value))
		items = append(items, Busy(24).WithContent(b.b))
	}
	p.AddHeap(&Heap{Address: 0x1c0aa400000, Segments: []Segment{{Reserve: 0x10000, Items: items}}})
	p.Prepare = shopCrash
	return p
}

// shopCrash writes the stack of the crash.
func shopCrash(b *Built) {
	d := b.Dump
	t := &d.Threads[0]
	var objects []uint64
	for _, bl := range b.Heaps[0].Blocks {
		if bl.State == StateBusy && bl.Size == 24 {
			objects = append(objects, bl.User)
		}
	}
	priceOf := t.StackEnd - 0x400 // the stack pointer in each function's body
	total, checkout := priceOf+64, priceOf+64+80
	serve := checkout + 64
	run := serve + 112
	start := run + 48
	cart := serve + 32
	for a, v := range map[uint64]uint64{
		priceOf + 40: cart, priceOf + 48: total + 32, priceOf + 56: shopBase + 0x1089, // rsi, rbp, return
		total + 40: 0, total + 48: cart, total + 56: 7, total + 64: checkout + 32, total + 72: shopBase + 0x1132, // rbx, rdi, rsi, rbp
		checkout + 40: 0, checkout + 48: serve + 64, checkout + 56: shopBase + 0x11fb, // rsi, rbp
		serve + 96: run + 32, serve + 104: shopBase + 0x116f, // rbp
		run + 32: start + 32, run + 40: shopBase + 0x1224, // rbp
		start + 32: 0, start + 40: 0, // the thread began here
		cart: objects[0], cart + 8: objects[1], cart + 16: 0, cart + 24: 0, cart + 32: 2,
	} {
		b.Image.PutU64(a, v)
	}
	t.Context = Context(X64, shopBase+0x10ae, priceOf, priceOf+32)
	d.Exception = &Exception{ThreadID: t.ID, Code: 0xc0000005, Address: shopBase + 0x10ae, Params: []uint64{0, 0}, Context: t.Context}
}
