package windbg

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"time"
)

// Module is a row of lm. Symbols is the state of its symbols with its
// brackets, "(deferred)" or "(pdb symbols)", and File the symbol file; Mark is
// the letter before it, empty for none.
type Module struct {
	Start, End          uint64
	Name                string
	Mark, Symbols, File string

	// What lmv says besides.
	Path, Image        string
	Timestamp          uint32
	Checksum, ByteSize uint32
	FileVersion        string // empty where it is not known
}

// Modules is what lm prints; with Verbose, lmv.
type Modules struct {
	Bits     int // the debugger's
	Verbose  bool
	Loaded   []Module
	Unloaded []Module
}

// WriteModules prints the lists.
func WriteModules(w io.Writer, m Modules) error {
	b := bufio.NewWriter(w)
	p := &printer{w: b}
	if m.Bits == 64 {
		p.line("start             end                 module name")
	} else {
		p.line("start    end        module name")
	}
	for _, x := range m.Loaded {
		p.line(m.Row(x))
		if m.Verbose {
			m.details(p, x)
		}
	}
	if len(m.Unloaded) > 0 {
		p.line("")
		p.line("Unloaded modules:")
		for _, x := range m.Unloaded {
			p.line(m.UnloadedRow(x))
		}
	}
	return errors.Join(p.err, b.Flush())
}

// Row formats the row of a loaded module.
func (m Modules) Row(x Module) string {
	return fmt.Sprintf("%s %s   %-8s %1s %-23s%s", ticked(x.Start, m.Bits), ticked(x.End, m.Bits), x.Name, x.Mark, x.Symbols, x.File)
}

// UnloadedRow formats the row of an unloaded one.
func (m Modules) UnloadedRow(x Module) string {
	return fmt.Sprintf("%s %s   %s", ticked(x.Start, m.Bits), ticked(x.End, m.Bits), x.Name)
}

// details prints what lmv has below a row. The debugger's time is that of the
// place where it runs; this is UTC.
func (m Modules) details(p *printer, x Module) {
	field := func(label, value string) { p.line(fmt.Sprintf("    %-18s%s", label+":", value)) }
	if x.Path != "" {
		p.line("    Image path: " + x.Path)
	}
	p.line("    Image name: " + x.Image)
	field("Timestamp", fmt.Sprintf("%s (%08X)", time.Unix(int64(x.Timestamp), 0).UTC().Format("Mon Jan _2 15:04:05 2006"), x.Timestamp))
	field("CheckSum", fmt.Sprintf("%08X", x.Checksum))
	field("ImageSize", fmt.Sprintf("%08X", x.ByteSize))
	if x.FileVersion != "" {
		field("File version", x.FileVersion)
	}
}
