package synth

import "slices"

// Region is one MINIDUMP_MEMORY_INFO: a run of pages that are alike.
type Region struct {
	Base, AllocBase, Size        uint64
	AllocProtect, State, Protect uint32
	Type                         uint32
}

// Regions describes the address space as VirtualQuery would: committed and
// reserved stretches of every allocation, free ones between them.
func (m *Image) Regions() []Region {
	res := m.allocations()
	top := uint64(0x7ffe0000)
	if m.Arch != X86 || slices.ContainsFunc(res, func(r reservation) bool { return r.base >= top }) {
		top = 0x7fffffff0000
	}
	var out []Region
	at := uint64(0)
	for _, r := range res {
		if at < r.base {
			out = append(out, Region{Base: at, Size: r.base - at, State: MemFree, Protect: PageNoAccess})
		}
		out = append(out, m.regionsOf(r)...)
		at = max(at, r.base+r.size)
	}
	if at < top {
		out = append(out, Region{Base: at, Size: top - at, State: MemFree, Protect: PageNoAccess})
	}
	return out
}

// allocations is the reservations, and one more for each run of pages that
// no reservation covers, in ascending order.
func (m *Image) allocations() []reservation {
	res := slices.Clone(m.res)
	slices.SortFunc(res, func(a, b reservation) int {
		if a.base < b.base {
			return -1
		}
		return 1
	})
	var stray []reservation
	i := 0
	for _, a := range m.sorted() {
		for i < len(res) && res[i].base+res[i].size <= a {
			i++
		}
		if i < len(res) && a >= res[i].base {
			continue
		}
		if n := len(stray); n > 0 && stray[n-1].base+stray[n-1].size == a {
			stray[n-1].size += pageSize
			continue
		}
		stray = append(stray, reservation{a, pageSize, MemPrivate, PageReadWrite})
	}
	res = append(res, stray...)
	slices.SortFunc(res, func(a, b reservation) int {
		if a.base < b.base {
			return -1
		}
		return 1
	})
	return res
}

func (m *Image) regionsOf(r reservation) []Region {
	var out []Region
	for a := r.base; a < r.base+r.size; a += pageSize {
		one := Region{
			Base: a, AllocBase: r.base, Size: pageSize, AllocProtect: r.protect,
			State: MemReserve, Type: r.typ,
		}
		if p := m.pages[a]; p != nil {
			one.State, one.Protect = MemCommit, p.protect
		}
		if n := len(out); n > 0 && out[n-1].State == one.State && out[n-1].Protect == one.Protect {
			out[n-1].Size += pageSize
			continue
		}
		out = append(out, one)
	}
	return out
}
