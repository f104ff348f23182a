package report

import (
	"github.com/heapdump/heapdump/internal/analysis/locate"
	"github.com/heapdump/heapdump/internal/analysis/roles"
)

// layers is what lies round the address, from the outside in, and what its
// block is made of.
func layers(x locate.Found, rs *roles.Result) Table {
	is := func(l locate.Layer) any {
		if l.Name == "heap" {
			if said, ok := roleWords(x.Heap, rs).(string); ok {
				return l.Is + ", " + said
			}
		}
		return word(l.Is)
	}
	return fill(Table{Key: "layers", Title: "Layers, from the outside in; the address is in those marked"}, []field[locate.Layer]{
		f("layer", "Layer", Text, func(l locate.Layer) any { return l.Name }),
		f("start", "Start", Address, func(l locate.Layer) any { return addr(l.At.Start) }),
		f("bytes", "Bytes", Bytes, func(l locate.Layer) any { return known(!l.At.Empty(), l.At.Size()) }),
		f("offset", "Offset of\nthe address", Bytes, func(l locate.Layer) any { return int64(x.Address - l.At.Start) }),
		f("holds", "", Yes, func(l locate.Layer) any { return l.Holds(x.Address) }),
		f("", "In", Text, func(l locate.Layer) any { return known(l.Holds(x.Address), "*") }),
		f("is", "Is", Text, is),
	}, x.Layers)
}

// lightBlock is the header of light page heap in the block; null when there is
// none.
func lightBlock(x locate.Found) Table {
	l := x.Light
	if l == nil {
		return Table{Key: "light_page_heap", Shape: Record}
	}
	return record("light_page_heap", "Light page heap (_DPH_BLOCK_INFORMATION)", []pair{
		{Column{"header", "Header", Address}, addr(l.Header)},
		{Column{"freed", "Freed and kept", Yes}, l.Freed},
		{Column{"user", "User pointer", Address}, addr(l.User)},
		{Column{"user_bytes", "User bytes", Bytes}, l.Requested},
		{Column{"user_offset", "Offset from the user pointer", Bytes}, int64(x.Address - l.User)},
		{Column{"stack_trace", "Stack trace at", Address}, some(l.StackTrace)},
		{Column{"whole", "Stamps and fills whole", Yes}, l.StartOK && l.EndOK && l.Overrun < 0 && l.Written < 0},
	})
}

// stackTrace is the structure that the stack was read from; null without one.
func stackTrace(x locate.Found) Table {
	t := x.Trace
	if t == nil {
		return Table{Key: "stack_trace", Shape: Record}
	}
	return record("stack_trace", "Stack trace", []pair{
		{Column{"at", "At", Address}, addr(t.At)},
		{Column{"shape", "Shape", Text}, map[string]string{"entry": "RTL_STACK_TRACE_ENTRY", "block": "RTL_TRACE_BLOCK"}[t.Shape.String()]},
		{Column{"depth_from", "Depth is in", Text}, t.Depth.String()},
		{Column{"index", "Index", Count}, known(t.Index != 0, t.Index)},
		{Column{"captured", "Captured so many times", Count}, t.Count},
		{Column{"back_trace", "BackTrace", Address}, addr(t.BackTrace)},
	})
}

// section is the critical section that the address lies in; null when in none.
func section(x locate.Found) Table {
	c := x.Section
	if c == nil {
		return Table{Key: "critical_section", Shape: Record}
	}
	return record("critical_section", "Critical section", []pair{
		{Column{"address", "Address", Address}, addr(c.Address)},
		{Column{"offset", "Offset in it", Bytes}, x.Address.Sub(c.Address)},
		{Column{"debug_info", "Debug information", Address}, addr(c.Debug)},
		{Column{"owning_thread", "Owning thread", Hex}, known(c.Owner != 0, c.Owner)},
		{Column{"recursion_count", "Recursion count", Count}, c.Recursion},
		{Column{"creator_back_trace_index", "Creator's stack trace", Count}, known(c.Index != 0, c.Index)},
	})
}
