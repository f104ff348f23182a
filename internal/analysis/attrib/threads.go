package attrib

import (
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/process"
)

// Where a TEB and a loader's entry lead to blocks, x86 and x64 (public
// symbols; the TEB's from Server 2003 to 11, DdagNode and NodeModuleLink from
// 8 to 11).
var (
	tebActivation = [2]memory.Addr{0x1a8, 0x2c8} // ActivationContextStackPointer
	tebTLS        = [2]memory.Addr{0x2c, 0x58}   // ThreadLocalStoragePointer
	tebSlots      = [2]memory.Addr{0xe10, 0x1480}
	ldrNode       = [2]memory.Addr{0x50, 0x98} // DdagNode
	ldrLink       = [2]memory.Addr{0x54, 0xa0} // NodeModuleLink
)

const (
	teb64Slots = 64  // TlsSlots
	maxStatic  = 512 // modules with static TLS of a thread that are looked at
)

// ofBits is the element of a pair of x86 and x64.
func ofBits(pair [2]memory.Addr, bits int) memory.Addr {
	if bits == 64 {
		return pair[1]
	}
	return pair[0]
}

// placer names blocks by structures of the process that lead to them.
type placer struct {
	*shared
	src  process.Source
	into map[memory.Addr]place
}

// put names the block that begins at an address, if there is one, and reports
// whether it did: the first name stays.
func (p *placer) put(a memory.Addr, name, evidence string) bool {
	i, ok := p.index.At(a)
	if !ok || a == 0 || p.index.User(i) != a {
		return false
	}
	if _, taken := p.into[a]; taken {
		return false
	}
	p.into[a] = place{name, evidence}
	return true
}

func (p *placer) pointer(a memory.Addr, bits int) memory.Addr {
	v, err := p.src.Space.Pointer(a, bits)
	if err != nil {
		return 0
	}
	return v
}

// threads names what the TEBs lead to.
func (p *placer) threads(t *target.Target) {
	tebs := process.TEBs(p.src)
	for _, peb := range t.PEBs {
		for _, a := range process.FLSAreas(p.src, peb, tebs) {
			p.put(a.Address, a.Name, a.Field+" leads to it")
			p.slots(a.Address, a.Size, peb.Bits, "data of a thread in an FLS slot", "a thread's fiber-local storage points to it")
		}
	}
	for _, teb := range tebs {
		if !teb.Proved {
			continue
		}
		word := memory.Addr(teb.Bits / 8)
		// _ACTIVATION_CONTEXT_STACK: the active frame, and a list's head.
		if at := p.pointer(teb.Address+ofBits(tebActivation, teb.Bits), teb.Bits); at != 0 {
			if next := p.pointer(at+word, teb.Bits); next != 0 && p.pointer(next+word, teb.Bits) == at+word {
				p.put(at, "activation context stack", "TEB.ActivationContextStackPointer leads to it")
			}
		}
		p.slots(teb.Address+ofBits(tebSlots, teb.Bits), teb64Slots*uint64(word), teb.Bits, "data of a thread in a TLS slot", "TEB.TlsSlots points to it")
		p.static(teb)
	}
}

// slots names the blocks that begin where words of memory point to.
func (p *placer) slots(at memory.Addr, size uint64, bits int, name, evidence string) {
	for a := at; a < at.Add(size); a += memory.Addr(bits / 8) {
		if v := p.pointer(a, bits); v != 0 {
			p.put(v, name, evidence)
		}
	}
}

// static names a thread's array of static TLS and the data that it leads to.
func (p *placer) static(teb process.TEB) {
	at := p.pointer(teb.Address+ofBits(tebTLS, teb.Bits), teb.Bits)
	i, ok := p.index.At(at)
	if !ok || at == 0 || p.index.Range(i).End <= at {
		return
	}
	p.put(p.index.User(i), "static TLS of a thread", "TEB.ThreadLocalStoragePointer leads to it")
	size := min(uint64(p.index.Range(i).End-at), maxStatic*uint64(teb.Bits/8))
	p.slots(at, size, teb.Bits, "a module's TLS data of a thread", "TEB.ThreadLocalStoragePointer's array points to it")
}

// node names the dependency node of a loader's entry: a list's head, which
// leads to the links of entries.
func (p *placer) node(entry memory.Addr, bits int) {
	at := p.pointer(entry+ofBits(ldrNode, bits), bits)
	first := p.pointer(at, bits)
	if at == 0 || first == 0 || p.pointer(first+memory.Addr(bits/8), bits) != at {
		return
	}
	// Follow the links: one of them is the entry's.
	for range maxStatic {
		if first == entry+ofBits(ldrLink, bits) {
			p.put(at, "loader's node of a module (LDR_DDAG_NODE)", "a loader's entry points to it, and its list to the entry's link")
			return
		}
		if first = p.pointer(first, bits); first == 0 || first == at {
			return
		}
	}
}
