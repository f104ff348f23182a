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
	0x000000c0: {"STATUS_USER_APC", "interrupted by an asynchronous call"},
	0x00000101: {"STATUS_ALERTED", "woken by an alert"},
	0x00000102: {"STATUS_TIMEOUT", "the time ran out"},
	0x00000103: {"STATUS_PENDING", "still running"},
	0x40000000: {"STATUS_OBJECT_NAME_EXISTS", "an object of the name was there already"},
	0x40000003: {"STATUS_IMAGE_NOT_AT_BASE", "an image was not loaded at its preferred address"},
	0x4000001e: {"STATUS_WX86_SINGLE_STEP", "a single step of 32-bit code"},
	0x4000001f: {"STATUS_WX86_BREAKPOINT", "a breakpoint of 32-bit code"},
	0x40010005: {"DBG_CONTROL_C", "Ctrl+C"},
	0x406d1388: {"MS_VC_EXCEPTION", "the program names a thread for a debugger"},
	0x80000001: {"STATUS_GUARD_PAGE_VIOLATION", "access to a guard page"},
	0x80000002: {"STATUS_DATATYPE_MISALIGNMENT", "access to data that is not aligned"},
	0x80000003: {"STATUS_BREAKPOINT", "a breakpoint"},
	0x80000004: {"STATUS_SINGLE_STEP", "a single step"},
	0x80000005: {"STATUS_BUFFER_OVERFLOW", "more data than the buffer takes"},
	0x80000006: {"STATUS_NO_MORE_FILES", "no more files"},
	0x8000001a: {"STATUS_NO_MORE_ENTRIES", "no more entries"},
	0xc0000001: {"STATUS_UNSUCCESSFUL", "it failed"},
	0xc0000002: {"STATUS_NOT_IMPLEMENTED", "not implemented"},
	0xc0000003: {"STATUS_INVALID_INFO_CLASS", "an invalid class of information"},
	0xc0000004: {"STATUS_INFO_LENGTH_MISMATCH", "a wrong length for the information"},
	0xc0000005: {"STATUS_ACCESS_VIOLATION", "access violation"},
	0xc0000006: {"STATUS_IN_PAGE_ERROR", "a page could not be read from its file"},
	0xc0000007: {"STATUS_PAGEFILE_QUOTA", "the page file quota is used up"},
	0xc0000008: {"STATUS_INVALID_HANDLE", "an invalid handle"},
	0xc000000b: {"STATUS_INVALID_CID", "no such process or thread"},
	0xc000000d: {"STATUS_INVALID_PARAMETER", "an invalid parameter"},
	0xc000000e: {"STATUS_NO_SUCH_DEVICE", "no such device"},
	0xc000000f: {"STATUS_NO_SUCH_FILE", "no such file"},
	0xc0000010: {"STATUS_INVALID_DEVICE_REQUEST", "a request that the device does not take"},
	0xc0000011: {"STATUS_END_OF_FILE", "the end of the file"},
	0xc0000017: {"STATUS_NO_MEMORY", "no memory"},
	0xc0000018: {"STATUS_CONFLICTING_ADDRESSES", "the addresses are taken"},
	0xc0000019: {"STATUS_NOT_MAPPED_VIEW", "no mapped view is there"},
	0xc000001d: {"STATUS_ILLEGAL_INSTRUCTION", "an illegal instruction"},
	0xc000001e: {"STATUS_INVALID_LOCK_SEQUENCE", "an invalid lock sequence"},
	0xc0000022: {"STATUS_ACCESS_DENIED", "access denied"},
	0xc0000023: {"STATUS_BUFFER_TOO_SMALL", "a buffer is too small"},
	0xc0000024: {"STATUS_OBJECT_TYPE_MISMATCH", "a handle of another type of object"},
	0xc0000025: {"STATUS_NONCONTINUABLE_EXCEPTION", "a handler continued what cannot be continued"},
	0xc0000026: {"STATUS_INVALID_DISPOSITION", "an invalid answer of an exception handler"},
	0xc0000033: {"STATUS_OBJECT_NAME_INVALID", "an invalid name of an object"},
	0xc0000034: {"STATUS_OBJECT_NAME_NOT_FOUND", "no object of the name"},
	0xc0000035: {"STATUS_OBJECT_NAME_COLLISION", "the name is taken"},
	0xc0000039: {"STATUS_OBJECT_PATH_INVALID", "an invalid path of an object"},
	0xc000003a: {"STATUS_OBJECT_PATH_NOT_FOUND", "no such path"},
	0xc0000043: {"STATUS_SHARING_VIOLATION", "the file is open elsewhere"},
	0xc0000044: {"STATUS_QUOTA_EXCEEDED", "a quota is used up"},
	0xc0000045: {"STATUS_INVALID_PAGE_PROTECTION", "an invalid page protection"},
	0xc0000046: {"STATUS_MUTANT_NOT_OWNED", "a mutex that the thread does not own"},
	0xc0000047: {"STATUS_SEMAPHORE_LIMIT_EXCEEDED", "a semaphore beyond its limit"},
	0xc000004b: {"STATUS_THREAD_IS_TERMINATING", "the thread is ending"},
	0xc0000061: {"STATUS_PRIVILEGE_NOT_HELD", "a privilege is missing"},
	0xc000007a: {"STATUS_PROCEDURE_NOT_FOUND", "a function was not found"},
	0xc000007b: {"STATUS_INVALID_IMAGE_FORMAT", "no image for this processor"},
	0xc000007c: {"STATUS_NO_TOKEN", "no token"},
	0xc000007f: {"STATUS_DISK_FULL", "the disk is full"},
	0xc0000089: {"STATUS_RESOURCE_DATA_NOT_FOUND", "no such resource data"},
	0xc000008a: {"STATUS_RESOURCE_TYPE_NOT_FOUND", "no such resource type"},
	0xc000008b: {"STATUS_RESOURCE_NAME_NOT_FOUND", "no such resource name"},
	0xc000008c: {"STATUS_ARRAY_BOUNDS_EXCEEDED", "array bounds exceeded"},
	0xc000008d: {"STATUS_FLOAT_DENORMAL_OPERAND", "a denormal floating point operand"},
	0xc000008e: {"STATUS_FLOAT_DIVIDE_BY_ZERO", "floating point division by zero"},
	0xc000008f: {"STATUS_FLOAT_INEXACT_RESULT", "an inexact floating point result"},
	0xc0000090: {"STATUS_FLOAT_INVALID_OPERATION", "an invalid floating point operation"},
	0xc0000091: {"STATUS_FLOAT_OVERFLOW", "floating point overflow"},
	0xc0000092: {"STATUS_FLOAT_STACK_CHECK", "a floating point stack overflow or underflow"},
	0xc0000093: {"STATUS_FLOAT_UNDERFLOW", "floating point underflow"},
	0xc0000094: {"STATUS_INTEGER_DIVIDE_BY_ZERO", "integer division by zero"},
	0xc0000095: {"STATUS_INTEGER_OVERFLOW", "integer overflow"},
	0xc0000096: {"STATUS_PRIVILEGED_INSTRUCTION", "a privileged instruction"},
	0xc000009a: {"STATUS_INSUFFICIENT_RESOURCES", "insufficient resources"},
	0xc00000ba: {"STATUS_FILE_IS_A_DIRECTORY", "the file is a directory"},
	0xc00000bb: {"STATUS_NOT_SUPPORTED", "not supported"},
	0xc00000fd: {"STATUS_STACK_OVERFLOW", "stack overflow"},
	0xc0000100: {"STATUS_VARIABLE_NOT_FOUND", "no such environment variable"},
	0xc000010a: {"STATUS_PROCESS_IS_TERMINATING", "the process is ending"},
	0xc0000120: {"STATUS_CANCELLED", "cancelled"},
	0xc000012d: {"STATUS_COMMITMENT_LIMIT", "the commit limit is reached"},
	0xc0000135: {"STATUS_DLL_NOT_FOUND", "a DLL was not found"},
	0xc0000138: {"STATUS_ORDINAL_NOT_FOUND", "a DLL lacks an ordinal"},
	0xc0000139: {"STATUS_ENTRYPOINT_NOT_FOUND", "a DLL lacks a function"},
	0xc000013a: {"STATUS_CONTROL_C_EXIT", "ended by Ctrl+C"},
	0xc0000142: {"STATUS_DLL_INIT_FAILED", "a DLL did not initialize"},
	0xc0000144: {"STATUS_UNHANDLED_EXCEPTION", "an unhandled exception"},
	0xc0000194: {"STATUS_POSSIBLE_DEADLOCK", "a possible deadlock"},
	0xc0000204: {"STATUS_RESOURCE_LANG_NOT_FOUND", "no resource of the language"},
	0xc0000225: {"STATUS_NOT_FOUND", "not found"},
	0xc0000235: {"STATUS_HANDLE_NOT_CLOSABLE", "a handle that is protected from being closed"},
	0xc00002b4: {"STATUS_FLOAT_MULTIPLE_FAULTS", "several floating point faults"},
	0xc00002b5: {"STATUS_FLOAT_MULTIPLE_TRAPS", "several floating point traps"},
	0xc0000374: {"STATUS_HEAP_CORRUPTION", "ntdll found a damaged heap"},
	0xc0000409: {"STATUS_STACK_BUFFER_OVERRUN", "fast fail, or a stack buffer overrun"},
	0xc0000417: {"STATUS_INVALID_CRUNTIME_PARAMETER", "an invalid parameter of a C runtime function"},
	0xc000041d: {"STATUS_FATAL_USER_CALLBACK_EXCEPTION", "an exception in a callback from the kernel"},
	0xc0000420: {"STATUS_ASSERTION_FAILURE", "a failed assertion"},
	0xc0000602: {"STATUS_FAIL_FAST_EXCEPTION", "the program ended itself at once"},
	0xc0150008: {"STATUS_SXS_KEY_NOT_FOUND", "a key is not in the activation context"},
	0xc06d007e: {"delay load failure", "a DLL to be loaded late was not found"},
	0xc06d007f: {"delay load failure", "a DLL that was loaded late lacks a function"},
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
