// Package symbols names addresses: module!name+offset, from the export tables
// of the images in the dump and from symbol files in folders of this machine:
// program databases and Breakpad's, each only when it is of the same build as
// the module. It never uses a network.
//
// The name is that of the nearest export at or below the address, as debuggers
// print it. Between two exports there may be functions that have no name, and
// there the nearest one is wrong: where the image says so (the exception
// directory of x64, padding between functions, the border of a section), the
// address keeps its module and offset alone. How says how sure a name is.
package symbols

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/minidump"
	"github.com/heapdump/heapdump/pkg/peimage"
	"github.com/heapdump/heapdump/pkg/undname"
)

// How says how a name was found.
type How uint8

// The ways to a name, from the weakest to the strongest. What is said of
// exports is true of the public symbols of a symbol file too.
const (
	None     How = iota // the address is in no module
	InModule            // in the module, under no name: Offset is from the module's start
	Nearest             // the nearest export below; nothing tells that its function ends before the address
	Exported            // the export itself, or inside the function that it begins, by the exception directory
	Inside              // inside a function of a symbol file, which says how long it is
)

// String returns how in words that fit "found by …".
func (h How) String() string {
	switch h {
	case InModule:
		return "module"
	case Nearest:
		return "nearest export"
	case Exported:
		return "export"
	case Inside:
		return "function"
	}
	return "none"
}

// Name is the name of an address. The zero Name is "in no module".
type Name struct {
	Module string // as debuggers write it: without path and extension; empty in no module
	Symbol string // as its source has it; empty when How is InModule
	Offset uint64 // from the symbol, without one from the module's start, in bytes
	How    How
	Source Source
	File   string // of the source text, as the compiler wrote it; empty when not known
	Line   uint32 // from 1; 0 when not known
}

// Found says how the name was found in words that fit "found by …".
func (n Name) Found() string {
	if n.Source != Export {
		switch n.How {
		case Nearest:
			return "nearest public symbol"
		case Exported:
			return "public symbol"
		}
	}
	return n.How.String()
}

// Text is String with the source line, as debuggers print it:
// module!name+0x1a [C:\src\a.cpp @ 12].
func (n Name) Text() string {
	if n.Line == 0 {
		return n.String()
	}
	return n.String() + " [" + n.File + " @ " + strconv.FormatUint(uint64(n.Line), 10) + "]"
}

// Function is the symbol as debuggers print it: a decorated one undecorated to
// its qualified name. Empty without a symbol.
func (n Name) Function() string {
	if s, err := undname.Name(n.Symbol); err == nil {
		return s
	}
	return n.Symbol
}

// String returns module!symbol+0x1a, module+0x1a, or nothing. A decorated
// symbol is undecorated to its qualified name, as debuggers print it.
func (n Name) String() string {
	if n.How == None {
		return ""
	}
	b := make([]byte, 0, len(n.Module)+len(n.Symbol)+20)
	b = append(b, n.Module...)
	if n.Symbol != "" {
		b = append(append(b, '!'), n.Function()...)
	}
	if n.Offset != 0 || n.Symbol == "" {
		b = strconv.AppendUint(append(b, "+0x"...), n.Offset, 16)
	}
	return string(b)
}

// Module is a module of the process, loaded or since unloaded.
type Module struct {
	memory.Range
	Name     string         // as debuggers write it; see Names
	File     string         // file name without path
	Image    *peimage.Image // nil when its headers are not in the dump, or it is unloaded
	Unloaded bool

	space  *memory.Space
	list   minidump.CodeView // of the dump's list of modules
	finder *finder
	once   sync.Once
	read   atomic.Bool // names are there
	names  names
}

// Table names the addresses of one process. It may be used by several
// goroutines at once. A module's exports and its symbol file are read when
// first asked for.
type Table struct {
	loaded, unloaded list
	space            *memory.Space
}

// list is modules by their start, for searches.
type list struct {
	modules []*Module
	starts  []memory.Addr // theirs
	reach   []memory.Addr // the greatest end of this module and those before it
}

// Of returns the table of a dump's modules, which all who ask for it share.
func Of(t *target.Target) *Table {
	type key struct{}
	return t.Shared(key{}, func() any { return New(t) }).(*Table)
}

// New makes a table of a dump's modules. It reads their headers only.
func New(t *target.Target) *Table {
	out, files := &Table{space: t.Space}, newFinder(t)
	listed := map[memory.Range]bool{}
	for _, m := range t.Modules() {
		// A WOW64 process's program stands in both its loader lists, and so
		// twice in the ModuleList. It is one image, whatever its paths.
		if !listed[m.Range] {
			listed[m.Range] = true
			out.loaded.modules = append(out.loaded.modules, &Module{Range: m.Range, File: base(m.Name), Image: m.Image, space: t.Space, list: m.CodeView, finder: files})
		}
	}
	Names(out.loaded.modules)
	for _, m := range t.File.UnloadedModules(nil) {
		file := base(m.Name)
		out.unloaded.modules = append(out.unloaded.modules, &Module{Range: m.Range, File: file, Name: "<Unloaded_" + file + ">", Unloaded: true})
	}
	out.loaded.sort()
	out.unloaded.sort()
	return out
}

// Names gives modules their names: the file name without its extension, every
// character but letters, digits and '_' replaced by '_', as debuggers do. Of
// several modules of one name (the two ntdll.dll of a WOW64 process) the first
// 64-bit one keeps it, without one the first of all; the others get their base
// address behind it: ntdll_77a60000.
func Names(modules []*Module) {
	type holder struct{ first, wide int }
	held := map[string]*holder{}
	keys := make([]string, len(modules))
	for i, m := range modules {
		m.Name = shortName(m.File)
		keys[i] = strings.ToLower(m.Name)
		h := held[keys[i]]
		if h == nil {
			h = &holder{i, -1}
			held[keys[i]] = h
		}
		if h.wide < 0 && m.Image != nil && m.Image.Bits == 64 {
			h.wide = i
		}
	}
	for i, m := range modules {
		h := held[keys[i]]
		keeps := h.first
		if h.wide >= 0 {
			keeps = h.wide
		}
		if i != keeps {
			m.Name += "_" + strconv.FormatUint(uint64(m.Start), 16)
		}
	}
}

// shortName is a file name as debuggers name the module.
func shortName(file string) string {
	if dot := strings.LastIndexByte(file, '.'); dot > 0 {
		file = file[:dot]
	}
	return strings.Map(func(r rune) rune {
		if r == '_' || r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || r >= 0x80 {
			return r
		}
		return '_'
	}, file)
}

// base is the file name at the end of a Windows path.
func base(path string) string { return path[strings.LastIndexAny(path, `\/`)+1:] }

// sort makes a list ready for searches.
func (l *list) sort() {
	slices.SortStableFunc(l.modules, func(a, b *Module) int { return cmp.Compare(a.Start, b.Start) })
	top := memory.Addr(0)
	for _, m := range l.modules {
		top = max(top, m.End)
		l.starts, l.reach = append(l.starts, m.Start), append(l.reach, top)
	}
}

// at returns the module of an address; of several the one that starts last.
func (l *list) at(a memory.Addr) *Module {
	first, n := 0, len(l.starts)
	for n > 1 { // the last start at or below a is in [first, first+n)
		half := n / 2
		if l.starts[first+half] <= a {
			first += half
		}
		n -= half
	}
	if n == 0 || l.starts[first] > a {
		return nil
	}
	for i := first; i >= 0 && l.reach[i] > a; i-- {
		if l.modules[i].Contains(a) {
			return l.modules[i]
		}
	}
	return nil
}

// Module returns the module that has a: a loaded one before those unloaded;
// nil when none has it.
func (t *Table) Module(a memory.Addr) *Module {
	if m := t.loaded.at(a); m != nil {
		return m
	}
	return t.unloaded.at(a)
}

// Find names an address. It allocates nothing once the module's exports are
// read.
func (t *Table) Find(a memory.Addr) Name {
	m := t.Module(a)
	if m == nil {
		return Name{}
	}
	return m.find(a)
}

// farthestExport is how far above an exported variable Variable still names
// what stands there, in bytes: images export few of their variables, and what
// is farther is rather another one's.
const farthestExport = 0x100

// Variable names data of a module: as Find does, but the zero Name where there
// is no symbol near enough, rather than the module's offset.
func (t *Table) Variable(a memory.Addr) Name {
	n := t.Find(a)
	if n.How <= InModule || n.How == Nearest && n.Source == Export && n.Offset >= farthestExport {
		return Name{}
	}
	return n
}

// Return names a return address: as Find names the call before it, since a
// call that never returns can be its function's last instruction.
func (t *Table) Return(a memory.Addr) Name {
	if a == 0 {
		return Name{}
	}
	n := t.Find(a - 1)
	if n.How != None {
		n.Offset++
	}
	return n
}
