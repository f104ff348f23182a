package handles

import (
	"fmt"
	"slices"
)

// right is a bit of an access mask: its name in the headers of Windows, and
// the debugger's; no debugger name where it has none.
type right struct {
	bit      uint32
	name     string
	debugger string
}

// standard are the rights of every type (winnt.h).
var standard = []right{
	{0x00010000, "DELETE", "Delete"}, {0x00020000, "READ_CONTROL", "ReadControl"}, {0x00040000, "WRITE_DAC", "WriteDac"},
	{0x00080000, "WRITE_OWNER", "WriteOwner"}, {0x00100000, "SYNCHRONIZE", "Synch"},
	{0x01000000, "ACCESS_SYSTEM_SECURITY", "AccessSystemSecurity"}, {0x02000000, "MAXIMUM_ALLOWED", "MaximumAllowed"},
	{0x10000000, "GENERIC_ALL", "GenericAll"}, {0x20000000, "GENERIC_EXECUTE", "GenericExecute"},
	{0x40000000, "GENERIC_WRITE", "GenericWrite"}, {0x80000000, "GENERIC_READ", "GenericRead"},
}

// class is the rights of a type of object. all are the masks that its headers
// call ALL_ACCESS: that of XP, and Vista's where it grew.
type class struct {
	prefix string
	all    []uint32
	rights []right
}

// classes are the types whose specific rights are known, most from the headers
// of the SDK and WDK (winnt.h, winuser.h, evntrace.h, wdm.h).
var classes = map[string]class{
	"Process": {"PROCESS_", []uint32{0x1f0fff, 0x1fffff}, []right{
		{0x1, "TERMINATE", "Terminate"}, {0x2, "CREATE_THREAD", "CreateThread"}, {0x4, "SET_SESSIONID", "SetSessionId"}, {0x8, "VM_OPERATION", "VMOp"},
		{0x10, "VM_READ", "VMRead"}, {0x20, "VM_WRITE", "VMWrite"}, {0x40, "DUP_HANDLE", "DupHandle"}, {0x80, "CREATE_PROCESS", "CreateProcess"},
		{0x100, "SET_QUOTA", "SetQuota"}, {0x200, "SET_INFORMATION", "SetInfo"}, {0x400, "QUERY_INFORMATION", "QueryInfo"},
		{0x800, "SUSPEND_RESUME", "SetPort"}, {0x1000, "QUERY_LIMITED_INFORMATION", ""}, {0x2000, "SET_LIMITED_INFORMATION", ""}}},
	"Thread": {"THREAD_", []uint32{0x1f03ff, 0x1fffff}, []right{
		{0x1, "TERMINATE", "Terminate"}, {0x2, "SUSPEND_RESUME", "Suspend"}, {0x4, "ALERT", "Alert"}, {0x8, "GET_CONTEXT", "GetContext"},
		{0x10, "SET_CONTEXT", "SetContext"}, {0x20, "SET_INFORMATION", "SetInfo"}, {0x40, "QUERY_INFORMATION", "QueryInfo"},
		{0x80, "SET_THREAD_TOKEN", "SetToken"}, {0x100, "IMPERSONATE", "Impersonate"}, {0x200, "DIRECT_IMPERSONATION", "DirectImpersonate"},
		{0x400, "SET_LIMITED_INFORMATION", ""}, {0x800, "QUERY_LIMITED_INFORMATION", ""}, {0x1000, "RESUME", ""}}},
	"Event":     {"EVENT_", []uint32{0x1f0003}, []right{{0x1, "QUERY_STATE", "QueryState"}, {0x2, "MODIFY_STATE", "ModifyState"}}},
	"Semaphore": {"SEMAPHORE_", []uint32{0x1f0003}, []right{{0x1, "QUERY_STATE", "QueryState"}, {0x2, "MODIFY_STATE", "ModifyState"}}},
	"Mutant":    {"MUTANT_", []uint32{0x1f0001}, []right{{0x1, "QUERY_STATE", "QueryState"}}},
	"Timer":     {"TIMER_", []uint32{0x1f0003}, []right{{0x1, "QUERY_STATE", "QueryState"}, {0x2, "MODIFY_STATE", "ModifyState"}}},
	"Section": {"SECTION_", []uint32{0xf001f}, []right{
		{0x1, "QUERY", "Query"}, {0x2, "MAP_WRITE", "MapWrite"}, {0x4, "MAP_READ", "MapRead"}, {0x8, "MAP_EXECUTE", "MapExecute"},
		{0x10, "EXTEND_SIZE", "Extend"}, {0x20, "MAP_EXECUTE_EXPLICIT", ""}}},
	"File": {"FILE_", []uint32{0x1f01ff}, []right{
		{0x1, "READ_DATA", "Read/List"}, {0x2, "WRITE_DATA", "Write/Add"}, {0x4, "APPEND_DATA", "Append/SubDir/CreatePipe"}, {0x8, "READ_EA", "ReadEA"},
		{0x10, "WRITE_EA", "WriteEA"}, {0x20, "EXECUTE", "Execute/Traverse"}, {0x40, "DELETE_CHILD", "DeleteChild"},
		{0x80, "READ_ATTRIBUTES", "ReadAttr"}, {0x100, "WRITE_ATTRIBUTES", "WriteAttr"}}},
	"Key": {"KEY_", []uint32{0xf003f}, []right{
		{0x1, "QUERY_VALUE", "QueryValue"}, {0x2, "SET_VALUE", "SetValue"}, {0x4, "CREATE_SUB_KEY", "CreateSubKey"},
		{0x8, "ENUMERATE_SUB_KEYS", "EnumSubKey"}, {0x10, "NOTIFY", "Notify"}, {0x20, "CREATE_LINK", "CreateLink"},
		{0x100, "WOW64_64KEY", ""}, {0x200, "WOW64_32KEY", ""}}},
	"Directory": {"DIRECTORY_", []uint32{0xf000f}, []right{
		{0x1, "QUERY", "Query"}, {0x2, "TRAVERSE", "Traverse"}, {0x4, "CREATE_OBJECT", "CreateObject"}, {0x8, "CREATE_SUBDIRECTORY", "CreateSubDir"}}},
	"SymbolicLink": {"SYMBOLIC_LINK_", []uint32{0xf0001}, []right{{0x1, "QUERY", "Query"}, {0x2, "SET", ""}}},
	"IoCompletion": {"IO_COMPLETION_", []uint32{0x1f0003}, []right{{0x1, "QUERY_STATE", ""}, {0x2, "MODIFY_STATE", ""}}},
	"Token": {"TOKEN_", []uint32{0xf01ff}, []right{
		{0x1, "ASSIGN_PRIMARY", "AssignPrimary"}, {0x2, "DUPLICATE", "Duplicate"}, {0x4, "IMPERSONATE", "Impersonate"}, {0x8, "QUERY", "Query"},
		{0x10, "QUERY_SOURCE", "QuerySource"}, {0x20, "ADJUST_PRIVILEGES", "AdjPriv"}, {0x40, "ADJUST_GROUPS", "AdjGroup"},
		{0x80, "ADJUST_DEFAULT", "AdjDefault"}, {0x100, "ADJUST_SESSIONID", ""}}},
	"Job": {"JOB_OBJECT_", []uint32{0x1f001f, 0x1f003f}, []right{
		{0x1, "ASSIGN_PROCESS", ""}, {0x2, "SET_ATTRIBUTES", ""}, {0x4, "QUERY", ""}, {0x8, "TERMINATE", ""}, {0x10, "SET_SECURITY_ATTRIBUTES", ""},
		{0x20, "IMPERSONATE", ""}}},
	"WindowStation": {"WINSTA_", []uint32{0xf037f}, []right{
		{0x1, "ENUMDESKTOPS", "EnumDesktops"}, {0x2, "READATTRIBUTES", "ReadAttr"}, {0x4, "ACCESSCLIPBOARD", "Clipboard"}, {0x8, "CREATEDESKTOP", "CreateDesktop"},
		{0x10, "WRITEATTRIBUTES", "WriteAttr"}, {0x20, "ACCESSGLOBALATOMS", "GlobalAtoms"}, {0x40, "EXITWINDOWS", "ExitWindows"},
		{0x100, "ENUMERATE", "Enumerate"}, {0x200, "READSCREEN", "ReadScreen"}}},
	"Desktop": {"DESKTOP_", nil, []right{
		{0x1, "READOBJECTS", "ReadObjects"}, {0x2, "CREATEWINDOW", "CreateWindow"}, {0x4, "CREATEMENU", "CreateMenu"}, {0x8, "HOOKCONTROL", "HookControl"},
		{0x10, "JOURNALRECORD", "JournalRecord"}, {0x20, "JOURNALPLAYBACK", "JournalPlayback"}, {0x40, "ENUMERATE", "Enumerate"},
		{0x80, "WRITEOBJECTS", "WriteObjects"}, {0x100, "SWITCHDESKTOP", "SwitchDesktop"}}},
	// Those of the next are in no header of the SDK, but in those that the
	// Process Hacker project publishes (phnt).
	"IRTimer": {"TIMER_", nil, []right{{0x1, "QUERY_STATE", ""}, {0x2, "MODIFY_STATE", ""}}},
	"TpWorkerFactory": {"WORKER_FACTORY_", nil, []right{
		{0x1, "RELEASE_WORKER", ""}, {0x2, "WAIT", ""}, {0x4, "SET_INFORMATION", ""}, {0x8, "QUERY_INFORMATION", ""}, {0x10, "READY_WORKER", ""},
		{0x20, "SHUTDOWN", ""}}},
	"ALPC Port": {"PORT_", []uint32{0x1f0001}, []right{{0x1, "CONNECT", ""}}},
	"EtwRegistration": {"", nil, []right{
		{0x1, "WMIGUID_QUERY", ""}, {0x2, "WMIGUID_SET", ""}, {0x4, "WMIGUID_NOTIFICATION", ""}, {0x8, "WMIGUID_READ_DESCRIPTION", ""},
		{0x10, "WMIGUID_EXECUTE", ""}, {0x20, "TRACELOG_CREATE_REALTIME", ""}, {0x40, "TRACELOG_CREATE_ONDISK", ""}, {0x80, "TRACELOG_GUID_ENABLE", ""},
		{0x100, "TRACELOG_ACCESS_KERNEL_LOGGER", ""}, {0x200, "TRACELOG_LOG_EVENT", ""}, {0x400, "TRACELOG_ACCESS_REALTIME", ""},
		{0x800, "TRACELOG_REGISTER_GUIDS", ""}, {0x1000, "TRACELOG_JOIN_GROUP", ""}}},
}

// composite are whole masks that winnt.h has names for.
var composite = map[string]map[uint32][]string{
	"File": {0x120089: {"FILE_GENERIC_READ"}, 0x120116: {"FILE_GENERIC_WRITE"}, 0x1200a0: {"FILE_GENERIC_EXECUTE"},
		0x12019f: {"FILE_GENERIC_READ", "FILE_GENERIC_WRITE"}, 0x1200a9: {"FILE_GENERIC_READ", "FILE_GENERIC_EXECUTE"}},
	"Key": {0x20019: {"KEY_READ"}, 0x20006: {"KEY_WRITE"}},
}

// specific are the bits that mean something else for each type.
const specific = 0xffff

// Rights puts an access mask into the words of the Windows headers: the name of the whole mask where it has one, else bit by bit, those of the type
// first. Bits without a name come last as one number; an empty mask is nil.
func Rights(typ string, mask uint32) []string {
	c := classes[typ]
	for _, all := range c.all {
		if mask == all {
			return []string{c.prefix + "ALL_ACCESS"}
		}
	}
	if names := composite[typ][mask]; names != nil {
		return slices.Clone(names)
	}
	return rights(typ, mask)
}

// rights is Rights bit by bit.
func rights(typ string, mask uint32) []string {
	c := classes[typ]
	out, rest := words(nil, c.rights, c.prefix, mask)
	out, rest = words(out, standard, "", rest)
	if rest != 0 {
		out = append(out, fmt.Sprintf("%#x", rest))
	}
	return out
}

// words appends the names of the rights in the mask and returns the bits that
// none has.
func words(out []string, all []right, prefix string, mask uint32) ([]string, uint32) {
	for _, r := range all {
		if mask&r.bit != 0 {
			out, mask = append(out, prefix+r.name), mask&^r.bit
		}
	}
	return out, mask
}

// DebuggerRights puts an access mask into the debugger's words: the standard
// rights and those of the type. Names are as published where they were; other
// bits are numbers.
func DebuggerRights(typ string, mask uint32) (common, own []string) {
	pick := func(all []right, mask uint32) (out []string) {
		for _, r := range all {
			if mask&r.bit != 0 && r.debugger != "" {
				out, mask = append(out, r.debugger), mask&^r.bit
			}
		}
		if mask != 0 {
			out = append(out, fmt.Sprintf("%#x", mask))
		}
		return out
	}
	return pick(standard, mask&^specific), pick(classes[typ].rights, mask&specific)
}
