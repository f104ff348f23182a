package windbg

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// PEB is what !peb prints.
type PEB struct {
	Bits                                          int
	Address                                       uint64
	Inherited, ReadOptions, Debugged, Initialized bool
	ImageBase, Ldr                                uint64
	InInit, InLoad, InMemory                      [2]uint64 // Flink and Blink of the lists' heads
	Modules                                       []PEBModule
	SubSystemData, ProcessHeap, ProcessParameters uint64
	WindowTitle, ImageFile, CommandLine, DLLPath  string
	EnvironmentAt                                 uint64
	Environment                                   []string
}

// PEBModule is a module of the loader's list.
type PEBModule struct {
	Base uint64
	Time uint32 // seconds since 1970
	Path string
}

// yes is a flag as !peb has it.
func yes(b bool) string {
	if b {
		return "Yes"
	}
	return "No"
}

// plain is a pointer without a backtick.
func plain(n uint64, bits int) string { return fmt.Sprintf("%0*x", bits/4, n) }

// WritePEB writes the form of !peb. Times of modules are UTC, where the
// debugger has those of its own time zone.
func WritePEB(w io.Writer, x PEB) error {
	p := &printer{w: w}
	ptr := func(n uint64) string { return plain(n, x.Bits) }
	pair := func(l [2]uint64) string { return ptr(l[0]) + " . " + ptr(l[1]) }
	p.line("PEB at " + ptr(x.Address))
	p.line("    InheritedAddressSpace:    " + yes(x.Inherited))
	p.line("    ReadImageFileExecOptions: " + yes(x.ReadOptions))
	p.line("    BeingDebugged:            " + yes(x.Debugged))
	p.line("    ImageBaseAddress:         " + ptr(x.ImageBase))
	p.line("    Ldr                       " + ptr(x.Ldr))
	p.line("    Ldr.Initialized:          " + yes(x.Initialized))
	p.line("    Ldr.InInitializationOrderModuleList: " + pair(x.InInit))
	p.line("    Ldr.InLoadOrderModuleList:           " + pair(x.InLoad))
	p.line("    Ldr.InMemoryOrderModuleList:         " + pair(x.InMemory))
	width := 16 // of the column of bases, which is wider by the digits of its pointers
	if x.Bits == 64 {
		width = 24
	}
	p.line(strings.Repeat(" ", width-4) + "Base TimeStamp                     Module")
	for _, m := range x.Modules {
		at := time.Unix(int64(m.Time), 0).UTC().Format("Jan 02 15:04:05 2006")
		p.line(fmt.Sprintf("%*x %08x %s %s", width, m.Base, m.Time, at, m.Path))
	}
	p.line("    SubSystemData:     " + ptr(x.SubSystemData))
	p.line("    ProcessHeap:       " + ptr(x.ProcessHeap))
	p.line("    ProcessParameters: " + ptr(x.ProcessParameters))
	p.line("    WindowTitle: \"'" + x.WindowTitle + "'\"")
	p.line("    ImageFile:    '" + x.ImageFile + "'")
	p.line("    CommandLine:  '" + x.CommandLine + "'")
	p.line("    DllPath:      '" + x.DLLPath + "'")
	p.line("    Environment:  " + ptr(x.EnvironmentAt))
	for _, v := range x.Environment {
		p.line("        " + v)
	}
	return p.err
}

// TEB is what !teb prints.
type TEB struct {
	Bits                                     int
	Address                                  uint64
	ExceptionList, StackBase, StackLimit     uint64
	SubSystemTib, FiberData, Arbitrary, Self uint64
	Environment                              uint64
	Process, Thread, RealProcess, RealThread uint64
	RPC, TLS, PEB                            uint64
	LastError, LastStatus, Locks, HardErrors uint32
}

// WriteTEB writes the form of !teb. Its numbers are not padded on 32 bits, and
// padded on 64.
func WriteTEB(w io.Writer, x TEB) error {
	p := &printer{w: w}
	num := func(n uint64) string {
		if x.Bits == 64 {
			return plain(n, 64)
		}
		return fmt.Sprintf("%x", n)
	}
	if x.Bits == 64 {
		p.line("TEB at " + num(x.Address))
	} else {
		p.line(fmt.Sprintf("TEB at %08X", x.Address))
	}
	for _, f := range []struct {
		name string
		text string
	}{
		{"ExceptionList:    ", num(x.ExceptionList)}, {"Stack Base:       ", num(x.StackBase)}, {"Stack Limit:      ", num(x.StackLimit)},
		{"SubSystemTib:     ", num(x.SubSystemTib)}, {"FiberData:        ", num(x.FiberData)}, {"ArbitraryUser:    ", num(x.Arbitrary)},
		{"Self:             ", num(x.Self)}, {"EnvironmentPtr:   ", num(x.Environment)},
		{"ClientId:         ", fmt.Sprintf("%x.%x", x.Process, x.Thread)}, {"Real ClientId:    ", fmt.Sprintf("%x.%x", x.RealProcess, x.RealThread)},
		{"RpcHandle:        ", num(x.RPC)}, {"Tls Storage:      ", num(x.TLS)}, {"PEB Address:      ", num(x.PEB)},
		{"LastErrorValue:   ", fmt.Sprintf("%x", x.LastError)}, {"LastStatusValue:  ", fmt.Sprintf("%x", x.LastStatus)},
		{"Count Owned Locks:", fmt.Sprintf("%x", x.Locks)}, {"HardErrorsMode:   ", fmt.Sprintf("%x", x.HardErrors)},
	} {
		p.line("    " + f.name + f.text)
	}
	return p.err
}

// WriteNotHeld says that a structure is not whole in the dump.
func WriteNotHeld(w io.Writer, what string, at uint64) error {
	p := &printer{w: w}
	p.line(fmt.Sprintf("%s at %x is not whole in the dump; text without --style has what there is", what, at))
	return p.err
}
