package attrib

import (
	"strings"

	"github.com/heapdump/heapdump/internal/analysis/content"
	"github.com/heapdump/heapdump/internal/symbols"
	"github.com/heapdump/heapdump/pkg/memory"
)

// class is the class of a block's vtable; nil when it begins with none.
func (w *worker) class(x *subject) *symbols.Class {
	v, ok := w.word(x, 0)
	if !ok || v == 0 {
		return nil
	}
	// The same few tables come again and again.
	k := &w.classes[(v>>4^v>>10)%uint64(len(w.classes))]
	if k.table != v || k.bits != x.heap.Bits {
		*k = knownClass{v, x.heap.Bits, w.types.TypeOf(memory.Addr(v), x.heap.Bits)}
	}
	return k.class
}

// knownClass is the class of a table, nil of an address that is none.
type knownClass struct {
	table uint64
	bits  int
	class *symbols.Class
}

// byType groups by what a block is: the strongest evidence first.
func (w *worker) byType(x *subject) id {
	if p, ok := w.named[x.block.User()]; ok {
		return w.byPlace(p)
	}
	c := w.class(x)
	if c != nil && c.Evidence == symbols.RTTI {
		return w.byClass(x, c)
	}
	plain := w.claim(x)
	if plain.Kind == content.UTF16 && w.isEnvironment(x) {
		return w.byShape(environment)
	}
	if plain.Confidence == content.High {
		return w.byContent(Type, x)
	}
	if s, ok := w.ownShape(x); ok {
		return w.byShape(s)
	}
	if c != nil {
		return w.byClass(x, c)
	}
	if s, ok := w.shape(x); ok {
		return w.byShape(s)
	}
	if plain.Kind == content.Unknown {
		if p, ok := w.lesser[x.block.User()]; ok {
			return w.byLesserPlace(p)
		}
	}
	return w.byContent(Type, x)
}

// byClass groups by class.
func (w *worker) byClass(x *subject, c *symbols.Class) id {
	com := w.com(x)
	name := c.Name
	if com {
		name += " (COM)"
	}
	return w.put(Type, words("class "+c.Module+"!"+name), func() Key {
		k := Key{Text: name, Means: VTable, Confidence: content.Medium, Evidence: "a pointer to a table of functions in constant data of " + c.Module}
		if c.Evidence == symbols.RTTI {
			k.Means, k.Confidence, k.Evidence = RTTI, content.High, "run-time type information in "+c.Module+", to which the block's first pointer leads"
		}
		if com {
			k.Evidence += "; the second and third function count references with an interlocked instruction, as AddRef and Release do"
		}
		return k
	})
}

// byShape groups by the shape of a container's parts.
func (w *worker) byShape(s shape) id {
	return w.put(Type, id(s)<<16|3, func() Key {
		return Key{Text: s.String(), Means: Shape, Evidence: s.evidence(), Confidence: s.confidence()}
	})
}

// codeBytes is how much of a function com looks at.
const codeBytes = 48

// com reports whether the second and third function of the block's table count
// references: AddRef and Release of IUnknown, which every COM object begins
// with (documented), use an interlocked add or increment.
func (w *worker) com(x *subject) bool {
	v, ok := w.word(x, 0)
	if !ok {
		return false
	}
	width := x.heap.Bits / 8
	for _, slot := range []uint64{1, 2} {
		f, err := w.t.Space.Pointer(memory.Addr(v).Add(slot*uint64(width)), x.heap.Bits)
		if err != nil {
			return false
		}
		code := w.t.Space.Tail(f)
		if !interlocked(code[:min(len(code), codeBytes)]) {
			return false
		}
	}
	return true
}

// interlocked reports whether code has a lock prefix before xadd, inc or dec of
// memory.
func interlocked(code []byte) bool {
	s := string(code)
	for _, op := range []string{"\xf0\x0f\xc1", "\xf0\xff", "\xf0\x48\x0f\xc1", "\xf0\x41\x0f\xc1", "\xf0\x44\x0f\xc1"} {
		if strings.Contains(s, op) {
			return true
		}
	}
	return false
}
