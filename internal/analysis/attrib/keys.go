package attrib

import (
	"fmt"
	"hash/maphash"
	"math/bits"
	"strconv"
	"strings"

	"github.com/heapdump/heapdump/internal/analysis/content"
	"github.com/heapdump/heapdump/internal/analysis/crt"
	"github.com/heapdump/heapdump/internal/analysis/stacks"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/pageheap"
)

// subject is a block while its keys are looked for; what one criterion found
// another may use.
type subject struct {
	heap  *target.Heap
	block *heap.Block

	debug     crt.Block
	isDebug   bool
	didDebug  bool
	stack     []memory.Addr
	didStack  bool
	bytes     []byte
	didBytes  bool
	user      memory.Addr // where the program's bytes begin: behind a debug header
	userBytes uint64
	head      [4]uint64     // the first pointer-sized words, as far as there are
	heads     int           // how many of them there are, once didBytes
	claim     content.Claim // what they are, once didClaim
	didClaim  bool
}

// seed makes the same id of the same words throughout a run.
var seed = maphash.MakeSeed()

// unknown is the id of the key that says that nothing is known.
const unknown id = 0

// key returns the id of a block's key, and keeps the key the first time.
func (w *worker) key(by By, x *subject) id {
	switch by {
	case Stack:
		return w.byStack(x)
	case Site:
		return w.bySite(x)
	case Module:
		return w.byModule(x)
	case Heap:
		return w.put(Heap, id(x.heap.Address), func() Key {
			return Key{Text: fmt.Sprintf("heap %v", x.heap.Address), Evidence: "the heap's segments", Confidence: content.High, Same: w.heapName(x.heap)}
		})
	case Size:
		n := x.block.UserBytes()
		return w.put(Size, id(n)+1, func() Key {
			return Key{Text: strconv.FormatUint(n, 10) + " bytes", Evidence: "the block's header", Confidence: trust(x.block)}
		})
	case Origin:
		return w.put(Origin, id(x.block.Origin)+1, func() Key {
			return Key{Text: x.block.Origin.String(), Evidence: "where the walk of the heap met the block", Confidence: content.High}
		})
	case Class:
		return w.byClassOfSize(x.block)
	case Part:
		return w.byPart(x)
	case Type:
		return w.byType(x)
	}
	return w.byContent(Content, x)
}

// byClassOfSize groups by size up to the next power of two.
func (w *worker) byClassOfSize(b *heap.Block) id {
	n := bits.Len64(max(b.UserBytes(), 1) - 1) // 2^n is the least that holds it
	return w.put(Class, id(n)+1, func() Key {
		text := fmt.Sprintf("%d to %d bytes", uint64(1)<<n/2+1, uint64(1)<<n)
		if n == 0 {
			text = "0 or 1 bytes"
		}
		return Key{Text: text, Evidence: "the block's header", Confidence: trust(b)}
	})
}

// trust is how sure a block's own size is.
func trust(b *heap.Block) content.Confidence {
	if b.Trust == heap.Sound {
		return content.High
	}
	return content.Medium
}

// put keeps a key under an id.
func (w *worker) put(by By, i id, make func() Key) id {
	if _, ok := w.keys[by][i]; !ok {
		k := make()
		k.By, k.Known = by, i != unknown
		if k.Same == "" {
			k.Same = k.Text
		}
		w.keys[by][i] = k
	}
	return i
}

// heapName names a heap alike in another run.
func (w *worker) heapName(h *target.Heap) string {
	if w.o.HeapName == nil {
		return fmt.Sprintf("heap %d", h.Position)
	}
	return w.o.HeapName(h)
}

// none keeps the key that says that nothing is known, and why.
func (w *worker) none(by By, text, why string) id {
	return w.put(by, unknown, func() Key { return Key{Text: text, Evidence: why, Confidence: content.None} })
}

// words makes an id of a string.
func words(s string) id { return id(maphash.String(seed, s) | 1) }

// stackOf returns the stack of a block's allocation, nil when there is none.
func (w *worker) stackOf(x *subject) []memory.Addr {
	if !x.didStack {
		x.didStack = true
		if w.captures[x.heap] {
			x.stack = w.stacks.Of(x.heap, x.block)
		}
	}
	return x.stack
}

// byStack groups by the whole stack; the group is named by the first frame
// that is the program's own.
func (w *worker) byStack(x *subject) id {
	s := w.stackOf(x)
	if len(s) == 0 {
		return w.none(Stack, "(no stack recorded)", "neither +ust nor page heap kept one for these blocks")
	}
	var h maphash.Hash
	h.SetSeed(seed)
	for _, a := range s {
		maphash.WriteComparable(&h, a)
	}
	return w.put(Stack, id(h.Sum64()|1), func() Key {
		frames := w.stacks.Frames(s)
		text, sure := "(no frame of the program's own)", content.Medium
		if f, ok := w.skip.First(frames); ok {
			text, sure = stacks.FrameName(f), content.High
		}
		return Key{Text: text, Evidence: "the stack that Windows recorded of the allocation", Confidence: sure, Stack: frames, Same: frameOffsets(frames)}
	})
}

// frameOffsets is a stack by modules and offsets in them. Frames outside all
// modules, which are code that a run compiled, are alike.
func frameOffsets(frames []stacks.Frame) string {
	var b strings.Builder
	for _, f := range frames {
		if f.Module == "" {
			b.WriteString("?;")
			continue
		}
		fmt.Fprintf(&b, "%s+%#x;", strings.ToLower(f.Module), f.Offset)
	}
	return b.String()
}

// offset is an address by module and offset.
func (w *worker) offset(a memory.Addr) string {
	if m := w.stacks.Names.Module(a); m != nil {
		return fmt.Sprintf("%s+%#x", strings.ToLower(m.File), a.Sub(m.Start))
	}
	return fmt.Sprint(a)
}

// debugOf returns the debug C runtime's block in a block.
func (w *worker) debugOf(x *subject) (crt.Block, bool) {
	if !x.didDebug {
		x.didDebug = true
		if w.crt != nil {
			b := w.program(x)
			x.debug, x.isDebug = w.crt.Of(x.heap, &b)
		}
	}
	return x.debug, x.isDebug
}

// program is the block without light page heap's header.
func (w *worker) program(x *subject) heap.Block {
	b := *x.block
	if x.heap.NormalOf != 0 {
		if l, ok := pageheap.Light(w.t.Space, b); ok && l.Bits == x.heap.Bits {
			return heap.Block{Addr: l.User, Size: l.Requested, State: heap.Busy, Trust: b.Trust}
		}
	}
	return b
}

// bySite groups by file and line.
func (w *worker) bySite(x *subject) id {
	d, ok := w.debugOf(x)
	switch {
	case !ok:
		return w.none(Site, "(no debug CRT header)", "no _CrtMemBlockHeader is in these blocks")
	case d.Name == "" && d.File != 0 && d.HasLine():
		// The name is in a module's data, which many dumps leave out: its
		// address and the line tell sites apart all the same.
		text := fmt.Sprintf("(file name at %v)(%d)", d.File, d.Line)
		return w.put(Site, words(text), func() Key {
			return Key{Text: text, Evidence: "file and line in the block's _CrtMemBlockHeader; the file's name cannot be read from the dump", Confidence: content.Medium,
				Same: fmt.Sprintf("%s(%d)", w.offset(d.File), d.Line)}
		})
	case d.Name == "" || !d.HasLine():
		return w.put(Site, 1, func() Key {
			return Key{Text: "(debug CRT, no file named)", Evidence: "a _CrtMemBlockHeader without a file name that can be read", Confidence: content.High}
		})
	}
	text := fmt.Sprintf("%s(%d)", d.Name, d.Line)
	return w.put(Site, words(text), func() Key {
		return Key{Text: text, Evidence: "file and line in the block's _CrtMemBlockHeader", Confidence: content.High}
	})
}

// byModule groups by the module whose frame is the first of the program's own
// on the stack, else by the module of the block's class, else by the module
// whose data leads to the block by the fewest references.
func (w *worker) byModule(x *subject) id {
	if s := w.stackOf(x); len(s) > 0 {
		if f, ok := w.skip.First(w.stacks.Frames(s)); ok {
			return w.put(Module, words("stack "+f.Module), func() Key {
				return Key{Text: f.Module, Evidence: "the first frame of the program's own on the allocation's stack", Confidence: content.High}
			})
		}
	}
	if c := w.class(x); c != nil {
		return w.put(Module, words("type "+c.Module), func() Key {
			return Key{Text: c.Module, Evidence: "the blocks begin with a pointer to a vtable in it", Confidence: content.Medium}
		})
	}
	if i, ok := w.index.At(x.block.User()); ok {
		if name := w.reach.Module(i); name != "" {
			return w.put(Module, words("reach "+name), func() Key {
				return Key{Text: name, Evidence: "its data leads to the blocks, by fewer references than that of any other module", Confidence: content.Low}
			})
		}
	}
	return w.none(Module, "(unknown)", "no stack was recorded, no vtable is at the start of these blocks, and no module's data leads to them")
}

// bytesOf returns the first bytes of what the program put into the block, as
// many as the dump has, and how many there are in all.
func (w *worker) bytesOf(x *subject) ([]byte, uint64) {
	if !x.didBytes {
		w.readBytes(x)
	}
	return x.bytes, x.userBytes
}

func (w *worker) readBytes(x *subject) {
	x.didBytes = true
	b := w.program(x)
	x.user, x.userBytes = b.User(), b.UserBytes()
	if d, ok := w.debugOf(x); ok {
		x.user, x.userBytes = d.User, d.Bytes
	}
	n := min(x.userBytes, content.Look)
	if b, ok := w.window.At(x.user, n); ok {
		x.bytes = b
	} else {
		x.bytes = w.t.Space.Tail(x.user)
	}
	for x.heads < len(x.head) {
		v, ok := wordOf(x.bytes, x.heads, x.heap.Bits)
		if !ok {
			break
		}
		x.head[x.heads] = v
		x.heads++
	}
}

// claim says what the block's bytes are, symbols and pointers left aside.
func (w *worker) claim(x *subject) content.Claim {
	if !x.didClaim {
		x.didClaim = true
		b, n := w.bytesOf(x)
		x.claim = content.Of(b, n, x.heap.Bits)
	}
	return x.claim
}

// byContent groups by what the bytes are.
func (w *worker) byContent(by By, x *subject) id {
	b, n := w.bytesOf(x)
	switch {
	case n == 0:
		return w.put(by, 2, func() Key {
			return Key{Text: "empty", Means: Bytes, Evidence: "no bytes were asked for", Confidence: content.High}
		})
	case len(b) == 0:
		return w.put(by, 4, func() Key {
			return Key{Text: "(not in the dump)", Evidence: "the dump has none of their bytes", Confidence: content.None}
		})
	}
	c := w.claim(x)
	if c.Kind == content.Unknown {
		return w.none(by, "unknown", "no pattern that is known fits")
	}
	return w.put(by, id(c.Kind)<<8|id(c.Confidence)<<4|1, func() Key {
		return Key{Text: c.Kind.String(), Means: Bytes, Evidence: c.Kind.Evidence(), Confidence: c.Confidence, Kind: c.Kind}
	})
}
