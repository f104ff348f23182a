package attrib

import (
	"github.com/heapdump/heapdump/internal/analysis/content"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/process"
)

// place is a block that a structure of the process names.
type place struct{ name, evidence string }

// places finds the blocks that the PEBs, the loader's lists and the TEBs lead
// to, by user pointer.
func (s *shared) places(t *target.Target) map[memory.Addr]place {
	out := map[memory.Addr]place{}
	src := t.Source()
	more := placer{s, src, out}
	put := func(a memory.Addr, name, evidence string) {
		if i, ok := s.index.At(a); ok && a != 0 {
			if _, taken := out[s.index.User(i)]; !taken {
				out[s.index.User(i)] = place{name, evidence}
			}
		}
	}
	for _, p := range t.PEBs {
		for _, a := range process.Areas(src, p) {
			put(a.Address, a.Name, a.Field+" points to it")
		}
		l, ok := src.ReadLoader(p, nil)
		if !ok {
			continue
		}
		for _, e := range l.Entries {
			put(e.Address, "loader's entry of a module (LDR_DATA_TABLE_ENTRY)", "it is in PEB.Ldr's list of modules")
			more.node(e.Address, p.Bits)
		}
	}
	for _, p := range t.PEBs {
		if h := p.ProcessParameters; h != 0 && p.Knows("ProcessParameters") {
			put(h, "process parameters", "PEB.ProcessParameters points to it")
		}
	}
	more.threads(t)
	return out
}

// byPlace groups by what the process's structures say of a block.
func (w *worker) byPlace(p place) id {
	return w.put(Type, words("place "+p.name), func() Key {
		return Key{Text: p.name, Evidence: p.evidence, Confidence: content.High}
	})
}
