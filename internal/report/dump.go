package report

import (
	"strings"

	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/minidump"
)

// Dump is what every result says of the dump that it is about.
type Dump struct {
	Path       string
	Size       uint64
	Compressed string
	Kind       string // full, private, partial, small
	OS         string // "Windows 10 (10.0.19045)"; empty when unknown
	Build      uint32 // 0 when unknown
	Arch       string
	Process    string // file name of the program; empty when unknown
	ImagePath  string
	Command    string
	PID        uint32
	HasPID     bool
	Processors int
	WOW64      bool // a 32-bit program on 64-bit Windows
}

// Describe reads from a target what every result says of it.
func Describe(t *target.Target) Dump {
	d := Dump{Path: t.Path, Size: t.Size, Compressed: t.Compressed, Arch: t.File.Arch().String(), Kind: kindOf(t.File)}
	if si, err := t.File.SystemInfo(); err == nil {
		d.OS, d.Build, d.Processors = si.Name(), si.Build, int(si.Processors)
		// Folklore: a program without a manifest for Windows 10 is told 6.2.9200,
		// and so is the dump; the PEB has the true build.
		for _, p := range t.PEBs {
			if b := uint32(p.OSBuildNumber); b != 0 && b != si.Build {
				si.Major, si.Minor, si.Build = p.OSMajorVersion, p.OSMinorVersion, b
				d.OS, d.Build = si.Name(), b
				break
			}
		}
	}
	if mi, err := t.File.MiscInfo(); err == nil && mi.Flags&minidump.MiscProcessID != 0 {
		d.PID, d.HasPID = mi.ProcessID, true
	}
	for _, p := range t.PEBs {
		d.WOW64 = d.WOW64 || p.Bits == 32 && t.File.Arch().Bits() == 64
		if d.ImagePath == "" {
			d.ImagePath = p.ImagePath
		}
		if d.Command == "" {
			d.Command = p.CommandLine
		}
	}
	if d.ImagePath == "" {
		d.ImagePath = program(t)
	}
	d.Process = d.ImagePath[strings.LastIndexAny(d.ImagePath, `\/`)+1:]
	return d
}

// program is the path of the module that is the program: the one at the PEB's
// image base, else the first that is called .exe; empty when there is none.
func program(t *target.Target) string {
	modules := t.File.Modules(nil)
	for _, p := range t.PEBs {
		for _, m := range modules {
			if m.Start == p.ImageBaseAddress && m.Start != 0 {
				return m.Name
			}
		}
	}
	for _, m := range modules {
		if strings.HasSuffix(strings.ToLower(m.Name), ".exe") {
			return m.Name
		}
	}
	return ""
}

// kindOf says in a word how much memory a dump was to have.
func kindOf(f *minidump.File) string {
	switch fl := f.Flags; {
	case f.HasFullMemory():
		return "full"
	case fl&minidump.WithPrivateReadWriteMemory != 0:
		return "private"
	case fl&(minidump.WithIndirectlyReferencedMemory|minidump.WithDataSegs|minidump.WithPrivateWriteCopyMemory) != 0:
		return "partial"
	}
	return "small"
}

// kindWords are the words of text for the kinds.
var kindWords = map[string]string{
	"full":    "full dump: all accessible memory",
	"private": "dump with all private read-write memory",
	"partial": "partial dump: stacks and what they point to",
	"small":   "small dump: threads and their stacks",
}

// title is the first line of a result.
func (d Dump) title() string {
	s := d.Path
	if d.Process != "" {
		s += ": " + d.Process
	}
	return s
}

// processor is the architecture, and what WOW64 makes of it.
func (d Dump) processor() string {
	if d.WOW64 {
		return d.Arch + ", a 32-bit program (WOW64)"
	}
	return d.Arch
}

func dumpFields() []field[Dump] {
	return []field[Dump]{
		f("file", "", Text, func(d Dump) any { return d.Path }),
		f("kind", "Dump", Text, func(d Dump) any { return d.Kind }),
		f("process", "", Text, func(d Dump) any { return word(d.Process) }),
		f("pid", "", Count, func(d Dump) any { return known(d.HasPID, d.PID) }),
		f("os", "", Text, func(d Dump) any { return word(d.OS) }),
		f("build", "", Count, func(d Dump) any { return known(d.Build != 0, d.Build) }),
		f("arch", "", Text, func(d Dump) any { return d.Arch }),
		f("wow64", "", Yes, func(d Dump) any { return d.WOW64 }),
		f("file_bytes", "", Bytes, func(d Dump) any { return d.Size }),
		f("compressed", "", Text, func(d Dump) any { return word(d.Compressed) }),
		f("image_path", "", Text, func(d Dump) any { return word(d.ImagePath) }),
		f("command_line", "", Text, func(d Dump) any { return word(d.Command) }),
		f("processors", "", Count, func(d Dump) any { return known(d.Processors != 0, d.Processors) }),
	}
}

// header makes the tables that begin every result: the dump.
func header(d Dump) []Table {
	program := fill(Table{Key: "dump", Shape: Record, Media: ForPrograms}, dumpFields(), []Dump{d})
	people := fill(Table{Shape: Record, Media: ForPeople}, []field[Dump]{
		f("", "Dump", Text, func(d Dump) any { return kindWords[d.Kind] }),
		f("", "Process", Text, func(d Dump) any { return word(d.Process) }),
		f("", "Process ID", Text, func(d Dump) any { return known(d.HasPID, decimal(uint64(d.PID))) }),
		f("", "Windows", Text, func(d Dump) any { return word(d.OS) }),
		f("", "Processor", Text, func(d Dump) any { return d.processor() }),
	}, []Dump{d})
	return []Table{program, people}
}

// decimal formats a number that is a name and not a quantity: no commas.
func decimal(n uint64) string {
	if n < 10 {
		return string(rune('0' + n))
	}
	return decimal(n/10) + string(rune('0'+n%10))
}
