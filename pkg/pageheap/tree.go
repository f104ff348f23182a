package pageheap

import (
	"fmt"

	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/memory"
)

// maxDepth is deeper than any AVL tree that fits into memory: one of 2^40
// nodes has a depth of 58.
const maxDepth = 60

// tree is one traversal of BusyNodesTable, an _RTL_AVL_TABLE whose nodes are
// the _DPH_HEAP_BLOCKs themselves (public symbols).
//
// It needs no memory of what it has visited: a node is entered only from the
// node that its Parent names, so none can be reached twice, but for one that
// is both children of its parent, which is looked for.
type tree struct {
	h     *Heap
	limit int
	nodes []memory.Addr
	whole bool
}

// walkTree returns the nodes of the busy tree in order, and whether it could
// be followed as a whole.
func (h *Heap) walkTree(limit int) ([]memory.Addr, bool) {
	t := tree{h: h, limit: limit, whole: true}
	table := h.Root.Address.Add(h.form.root.busy)
	if h.Root.treeParent != table {
		h.put(diag.Corrupt, CodeTree, table, "_RTL_AVL_TABLE", "BalancedRoot.Parent", hex(uint64(table)), hex(uint64(h.Root.treeParent)))
	}
	depth := t.visit(h.Root.busy, table, table, "BalancedRoot.RightChild", 1)
	if !t.whole || h.Root.Owned {
		return t.nodes, t.whole
	}
	if uint64(h.Root.TreeDepth) != uint64(depth) {
		h.put(diag.Corrupt, CodeTree, table, "_RTL_AVL_TABLE", "DepthOfTree", fmt.Sprint(depth), fmt.Sprint(h.Root.TreeDepth))
	}
	if uint64(h.Root.TreeElements) != uint64(len(t.nodes)) {
		h.put(diag.Corrupt, CodeTree, table, "_RTL_AVL_TABLE", "NumberGenericTableElements", fmt.Sprint(len(t.nodes)), fmt.Sprint(h.Root.TreeElements))
	}
	return t.nodes, true
}

// visit walks the subtree at a in order and returns its depth.
func (t *tree) visit(a, parent, table memory.Addr, field string, level int) int {
	if a == 0 {
		return 0
	}
	l, p := &t.h.form.avl, t.h.form.ptr
	b := view(t.h.mem, a, t.h.form.node.size)
	object := "_DPH_HEAP_BLOCK"
	if parent == table {
		object = "_RTL_AVL_TABLE"
	}
	if b == nil || a == table || uint64(a)%4 != 0 || level > maxDepth || len(t.nodes) >= t.limit {
		t.cut(parent, object, field, "a node or 0", a)
		return 0
	}
	if got := b.addr(0, p); got != parent {
		t.cut(a, "_DPH_HEAP_BLOCK", "TableLinks.Parent", hex(uint64(parent)), got)
		return 0
	}
	left, right := b.addr(l.left, p), b.addr(l.right, p)
	dl := t.visit(left, a, table, "TableLinks.LeftChild", level+1)
	if len(t.nodes) < t.limit {
		t.nodes = append(t.nodes, a)
	}
	if right == left && right != 0 {
		t.cut(a, "_DPH_HEAP_BLOCK", "TableLinks.RightChild", "another node than LeftChild", right)
		return dl + 1
	}
	dr := t.visit(right, a, table, "TableLinks.RightChild", level+1)
	if bal := int(int8(b[l.balance])); t.whole && bal != dr-dl && !t.h.Root.Owned {
		t.h.put(diag.Corrupt, CodeTree, a, "_DPH_HEAP_BLOCK", "TableLinks.Balance", fmt.Sprint(dr-dl), fmt.Sprint(bal))
	}
	return max(dl, dr) + 1
}

// cut reports a link of the tree that cannot be followed.
func (t *tree) cut(at memory.Addr, object, field, want string, to memory.Addr) {
	t.whole = false
	t.h.broken(CodeTree, at, object, field, want, to)
}
