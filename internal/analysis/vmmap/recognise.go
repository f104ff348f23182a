package vmmap

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/peimage"
	"github.com/heapdump/heapdump/pkg/process"
	"github.com/heapdump/heapdump/pkg/stackdb"
)

// stackTraces is NtGlobalFlag's bit that Windows keeps a database of stack
// traces (FLG_USER_STACK_TRACE_DB).
const stackTraces = 0x1000

// firstVista is the first build whose stack traces are Vista's.
const firstVista = 6000

// databases adds the stack trace databases of the PEBs that ask for one.
func (c *collector) databases() {
	build := c.t.Build()
	for _, p := range c.t.PEBs {
		if !p.Knows("NtGlobalFlag") || p.NtGlobalFlag&stackTraces == 0 {
			continue
		}
		r := stackdb.Reader{Memory: c.t.Space, Bits: p.Bits, Old: build > 0 && build < firstVista}
		if d, err := stackdb.Locate(c.t.Space, r, stackdb.Query{}); err == nil {
			c.add(Owner{Range: d.Region, Usage: Other, Bits: 0, Kind: "stack trace database", Evidence: "its header at " + fmt.Sprint(d.Address) + ": " + d.Layout})
		}
	}
}

// recognise looks at the start of each allocation for what proves itself:
// activation contexts, trace databases, images that are in no module list, and
// the arenas of a Go program.
func (c *collector) recognise() {
	modules := map[memory.Addr]bool{}
	for _, m := range c.t.File.Modules(nil) {
		modules[m.Start] = true
	}
	program := c.goProgram()
	for _, a := range c.allocations {
		r, _ := c.t.Space.Region(a.Start)
		if program != "" && goArena(a, r) {
			c.add(Owner{Range: a, Usage: Unknown, Kind: "Go heap arena",
				Evidence: program + " is a Go program, and this is one of the places that its runtime asks for"})
		}
		head, err := c.t.Space.View(a.Start, 2)
		if err != nil {
			continue
		}
		switch {
		case r.Type == memory.MemMapped && string(head) == "Ac":
			if process.IsActivationContext(c.t.Space, a.Start, a.Size()) {
				c.add(Owner{Range: a, Usage: Other, Kind: "activation context", Evidence: "its header"})
			}
		case r.Type == memory.MemPrivate && string(head) == "\xcc\xcc":
			if v, err := c.t.Space.U32(a.Start); err == nil && v == traceDatabase {
				c.traces(a)
			}
		case string(head) == "MZ" && !modules[a.Start]:
			c.strange(a, r.Type)
		}
	}
}

// strange adds an image that no module list has.
func (c *collector) strange(a memory.Range, typ memory.Type) {
	if _, err := peimage.Open(c.t.Space, a.Start, a.Size()); err != nil {
		return
	}
	o := Owner{Range: a, Usage: Unknown, Kind: "image in no module list", Evidence: "its PE header"}
	switch typ {
	case memory.MemMapped:
		o.Usage, o.Kind = MappedFile, "executable file mapped as data"
	case memory.MemPrivate:
		o.Kind = "PE image in private memory"
	}
	c.add(o)
}

// Where the Go linker marks a program: the build ID begins the code, and the
// build information is in the first 64 KiB of the data (debug/buildinfo).
var (
	goBuildID   = []byte("\xff Go build ID: \"")
	goBuildInfo = []byte("\xff Go buildinf:")
)

// goProgram returns the file name of a module that the Go linker made, empty
// for none.
func (c *collector) goProgram() string {
	if c.src.Bits != 64 {
		return "" // on x86 the runtime asks for no place of its own
	}
	for _, m := range c.t.Modules() {
		if m.Image == nil {
			continue
		}
		for _, s := range m.Image.Sections {
			b, want := []byte(nil), goBuildID
			switch s.Name {
			case ".text":
				b, _ = c.t.Space.View(s.Start, min(s.Size(), 256))
			case ".data":
				b, _ = c.t.Space.View(s.Start, min(s.Size(), 64<<10))
				want = goBuildInfo
			}
			if bytes.Contains(b, want) {
				return m.Name[strings.LastIndexAny(m.Name, `\/`)+1:]
			}
		}
	}
	return ""
}

// goArenaBytes is the size of an arena on 64-bit Windows, to a multiple of
// which the runtime reserves (runtime/malloc.go, logHeapArenaBytes).
const goArenaBytes = 4 << 20

// goArena reports whether an allocation is where a Go runtime of 64 bits asks
// for its heap: at 0xc000000000, or that with 1 to 0x7f terabytes added, and
// on from there (runtime/malloc.go, mallocinit).
func goArena(a memory.Range, r memory.Region) bool {
	return r.Type == memory.MemPrivate && uint64(a.Start)>>32&0xff == 0xc0 && uint64(a.Start)>>40 <= 0x7f &&
		uint64(a.Start)%goArenaBytes == 0 && a.Size()%goArenaBytes == 0
}
