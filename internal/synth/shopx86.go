package synth

// shopBase32 is where shop-x86.exe is linked to, and shopTraces32 where the
// stacks of its allocations stand.
const (
	shopBase32   = 0x400000
	shopTraces32 = 0x1c0000
)

// ShopX86 is the program of shop-x86.exe (pkg/pdb/testdata) with gflags +ust
// as it crashed: as Shop, in its 32-bit build. Its objects were allocated in
// serve, by operator new. The stack is laid out by hand after the prologues
// that llvm-objdump shows, the tables of the classes after the public symbols
// that llvm-pdbutil prints.
func ShopX86(exe []byte) *Process {
	p := NewProcess(Win7, X86)
	p.ImageBase, p.Loader, p.NtGlobalFlag = shopBase32, true, 0x1000
	p.ImagePath, p.Command = `C:\shop\shop.exe`, `shop.exe`
	pe := PEFile(X86, exe, shopBase32)
	p.Modules = []Module{{Base: shopBase32, Size: pe.Size(), Name: p.ImagePath, TimeDateStamp: pe.Timestamp, CodeView: CodeViewIn(exe), PE: pe}}
	var items []Item
	for i := range 12 {
		class, value, trace := uint32(0x2004), uint32(100+20*i), uint64(shopTraces32+0x100) // Book and its pages
		if i%4 == 1 {
			class, value, trace = 0x20b8, 7, shopTraces32+0x200 // Voucher
		}
		var b buf
		b.u32(shopBase32 + class)
		b.u32(uint32(i + 1))
		b.u32(value)
		items = append(items, Busy(12).WithContent(b.b).WithStack(trace))
	}
	p.AddHeap(&Heap{Address: 0x570000, Flags: FlagGrowable | FlagStackTrace, Segments: []Segment{{Reserve: 0x10000, Items: items}}})
	p.Prepare = func(b *Built) {
		b.Image.Reserve(shopTraces32, 0x1000, MemPrivate, PageReadWrite)
		StackTrace(b.Image, X86, shopTraces32+0x100, 1, shopBase32+0x10dc, shopBase32+0x117c, shopBase32+0x114b, shopBase32+0x11da)
		StackTrace(b.Image, X86, shopTraces32+0x200, 2, shopBase32+0x10dc, shopBase32+0x119e, shopBase32+0x114b, shopBase32+0x11da)
		shopCrash32(b)
	}
	return p
}

// shopCrash32 writes the stack of the crash.
func shopCrash32(b *Built) {
	d := b.Dump
	t := &d.Threads[0]
	objects := b.Heaps[0].Only(StateBusy)
	sp := t.StackEnd - 0x400 // in priceOf's body
	total, checkout, serve, run, start := sp+24, sp+32, sp+80, sp+88, sp+100
	cart := serve - 32
	for a, v := range map[uint64]uint64{
		sp: cart, sp + 4: total, sp + 8: shopBase32 + 0x1078, // esi, ebp, return
		sp + 12: cart, sp + 16: 0, sp + 20: 2, total: checkout, total + 4: shopBase32 + 0x111b, // esi, edi, ebx, ebp
		checkout: serve, checkout + 4: shopBase32 + 0x11bd, checkout + 8: cart, checkout + 12: 7,
		cart: objects[0].User, cart + 4: objects[1].User, cart + 8: 0, cart + 12: 0, cart + 16: 2,
		serve - 12: 7, serve - 8: 0, serve - 4: 0, serve: run, serve + 4: shopBase32 + 0x114b,
		run: start, run + 4: shopBase32 + 0x11da, run + 8: 7,
		start: 0, start + 4: 0, // the thread began here
	} {
		b.Image.PutU32(a, uint32(v))
	}
	t.Context = Context(X86, shopBase32+0x1096, sp, sp+4)
	d.Exception = &Exception{ThreadID: t.ID, Code: 0xc0000005, Address: shopBase32 + 0x1096, Params: []uint64{0, 0}, Context: t.Context}
}
