package refs

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/heapdump/heapdump/pkg/memory"
)

// hit is one reference from a root.
type hit struct {
	root uint32 // index of its variable
	to   ID
}

// Variable is a root that holds references: a word of a module's data, or all
// of a stack, TEB, register or stretch of other memory.
type Variable struct {
	Area *Area
	At   memory.Addr // of the word; of other kinds the area's start

	Encoded bool // the word is an encoded pointer
}

// Name is the variable as module!section+offset, or what else it is.
func (v Variable) Name() string {
	switch v.Area.Kind {
	case Module:
		if v.Encoded {
			return fmt.Sprintf("%s+%#x (encoded)", v.Area.Name, v.At.Sub(v.Area.Base))
		}
		return fmt.Sprintf("%s+%#x", v.Area.Name, v.At.Sub(v.Area.Base))
	case Private, Mapped, lost:
		return fmt.Sprintf("%s at %v", v.Area.Name, v.Area.Base)
	}
	return v.Area.Name
}

// variables lists what the roots refer to, by variable and in order of the
// roots. A block stands once with each variable.
func (r *Roots) variables(ctx context.Context) (vars []Variable, hits []hit) {
	add := func(a *Area, at memory.Addr, v uint64) {
		id, off, what := r.find(v)
		if what != inBlock {
			return
		}
		if _, ok := r.resolve(a, id, off); !ok {
			return
		}
		if a.Kind != Module {
			at = a.Start
		}
		if n := len(vars); n == 0 || vars[n-1].Area != a || vars[n-1].At != at {
			vars = append(vars, Variable{Area: a, At: at})
		}
		hits = append(hits, hit{uint32(len(vars) - 1), id})
	}
	for i := range r.Areas {
		a := &r.Areas[i]
		if ctx.Err() != nil {
			return nil, nil
		}
		if a.Kind == Register {
			add(a, 0, a.Value)
			continue
		}
		r.area(a, a.Range, func(at memory.Addr, v uint64) { add(a, at, v) })
	}
	for _, c := range r.coded {
		vars = append(vars, Variable{Area: c.area, At: c.at, Encoded: true})
		hits = append(hits, hit{uint32(len(vars) - 1), c.to})
	}
	slices.SortFunc(hits, func(a, b hit) int { return cmp.Or(cmp.Compare(a.root, b.root), cmp.Compare(a.to, b.to)) })
	return vars, slices.Compact(hits)
}
