package minidump

import "encoding/binary"

// place is one field of an object information record: its width in bytes, and
// a negative width for a signed one.
type place struct {
	name  string
	off   int
	width int
}

// objectFields decodes what is known of an object information record.
//
// Microsoft leaves the payloads undocumented. They are what NtQuery* returned
// to the writer, so their sizes tell a 32-bit writer from a 64-bit one:
// THREAD_BASIC_INFORMATION, MUTANT_BASIC_INFORMATION, MUTANT_OWNER_INFORMATION,
// PROCESS_EXTENDED_BASIC_INFORMATION, EVENT_BASIC_INFORMATION,
// SECTION_BASIC_INFORMATION and SEMAPHORE_BASIC_INFORMATION of the NT headers.
// Folklore: of these only the event's has been seen in a dump (8 bytes, Windows
// 10; test TestRealHandles); any other size or type is left raw, and so is a
// record whose fields cannot be what they are taken for (plausible).
func objectFields(t ObjectInfoType, raw []byte) []ObjectField {
	var out []ObjectField
	if t == 5 && len(raw) >= 4 && uint64(binary.LittleEndian.Uint32(raw)) != uint64(len(raw)) {
		return nil // PROCESS_EXTENDED_BASIC_INFORMATION.Size
	}
	for _, p := range objectPlaces(t, len(raw)) {
		b := raw[p.off:]
		v := int64(0)
		switch p.width {
		case 1:
			v = int64(b[0])
		case -4:
			v = int64(int32(binary.LittleEndian.Uint32(b)))
		case 4:
			v = int64(binary.LittleEndian.Uint32(b))
		case 8:
			v = int64(binary.LittleEndian.Uint64(b))
		}
		out = append(out, ObjectField{p.name, v})
	}
	if !plausible(t, out) {
		return nil
	}
	return out
}

// plausible reports whether the fields of a record can be what their names
// say: since the layouts are not documented, a record that contradicts them is
// left raw. IDs of processes and threads are multiples of 4, a PEB and a TEB
// begin on pages, and what is one of two is 0 or 1.
func plausible(t ObjectInfoType, fields []ObjectField) bool {
	v := map[string]int64{}
	for _, f := range fields {
		v[f.Name] = f.Value
		switch f.Name {
		case "process_id", "thread_id", "parent_process_id":
			if f.Value%4 != 0 || uint64(f.Value) > 1<<32 {
				return false
			}
		case "teb", "peb":
			if f.Value%4096 != 0 {
				return false
			}
		case "owned_by_caller", "abandoned", "synchronization", "signaled":
			if f.Value != 0 && f.Value != 1 {
				return false
			}
		}
	}
	switch t {
	case 7:
		return v["maximum_size"] >= 0
	case 8:
		return v["count"] >= 0 && v["count"] <= v["maximum_count"]
	}
	return true
}

// objectPlaces returns the fields of a record of size bytes; none when they
// are not known.
func objectPlaces(t ObjectInfoType, size int) []place {
	switch [2]int{int(t), size} {
	case [2]int{1, 28}:
		return []place{{"exit_status", 0, 4}, {"teb", 4, 4}, {"process_id", 8, 4}, {"thread_id", 12, 4},
			{"affinity", 16, 4}, {"priority", 20, -4}, {"base_priority", 24, -4}}
	case [2]int{1, 48}:
		return []place{{"exit_status", 0, 4}, {"teb", 8, 8}, {"process_id", 16, 8}, {"thread_id", 24, 8},
			{"affinity", 32, 8}, {"priority", 40, -4}, {"base_priority", 44, -4}}
	case [2]int{2, 8}:
		return []place{{"count", 0, -4}, {"owned_by_caller", 4, 1}, {"abandoned", 5, 1}}
	case [2]int{3, 8}:
		return []place{{"process_id", 0, 4}, {"thread_id", 4, 4}}
	case [2]int{3, 16}:
		return []place{{"process_id", 0, 8}, {"thread_id", 8, 8}}
	case [2]int{5, 32}:
		return []place{{"exit_status", 4, 4}, {"peb", 8, 4}, {"affinity", 12, 4}, {"base_priority", 16, -4},
			{"process_id", 20, 4}, {"parent_process_id", 24, 4}, {"flags", 28, 4}}
	case [2]int{5, 64}:
		return []place{{"exit_status", 8, 4}, {"peb", 16, 8}, {"affinity", 24, 8}, {"base_priority", 32, -4},
			{"process_id", 40, 8}, {"parent_process_id", 48, 8}, {"flags", 56, 4}}
	case [2]int{6, 8}:
		return []place{{"synchronization", 0, 4}, {"signaled", 4, -4}} // 0 notification (manual reset), 1 synchronization (auto reset)
	case [2]int{7, 16}:
		return []place{{"base", 0, 4}, {"attributes", 4, 4}, {"maximum_size", 8, 8}}
	case [2]int{7, 24}:
		return []place{{"base", 0, 8}, {"attributes", 8, 4}, {"maximum_size", 16, 8}}
	case [2]int{8, 8}:
		return []place{{"count", 0, -4}, {"maximum_count", 4, -4}}
	}
	return nil
}
