package handles

import (
	"fmt"
	"strings"

	"github.com/heapdump/heapdump/pkg/minidump"
)

// fields indexes the decoded fields of an object's information.
func fields(i minidump.ObjectInfo) map[string]int64 {
	m := map[string]int64{}
	for _, f := range i.Fields {
		m[f.Name] = f.Value
	}
	return m
}

// Names are the names of threads by their IDs.
type Names map[uint32]string

// thread names a thread, with its name where it is known.
func (n Names) thread(id int64) string {
	if s := n[uint32(id)]; s != "" {
		return fmt.Sprintf("thread %#x (%s)", id, s)
	}
	return fmt.Sprintf("thread %#x", id)
}

// Info says in words what the stream holds of the object of a handle; nil when
// it holds nothing. What is of an unknown layout is named with its size.
func Info(h *minidump.Handle, names Names) []string {
	var out []string
	for _, i := range h.Info {
		if len(i.Fields) == 0 {
			out = append(out, fmt.Sprintf("%s of %d bytes, not understood", i.Type, len(i.Raw)))
			continue
		}
		out = append(out, describe(i, names)...)
	}
	return out
}

// describe puts one piece of object information into words.
func describe(i minidump.ObjectInfo, names Names) []string {
	f := fields(i)
	switch i.Type.String() {
	case "ThreadInformation1":
		return []string{fmt.Sprintf("%s of process %d", names.thread(f["thread_id"]), f["process_id"]), running("thread", f["exit_status"]),
			fmt.Sprintf("priority %d, base %d", f["priority"], f["base_priority"]), fmt.Sprintf("TEB %#x", uint64(f["teb"]))}
	case "MutantInformation1":
		return []string{mutant(f)}
	case "MutantInformation2":
		if f["thread_id"] == 0 {
			return nil
		}
		return []string{fmt.Sprintf("owner %s of process %d", names.thread(f["thread_id"]), f["process_id"])}
	case "ProcessInformation2":
		return []string{fmt.Sprintf("process %d", f["process_id"]), fmt.Sprintf("parent %d", f["parent_process_id"]), running("process", f["exit_status"]),
			fmt.Sprintf("base priority %d", f["base_priority"])}
	case "EventInformation1":
		kind, state := "manual reset", "not signaled"
		if f["synchronization"] != 0 {
			kind = "auto reset"
		}
		if f["signaled"] != 0 {
			state = "signaled"
		}
		return []string{kind, state}
	case "SectionInformation1":
		return []string{sectionWords(uint32(f["attributes"])), fmt.Sprintf("maximum size %d bytes", f["maximum_size"])}
	case "SemaphoreInformation1":
		return []string{fmt.Sprintf("count %d of at most %d", f["count"], f["maximum_count"])}
	}
	return nil
}

// sectionBits are the attributes of a section (winnt.h, SEC_*).
var sectionBits = []right{
	{0x00200000, "SEC_BASED", ""}, {0x00400000, "SEC_NO_CHANGE", ""}, {0x00800000, "SEC_FILE", ""}, {0x01000000, "SEC_IMAGE", ""},
	{0x02000000, "SEC_PROTECTED_IMAGE", ""}, {0x04000000, "SEC_RESERVE", ""}, {0x08000000, "SEC_COMMIT", ""}, {0x10000000, "SEC_NOCACHE", ""},
	{0x40000000, "SEC_WRITECOMBINE", ""}, {0x80000000, "SEC_LARGE_PAGES", ""},
}

// sectionWords puts a section's attributes into the words of the headers.
func sectionWords(attributes uint32) string {
	out, rest := words(nil, sectionBits, "", attributes)
	if rest != 0 || len(out) == 0 {
		out = append(out, fmt.Sprintf("attributes %#x", rest))
	}
	return strings.Join(out, "|")
}

// stillActive is the exit status of what has not ended.
const stillActive = 0x103

// running says whether a thread or process has ended: a handle to an ended
// one is all that keeps it.
func running(what string, status int64) string {
	if status == stillActive {
		return "running"
	}
	return fmt.Sprintf("%s has ended, status %#x", what, uint32(status))
}

// mutant says who has it. Its count is 1 when it is free, and falls by one
// with each time that its owner takes it.
func mutant(f map[string]int64) string {
	s := "free"
	if f["count"] <= 0 {
		s = fmt.Sprintf("held, taken %d times", 1-f["count"])
	}
	if f["abandoned"] != 0 {
		s += ", abandoned"
	}
	return s
}

// DebuggerInfo returns the debugger's lines on the object of a handle, without
// indentation; nil when it has none. The lines of events are as published;
// the others say the same as Info.
func DebuggerInfo(h *minidump.Handle) []string {
	var out []string
	for _, i := range h.Info {
		f := fields(i)
		if i.Type.String() != "EventInformation1" || len(i.Fields) == 0 {
			out = append(out, Info(&minidump.Handle{Info: []minidump.ObjectInfo{i}}, nil)...)
			continue
		}
		kind, state := "Manual Reset", "Waiting"
		if f["synchronization"] != 0 {
			kind = "Auto Reset"
		}
		if f["signaled"] != 0 {
			state = "Set"
		}
		out = append(out, "Event Type "+kind, "Event is "+state)
	}
	return out
}
