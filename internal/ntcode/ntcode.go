// Package ntcode names the numbers that Windows reports with: NTSTATUS values,
// exception codes, and the errors of Win32.
package ntcode

import "fmt"

// name is a number's name in the headers, and what it means.
type name struct{ name, meaning string }

// statuses are exception codes and NTSTATUS values (ntstatus.h, winnt.h), and
// those that language runtimes raise.
var statuses = map[uint32]name{
	0x00000000: {"STATUS_SUCCESS", "no error"},
	0x00000103: {"STATUS_PENDING", "still running"},
	0x40010005: {"DBG_CONTROL_C", "Ctrl+C"},
	0x4000001f: {"STATUS_WX86_BREAKPOINT", "a breakpoint of 32-bit code"},
	0x406d1388: {"MS_VC_EXCEPTION", "the program names a thread for a debugger"},
	0x80000001: {"STATUS_GUARD_PAGE_VIOLATION", "access to a guard page"},
	0x80000002: {"STATUS_DATATYPE_MISALIGNMENT", "access to data that is not aligned"},
	0x80000003: {"STATUS_BREAKPOINT", "a breakpoint"},
	0x80000004: {"STATUS_SINGLE_STEP", "a single step"},
	0xc0000001: {"STATUS_UNSUCCESSFUL", "it failed"},
	0xc0000005: {"STATUS_ACCESS_VIOLATION", "access violation"},
	0xc0000006: {"STATUS_IN_PAGE_ERROR", "a page could not be read from its file"},
	0xc0000008: {"STATUS_INVALID_HANDLE", "an invalid handle"},
	0xc000000d: {"STATUS_INVALID_PARAMETER", "an invalid parameter"},
	0xc0000017: {"STATUS_NO_MEMORY", "no memory"},
	0xc000001d: {"STATUS_ILLEGAL_INSTRUCTION", "an illegal instruction"},
	0xc0000022: {"STATUS_ACCESS_DENIED", "access denied"},
	0xc0000025: {"STATUS_NONCONTINUABLE_EXCEPTION", "a handler continued what cannot be continued"},
	0xc0000026: {"STATUS_INVALID_DISPOSITION", "an invalid answer of an exception handler"},
	0xc0000034: {"STATUS_OBJECT_NAME_NOT_FOUND", "no object of the name"},
	0xc000008c: {"STATUS_ARRAY_BOUNDS_EXCEEDED", "array bounds exceeded"},
	0xc000008d: {"STATUS_FLOAT_DENORMAL_OPERAND", "a denormal floating point operand"},
	0xc000008e: {"STATUS_FLOAT_DIVIDE_BY_ZERO", "floating point division by zero"},
	0xc0000090: {"STATUS_FLOAT_INVALID_OPERATION", "an invalid floating point operation"},
	0xc0000091: {"STATUS_FLOAT_OVERFLOW", "floating point overflow"},
	0xc0000094: {"STATUS_INTEGER_DIVIDE_BY_ZERO", "integer division by zero"},
	0xc0000095: {"STATUS_INTEGER_OVERFLOW", "integer overflow"},
	0xc0000096: {"STATUS_PRIVILEGED_INSTRUCTION", "a privileged instruction"},
	0xc000009a: {"STATUS_INSUFFICIENT_RESOURCES", "insufficient resources"},
	0xc00000fd: {"STATUS_STACK_OVERFLOW", "stack overflow"},
	0xc000012d: {"STATUS_COMMITMENT_LIMIT", "the commit limit is reached"},
	0xc0000135: {"STATUS_DLL_NOT_FOUND", "a DLL was not found"},
	0xc0000139: {"STATUS_ENTRYPOINT_NOT_FOUND", "a DLL lacks a function"},
	0xc000013a: {"STATUS_CONTROL_C_EXIT", "ended by Ctrl+C"},
	0xc0000142: {"STATUS_DLL_INIT_FAILED", "a DLL did not initialize"},
	0xc0000194: {"STATUS_POSSIBLE_DEADLOCK", "a possible deadlock"},
	0xc0000374: {"STATUS_HEAP_CORRUPTION", "ntdll found a damaged heap"},
	0xc0000409: {"STATUS_STACK_BUFFER_OVERRUN", "fast fail, or a stack buffer overrun"},
	0xc0000417: {"STATUS_INVALID_CRUNTIME_PARAMETER", "an invalid parameter of a C runtime function"},
	0xc0000420: {"STATUS_ASSERTION_FAILURE", "a failed assertion"},
	0xc0000602: {"STATUS_FAIL_FAST_EXCEPTION", "the program ended itself at once"},
	0xe0434352: {"CLR exception", "an exception of .NET"},
	0xe0434f4d: {"CLR exception (.NET 1)", "an exception of .NET before version 2"},
	0xe06d7363: {"C++ exception", "a C++ exception"},
	0x0eedfade: {"Delphi exception", "an exception of Delphi"},
	0x0517a7ed: {"Crashpad simulated exception", "a dump without an exception, by Crashpad"},
}

// Status names an exception code or NTSTATUS and says what it means; both are
// empty when it is not known here.
func Status(code uint32) (short, meaning string) {
	n := statuses[code]
	return n.name, n.meaning
}

// errors are those of winerror.h that last errors usually are.
var errors = map[uint32]string{
	0: "ERROR_SUCCESS", 1: "ERROR_INVALID_FUNCTION", 2: "ERROR_FILE_NOT_FOUND", 3: "ERROR_PATH_NOT_FOUND", 4: "ERROR_TOO_MANY_OPEN_FILES",
	5: "ERROR_ACCESS_DENIED", 6: "ERROR_INVALID_HANDLE", 8: "ERROR_NOT_ENOUGH_MEMORY", 13: "ERROR_INVALID_DATA", 14: "ERROR_OUTOFMEMORY",
	18: "ERROR_NO_MORE_FILES", 21: "ERROR_NOT_READY", 31: "ERROR_GEN_FAILURE", 32: "ERROR_SHARING_VIOLATION", 38: "ERROR_HANDLE_EOF",
	50: "ERROR_NOT_SUPPORTED", 87: "ERROR_INVALID_PARAMETER", 109: "ERROR_BROKEN_PIPE", 112: "ERROR_DISK_FULL", 120: "ERROR_CALL_NOT_IMPLEMENTED",
	122: "ERROR_INSUFFICIENT_BUFFER", 123: "ERROR_INVALID_NAME", 126: "ERROR_MOD_NOT_FOUND", 127: "ERROR_PROC_NOT_FOUND", 183: "ERROR_ALREADY_EXISTS",
	187: "ERROR_SEM_NOT_FOUND", 193: "ERROR_BAD_EXE_FORMAT", 203: "ERROR_ENVVAR_NOT_FOUND", 206: "ERROR_FILENAME_EXCED_RANGE", 230: "ERROR_BAD_PIPE",
	232: "ERROR_NO_DATA", 234: "ERROR_MORE_DATA", 258: "WAIT_TIMEOUT", 259: "ERROR_NO_MORE_ITEMS", 288: "ERROR_NOT_OWNER", 487: "ERROR_INVALID_ADDRESS",
	995: "ERROR_OPERATION_ABORTED", 996: "ERROR_IO_INCOMPLETE", 997: "ERROR_IO_PENDING", 998: "ERROR_NOACCESS", 1001: "ERROR_STACK_OVERFLOW",
	1008: "ERROR_NO_TOKEN", 1114: "ERROR_DLL_INIT_FAILED", 1168: "ERROR_NOT_FOUND", 1400: "ERROR_INVALID_WINDOW_HANDLE", 1411: "ERROR_CLASS_DOES_NOT_EXIST",
	1413: "ERROR_INVALID_INDEX", 1450: "ERROR_NO_SYSTEM_RESOURCES", 1455: "ERROR_COMMITMENT_LIMIT", 1460: "ERROR_TIMEOUT", 1813: "ERROR_RESOURCE_TYPE_NOT_FOUND",
	1816: "ERROR_NOT_ENOUGH_QUOTA", 14007: "ERROR_SXS_KEY_NOT_FOUND", 15700: "APPMODEL_ERROR_NO_PACKAGE",
}

// Win32 names an error of Win32 in words, with the number when it has no name
// here.
func Win32(code uint32) string {
	if n, ok := errors[code]; ok {
		return n
	}
	return fmt.Sprintf("error %d", code)
}

// globalFlags are the bits of NtGlobalFlag, as gflags names them.
var globalFlags = [32]string{
	"soe: stop on exception", "sls: show loader snaps", "dic: debug initial command", "shg: stop on hung GUI",
	"htc: heap tail checking", "hfc: heap free checking", "hpc: heap parameter checking", "hvc: heap validation on call",
	"vrf: application verifier", "", "ptg: pool tagging", "htg: heap tagging",
	"ust: user mode stack traces", "kst: kernel mode stack traces", "otl: object type lists", "htd: heap tagging by DLL",
	"dse: no stack extension", "d32: debugging of the Win32 subsystem", "ksl: kernel debugger symbols", "dps: no paging of kernel stacks",
	"scb: critical system breaks", "dhc: no heap coalescing", "ece: close exceptions", "eel: exception logging",
	"eot: early object type information", "hpa: page heap", "dwl: debugging of Winlogon", "ddp: no buffering of debug output",
	"cse: early creation of critical section events", "", "ltd: no loading of Kernel32 early", "dpd: no verification of protected DLLs",
}

// GlobalFlags puts NtGlobalFlag into words, lowest bit first; bits that have
// no name here are numbers.
func GlobalFlags(f uint32) []string {
	var out []string
	for i, n := range globalFlags {
		switch {
		case f&(1<<i) == 0:
		case n == "":
			out = append(out, fmt.Sprintf("%#x", uint32(1)<<i))
		default:
			out = append(out, n)
		}
	}
	return out
}
