package refs

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/heapdump/heapdump/internal/symbols"
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

// Symbol is the name of a variable of a module, by its exports or its symbol
// file; the zero Name when there is none near enough.
func (v Variable) Symbol() symbols.Name {
	if v.Area.names == nil {
		return symbols.Name{}
	}
	return v.Area.names.Variable(v.At)
}

// NamedBy says how Name came to the name of a variable of a module: as
// symbols.Name.Found does, or "section". Empty of other roots.
func (v Variable) NamedBy() string {
	switch s := v.Symbol(); {
	case v.Area.Kind != Module:
		return ""
	case s.How == symbols.None:
		return "section"
	default:
		return s.Found()
	}
}

// Name is the variable as module!symbol+offset, where no symbol is near enough
// as Place has it.
func (v Variable) Name() string {
	s := v.Symbol()
	switch {
	case s.How == symbols.None:
		return v.Place()
	case v.Encoded:
		return s.String() + " (encoded)"
	}
	return s.String()
}

// Text is Name for a sentence, where no NamedBy stands beside it: a name that
// may be another variable's, since none but exported ones have names, says so.
func (v Variable) Text() string {
	if s := v.Symbol(); s.How == symbols.Nearest {
		return v.Name() + " (" + s.Found() + ")"
	}
	return v.Name()
}

// Place is the variable as file!section+offset, or what else it is: the same
// whatever symbols there are.
func (v Variable) Place() string {
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
