package windbg_test

import (
	"strings"
	"testing"

	"github.com/heapdump/heapdump/internal/render/windbg"
)

// TestPublishedPEB has the documentation's listing of !peb, whose times are
// those of a machine 7 hours west of UTC, and whose paths are cut there.
func TestPublishedPEB(t *testing.T) {
	var b strings.Builder
	if err := windbg.WritePEB(&b, windbg.PEB{Bits: 32, Address: 0x7ffdf000, ImageBase: 0x4ad00000, Ldr: 0x77fbe900, Initialized: true,
		InInit: [2]uint64{0x241ef8, 0x242360}, InLoad: [2]uint64{0x241e90, 0x242350}, InMemory: [2]uint64{0x241e98, 0x242358},
		Modules:     []windbg.PEBModule{{0x4ad00000, 0x3d34633c, `D:\WINDOWS\system32\cmd.exe`}, {0x77f40000, 0x3d346214, `D:\WINDOWS\system32\ntdll.dll`}},
		ProcessHeap: 0x140000, ProcessParameters: 0x20000, WindowTitle: `D:\Documents and Settings\Administrator\Desktop\Debuggers.lnk`,
		ImageFile: `D:\WINDOWS\system32\cmd.exe`, CommandLine: `"D:\WINDOWS\system32\cmd.exe" `, DLLPath: `D:\WINDOWS`, EnvironmentAt: 0x10000,
		Environment: []string{`ALLUSERSPROFILE=D:\Documents and Settings\All Users`, `windir=D:\WINDOWS`},
	}); err != nil {
		t.Fatal(err)
	}
	want := `PEB at 7ffdf000
    InheritedAddressSpace:    No
    ReadImageFileExecOptions: No
    BeingDebugged:            No
    ImageBaseAddress:         4ad00000
    Ldr                       77fbe900
    Ldr.Initialized:          Yes
    Ldr.InInitializationOrderModuleList: 00241ef8 . 00242360
    Ldr.InLoadOrderModuleList:           00241e90 . 00242350
    Ldr.InMemoryOrderModuleList:         00241e98 . 00242358
            Base TimeStamp                     Module
        4ad00000 3d34633c Jul 16 18:17:32 2002 D:\WINDOWS\system32\cmd.exe
        77f40000 3d346214 Jul 16 18:12:36 2002 D:\WINDOWS\system32\ntdll.dll
    SubSystemData:     00000000
    ProcessHeap:       00140000
    ProcessParameters: 00020000
    WindowTitle: "'D:\Documents and Settings\Administrator\Desktop\Debuggers.lnk'"
    ImageFile:    'D:\WINDOWS\system32\cmd.exe'
    CommandLine:  '"D:\WINDOWS\system32\cmd.exe" '
    DllPath:      'D:\WINDOWS'
    Environment:  00010000
        ALLUSERSPROFILE=D:\Documents and Settings\All Users
        windir=D:\WINDOWS
`
	if b.String() != want {
		t.Errorf("%s", b.String())
	}
}

// TestPublishedTEB has the documentation's listing of !teb, where two lines
// have lost their indentation.
func TestPublishedTEB(t *testing.T) {
	var b strings.Builder
	if err := windbg.WriteTEB(&b, windbg.TEB{Bits: 32, Address: 0x7ffdd000, ExceptionList: 0x76ffdc, StackBase: 0x770000, StackLimit: 0x76f000, FiberData: 0x1e00,
		Self: 0x7ffdd000, Process: 0x324, Thread: 0x48c, RealProcess: 0x324, RealThread: 0x48c, PEB: 0x7ffdf000}); err != nil {
		t.Fatal(err)
	}
	want := `TEB at 7FFDD000
    ExceptionList:    76ffdc
    Stack Base:       770000
    Stack Limit:      76f000
    SubSystemTib:     0
    FiberData:        1e00
    ArbitraryUser:    0
    Self:             7ffdd000
    EnvironmentPtr:   0
    ClientId:         324.48c
    Real ClientId:    324.48c
    RpcHandle:        0
    Tls Storage:      0
    PEB Address:      7ffdf000
    LastErrorValue:   0
    LastStatusValue:  0
    Count Owned Locks:0
    HardErrorsMode:   0
`
	if b.String() != want {
		t.Errorf("%s", b.String())
	}
}
