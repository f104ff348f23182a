package pageheap_test

import (
	"maps"
	"testing"

	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/pageheap"
)

// damage is one thing that is wrong with a page heap, or an innocent twin.
type damage struct {
	name  string
	only  func(kind) bool
	do    func(b *synth.BuiltPageHeap)
	want  map[diag.Code]int // of the walk and Check together
	lose  []int             // allocations that nobody can find any more
	trust heap.Trust        // of allocation 2
}

func isNew(k kind) bool { return !k.old }
func isOld(k kind) bool { return k.old }

func one(c diag.Code) map[diag.Code]int { return map[diag.Code]int{c: 1} }

// set smashes one field of allocation 2's node.
func set(field string, v uint64) func(b *synth.BuiltPageHeap) {
	return func(b *synth.BuiltPageHeap) { b.SetNode(b.Blocks[2].Node, field, v) }
}

func root(field string, v uint64) func(b *synth.BuiltPageHeap) {
	return func(b *synth.BuiltPageHeap) { b.Set(field, v) }
}

// link overwrites a node's word-th word.
func link(i int, word uint64, to func(b *synth.BuiltPageHeap) uint64) func(b *synth.BuiltPageHeap) {
	return func(b *synth.BuiltPageHeap) {
		b.Image.PutPtr(b.Blocks[i].Node+word*b.Arch.PtrSize(), to(b))
	}
}

func value(v uint64) func(*synth.BuiltPageHeap) uint64 {
	return func(*synth.BuiltPageHeap) uint64 { return v }
}

// The small heap's busy allocations are 0, 1, 2, 4 and 6, freed ones 3 and 5.
// Its tree has 2 at the top, with 1 and 6 below and 0 and 4 below those.
func damages() []damage {
	node := one(pageheap.CodeNode)
	return append(nodeDamages(node), []damage{
		{name: "nothing", do: func(*synth.BuiltPageHeap) {}},
		{name: "nBusyAllocations", do: root("nBusyAllocations", 7), want: one(pageheap.CodeCount)},
		{name: "nFreeAllocations", do: root("nFreeAllocations", 0), want: one(pageheap.CodeCount)},
		{name: "nAvailableAllocations", do: root("nAvailableAllocations", 0x10000), want: one(pageheap.CodeCount)},
		{name: "nNodePools", do: root("nNodePools", 0xffffffff), want: one(pageheap.CodeCount)},
		{name: "nVirtualStorageRanges", do: root("nVirtualStorageRanges", 9), want: one(pageheap.CodeCount)},
		{name: "counters of a locked heap", do: func(b *synth.BuiltPageHeap) {
			b.Set("nBusyAllocations", 7)
			b.Image.PutPtr(b.LockAt+b.Arch.PtrSize()+8, 0x1234)
		}},
		{name: "freed tail", do: root("pFreeAllocationListTail", 0x1000), want: one(pageheap.CodeList)},
		{name: "freed list wild", do: link(3, 0, value(0x666)), want: map[diag.Code]int{pageheap.CodeList: 1, pageheap.CodeLost: 1}},
		{name: "freed list loops", do: link(5, 0, func(b *synth.BuiltPageHeap) uint64 { return b.Blocks[3].Node }), want: one(pageheap.CodeList)},
		{name: "storage list wild", do: func(b *synth.BuiltPageHeap) { b.Image.PutPtr(b.StorNodes[0], 0x999) }, want: one(pageheap.CodeList)},
		{name: "storage head wild", do: root("pVirtualStorageListHead", 0x42424242), want: one(pageheap.CodeList)},
		{name: "storage node", do: func(b *synth.BuiltPageHeap) { b.SetNode(b.StorNodes[0], "pVirtualBlock", 0x123) }, want: node},
		{name: "pool head wild", do: root("pNodePoolListHead", 0x42424242), want: map[diag.Code]int{pageheap.CodeList: 1, pageheap.CodeLost: 1}},
		{name: "pool node", do: func(b *synth.BuiltPageHeap) { b.SetNode(b.PoolNodes[0], "nVirtualBlockSize", 0x4001) },
			want: map[diag.Code]int{pageheap.CodeNode: 1, pageheap.CodeLost: 1}},
		{name: "available head wild", only: isNew, do: func(b *synth.BuiltPageHeap) {
			b.Image.PutPtr(b.FieldAddr("AvailableAllocationHead"), 0x55555550)
		}, want: one(pageheap.CodeList)},
		{name: "available Blink", only: isNew, do: func(b *synth.BuiltPageHeap) {
			b.Image.PutPtr(b.FieldAddr("AvailableAllocationHead")+b.Arch.PtrSize(), 0x55555550)
		}, want: one(pageheap.CodeList)},
		{name: "two nodes for the same pages", only: isNew, do: func(b *synth.BuiltPageHeap) {
			p, n := b.Blocks[0], b.Blocks[1].Node
			for f, v := range map[string]uint64{"pUserAllocation": p.User, "pVirtualBlock": p.Virtual, "nVirtualBlockSize": p.VirtualSize,
				"nVirtualAccessSize": p.Access, "nUserRequestedSize": p.Size, "nUserActualSize": 12} {
				b.SetNode(n, f, v)
			}
		}, want: map[diag.Code]int{pageheap.CodeOverlap: 1, pageheap.CodeLost: 1}, lose: []int{1}},
	}...)
}

func nodeDamages(node map[diag.Code]int) []damage {
	return []damage{
		{name: "pUserAllocation", do: set("pUserAllocation", 0x41414141), want: node, trust: heap.Repaired},
		{name: "pVirtualBlock", do: set("pVirtualBlock", 0x41414141), want: node, trust: heap.Repaired},
		{name: "pVirtualBlock nowhere", do: set("pVirtualBlock", 0x41414000), want: node, trust: heap.Repaired},
		{name: "nVirtualBlockSize", do: set("nVirtualBlockSize", 0x41414141), want: node, trust: heap.Repaired},
		{name: "nVirtualBlockSize too large", do: set("nVirtualBlockSize", 0x40000000), want: node, trust: heap.Repaired},
		{name: "nVirtualAccessSize", do: set("nVirtualAccessSize", 0x41414141), want: node, trust: heap.Repaired},
		{name: "nUserRequestedSize", do: set("nUserRequestedSize", 0x41414141), want: node, trust: heap.Repaired},
		{name: "nUserActualSize", do: set("nUserActualSize", 0x41414141), want: node, trust: heap.Repaired},
		{name: "node and its header", do: func(b *synth.BuiltPageHeap) {
			set("nUserRequestedSize", 0x41414141)(b)
			b.Image.PutU32(b.Blocks[2].User-8*b.Arch.PtrSize(), 0x41414141)
		}, want: map[diag.Code]int{pageheap.CodeNode: 1, pageheap.CodeLost: 1}, lose: []int{2}},
		{name: "all pages of a node", do: func(b *synth.BuiltPageHeap) {
			for _, f := range []string{"pVirtualBlock", "nVirtualBlockSize", "nVirtualAccessSize"} {
				set(f, 0x41414141)(b)
			}
		}, want: node, trust: heap.Repaired},
		{name: "all of a node but one field", do: func(b *synth.BuiltPageHeap) {
			for _, f := range []string{"pVirtualBlock", "nVirtualBlockSize", "nVirtualAccessSize", "nUserRequestedSize"} {
				set(f, 0x41414141)(b)
			}
		}, want: map[diag.Code]int{pageheap.CodeNode: 1, pageheap.CodeLost: 1}, lose: []int{2}},
		{name: "freed node reaches into a busy one", do: func(b *synth.BuiltPageHeap) {
			b.SetNode(b.Blocks[3].Node, "nVirtualBlockSize", b.Blocks[3].VirtualSize+0x1000)
		}, want: map[diag.Code]int{pageheap.CodeOverlap: 1, pageheap.CodeLost: 1}},
		{name: "node that is gone", do: func(b *synth.BuiltPageHeap) {
			for _, f := range []string{"pUserAllocation", "pVirtualBlock", "nVirtualBlockSize", "nVirtualAccessSize", "nUserRequestedSize"} {
				set(f, 0x41414141)(b)
			}
		}, want: map[diag.Code]int{pageheap.CodeNode: 1, pageheap.CodeLost: 1}, lose: []int{2}},
		{name: "freed node", do: func(b *synth.BuiltPageHeap) { b.SetNode(b.Blocks[3].Node, "pVirtualBlock", 1) },
			want: map[diag.Code]int{pageheap.CodeNode: 1, pageheap.CodeLost: 1}},
		{name: "StartStamp", do: func(b *synth.BuiltPageHeap) { b.Image.PutU32(b.Blocks[2].User-8*b.Arch.PtrSize(), 0xabcdbbbc) }, want: one(pageheap.CodeStamp)},
		{name: "EndStamp", do: func(b *synth.BuiltPageHeap) { b.Image.PutU32(b.Blocks[2].User-4, 0) }, want: one(pageheap.CodeStamp)},
		{name: "RequestedSize", do: func(b *synth.BuiltPageHeap) { b.Image.PutU32(b.Blocks[2].User-6*b.Arch.PtrSize(), 3) }, want: one(pageheap.CodeHeader)},
		{name: "underrun", do: func(b *synth.BuiltPageHeap) { b.Image.Write(b.Blocks[2].User-1, []byte("x")) }, want: one(pageheap.CodeStamp)},
		{name: "overrun", do: func(b *synth.BuiltPageHeap) { b.Image.Write(b.Blocks[0].User+10, []byte("x")) }, want: one(pageheap.CodeSuffix)},
		{name: "last byte", do: func(b *synth.BuiltPageHeap) { b.Image.Write(b.Blocks[0].User+9, []byte("x")) }},
		{name: "suffix of none", do: func(b *synth.BuiltPageHeap) { b.Image.Write(b.Blocks[1].User+199, []byte("x")) }},
		{name: "before the header", do: func(b *synth.BuiltPageHeap) { b.Image.Write(b.Blocks[0].Virtual, []byte("whatever")) }},
		{name: "guard page", do: func(b *synth.BuiltPageHeap) {
			b.Image.Commit(b.Blocks[2].Virtual+b.Blocks[2].Access, 1, synth.PageReadWrite)
		}, want: one(pageheap.CodeGuard)},
	}
}

func treeDamages() []damage {
	tree := one(pageheap.CodeTree)
	table := func(name string, v uint32) func(b *synth.BuiltPageHeap) {
		return func(b *synth.BuiltPageHeap) { b.Image.PutU32(b.TableAddr(name), v) }
	}
	return []damage{
		{name: "table parent", do: table("BalancedRoot", 0x1230), want: map[diag.Code]int{pageheap.CodeTree: 1}},
		{name: "depth", do: table("DepthOfTree", 2), want: tree},
		{name: "elements", do: table("NumberGenericTableElements", 4), want: tree},
		{name: "balance", do: func(b *synth.BuiltPageHeap) { b.Image.PutU8(b.Blocks[1].Node+3*b.Arch.PtrSize(), 1) }, want: tree},
		{name: "root wild", do: func(b *synth.BuiltPageHeap) { b.Image.PutPtr(b.TableAddr("BalancedRoot")+2*b.Arch.PtrSize(), 0x4242) }, want: tree},
		{name: "root is the table", do: func(b *synth.BuiltPageHeap) {
			b.Image.PutPtr(b.TableAddr("BalancedRoot")+2*b.Arch.PtrSize(), b.TableAddr("BalancedRoot"))
		}, want: tree},
		{name: "parent", do: link(1, 0, value(0)), want: tree},
		{name: "left wild", do: link(2, 1, value(0x42424242)), want: tree},
		{name: "right wild", do: link(2, 2, value(0xfffffffc)), want: tree},
		{name: "cycle to the top", do: link(0, 1, func(b *synth.BuiltPageHeap) uint64 { return b.Blocks[2].Node }), want: tree},
		{name: "cycle to itself", do: link(0, 2, func(b *synth.BuiltPageHeap) uint64 { return b.Blocks[0].Node }), want: tree},
		{name: "the same child twice", do: link(2, 2, func(b *synth.BuiltPageHeap) uint64 { return b.Blocks[1].Node }), want: tree},
		{name: "order", do: func(b *synth.BuiltPageHeap) {
			w := b.Arch.PtrSize()
			x, y, n := b.Blocks[0].Node+4*w, b.Blocks[4].Node+4*w, int(5*w)
			one, two := b.Image.Read(x, n), b.Image.Read(y, n)
			actual := b.Image.Ptr(x + 5*w)
			b.Image.PutPtr(x+5*w, b.Image.Ptr(y+5*w))
			b.Image.PutPtr(y+5*w, actual)
			b.Image.Write(x, two)
			b.Image.Write(y, one)
		}, want: map[diag.Code]int{pageheap.CodeTree: 2}},
	}
}

func TestDamage(t *testing.T) {
	all := damages()
	for _, d := range treeDamages() {
		d.only = isNew
		all = append(all, d)
	}
	all = append(all,
		damage{name: "busy list wild", only: isOld, do: link(1, 0, value(0x42424242)), want: one(pageheap.CodeList)},
		damage{name: "busy list loops", only: isOld, do: link(6, 0, func(b *synth.BuiltPageHeap) uint64 { return b.Blocks[0].Node }), want: one(pageheap.CodeList)},
		damage{name: "busy head", only: isOld, do: root("pBusyAllocationListHead", 0x42424242), want: one(pageheap.CodeList)},
		damage{name: "available head", only: isOld, do: root("pAvailableAllocationListHead", 0x42424242), want: one(pageheap.CodeList)},
	)
	seen := map[diag.Code]bool{}
	for _, k := range kinds {
		for _, d := range all {
			if d.only != nil && !d.only(k) {
				continue
			}
			t.Run(k.String()+"/"+d.name, func(t *testing.T) {
				img := synth.NewImage(k.arch)
				b := small(k).Build(img)
				d.do(b)
				w := open(t, space(t, img), handle)
				got := codes(w.problems)
				for c, n := range codes(w.checks) {
					got[c] += n
				}
				if !maps.Equal(got, d.want) {
					t.Errorf("%v %v, want %v", w.problems, w.checks, d.want)
				}
				for c := range got {
					seen[c] = true
				}
				same(t, w, b, d.lose...)
				for _, bl := range w.blocks {
					if uint64(bl.User()) == b.Blocks[2].User && bl.State == heap.Busy && bl.Trust != d.trust {
						t.Errorf("%+v", bl)
					}
				}
			})
		}
	}
	for _, d := range lightDamages {
		seen[d.want] = true
	}
	for c := range pageheap.Codes() {
		if !seen[c] {
			t.Errorf("no damage reports %s", c)
		}
	}
}
