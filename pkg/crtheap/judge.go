package crtheap

import (
	"encoding/binary"
	"slices"

	"github.com/heapdump/heapdump/pkg/fill"
	"github.com/heapdump/heapdump/pkg/memory"
)

// suspect is a link of a found header that is not closed: what it leads to
// does not lead back.
type suspect struct {
	n  *node
	d  int
	to *node // nil when it leads to no header that was found
}

// claim names who leads to a header: the one whose link in direction d does.
type claim struct {
	addr memory.Addr
	d    int
}

// judge says for every link that is not closed which side of it is wrong.
func (w *walker) judge(out *Walked) {
	suspects := w.suspects(out)
	if len(suspects) == 0 {
		return
	}
	claims := w.claims(suspects)
	told := map[memory.Addr]bool{}
	for _, s := range suspects {
		f := w.verdict(s, claims)
		if !told[f.At] {
			told[f.At] = true
			out.Findings = append(out.Findings, f)
		}
	}
	slices.SortFunc(out.Findings, func(a, b Finding) int {
		if a.At < b.At {
			return -1
		}
		return 1
	})
}

// suspects finds the links that are not closed, but for those into memory
// that the dump lacks.
func (w *walker) suspects(out *Walked) []suspect {
	var all []suspect
	x := examiner{m: w.m, l: w.l}
	for i := range w.nodes {
		n := &w.nodes[i]
		for d := range n.to {
			if n.to[d] == 0 || w.closed(n, d) {
				continue
			}
			s := suspect{n: n, d: d, to: w.find(n.to[d])}
			x.at = n.addr
			if s.to == nil && x.follow(n.to[d], w.l.ptr*(1-d)) == linkMissing {
				continue
			}
			if len(all) == maxSuspects {
				out.Dropped++
				continue
			}
			all = append(all, s)
		}
	}
	return all
}

// claims looks who leads to the suspects, and to what they lead to.
func (w *walker) claims(suspects []suspect) map[claim]memory.Addr {
	of := map[memory.Addr]bool{}
	for _, s := range suspects {
		of[s.n.addr], of[s.n.to[s.d]] = true, true
	}
	out := map[claim]memory.Addr{}
	for i := range w.nodes {
		for d, to := range w.nodes[i].to {
			if to != 0 && of[to] {
				out[claim{to, d}] = w.nodes[i].addr
			}
		}
	}
	return out
}

// verdict blames a link. Another header that leads here the other way round
// says where the link should lead. Without one the link is wrong if what it
// leads to is linked with another, or is no header; else the answer is wrong.
// Two headers that lead to a third from both sides, where there is none, say
// that it was destroyed.
func (w *walker) verdict(s suspect, claims map[claim]memory.Addr) Finding {
	got := s.n.to[s.d]
	if want := claims[claim{s.n.addr, 1 - s.d}]; want != 0 && want != got {
		return w.wrong(s.n, s.d, want)
	}
	switch {
	case s.to != nil && w.closed(s.to, 1-s.d):
		return w.wrong(s.n, s.d, 0)
	case s.to != nil:
		return w.wrong(s.to, 1-s.d, s.n.addr)
	case claims[claim{got, 1 - s.d}] != 0:
		f := Finding{Rule: CodeHeader, Block: got, Difference: whole(got, int(w.l.head)), Open: true}
		f.Got = fill.Copy(w.m, got, w.l.head)
		f.ContextAt, f.Context = got, f.Got
		return f
	}
	return w.wrong(s.n, s.d, 0)
}

// wrong makes the finding about a link that should lead to want; 0 when that
// is not known.
func (w *walker) wrong(n *node, d int, want memory.Addr) Finding {
	field := "pBlockHeaderNext"
	if d == newer {
		field = "pBlockHeaderPrev"
	}
	f := Finding{Rule: CodeLink, Block: n.addr, Field: field, Difference: whole(n.addr.Add(uint64(d*w.l.ptr)), w.l.ptr)}
	f.Got = binary.LittleEndian.AppendUint64(nil, uint64(n.to[d]))[:w.l.ptr]
	if want != 0 {
		f.Want = binary.LittleEndian.AppendUint64(nil, uint64(want))[:w.l.ptr]
	}
	f.ContextAt, f.Context = n.addr, fill.Copy(w.m, n.addr, w.l.head)
	return f
}
