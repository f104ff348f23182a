package refs

import (
	"context"
	"math"
	"strings"
)

// ModuleReach says which module's data leads to a block by the fewest
// references. Others may lead to it too: it is a hint at who holds a block, not
// a proof of who made it.
type ModuleReach struct {
	names []string
	of    []uint16 // of each block, index in names from 1; 0 is none
}

// Module returns the module of a block; empty when no module's data leads to
// it.
func (m *ModuleReach) Module(id ID) string {
	if k := m.of[id]; k > 0 {
		return m.names[k-1]
	}
	return ""
}

// ByModule finds the nearest module's data for every block; of modules that
// are as near the one that lies first. The error is the context's.
func (r *Reach) ByModule(ctx context.Context) (*ModuleReach, error) {
	vars, hits := r.variables(ctx)
	m := &ModuleReach{of: make([]uint16, r.n)}
	index := map[string]uint16{}
	var queue []ID
	for _, h := range hits {
		a := vars[h.root].Area
		if a.Kind != Module || m.of[h.to] != 0 {
			continue
		}
		name, _, _ := strings.Cut(a.Name, "!")
		if dot := strings.LastIndexByte(name, '.'); dot > 0 { // as symbols name modules
			name = name[:dot]
		}
		k, ok := index[name]
		if !ok {
			if len(m.names) == math.MaxUint16 {
				continue
			}
			m.names = append(m.names, name)
			k = uint16(len(m.names))
			index[name] = k
		}
		m.of[h.to] = k
		queue = append(queue, h.to)
	}
	for i := 0; i < len(queue); i++ {
		if i%pulse == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		for _, to := range r.edges(queue[i]) {
			if to &^= interior; m.of[to] == 0 {
				m.of[to] = m.of[queue[i]]
				queue = append(queue, to)
			}
		}
	}
	return m, ctx.Err()
}
