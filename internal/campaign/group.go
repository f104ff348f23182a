package main

import "strings"

// group names the fields of a structure that serve the same end.
func group(structure, field string) string {
	if structure != "_HEAP" {
		return field
	}
	switch name := strings.TrimSuffix(field, ".Blink"); {
	case name == "Signature" || name == "SegmentSignature":
		return "signatures"
	case name == "Encoding" || name == "EncodeFlagMask" || name == "PointerKey":
		return "key of the headers"
	case name == "FreeLists" || name == "VirtualAllocdBlocks" || name == "SegmentList" || name == "UCRList" || name == "SegmentListEntry" || name == "UCRSegmentList":
		return "list heads"
	case name == "TotalFreeSize" || strings.HasPrefix(name, "Counters") || strings.HasPrefix(name, "Total"):
		return "counters"
	case name == "BaseAddress" || name == "FirstEntry" || name == "LastValidEntry" || name == "NumberOfPages" || name == "Heap" || strings.HasPrefix(name, "NumberOfUnCommitted"):
		return "segment 0's bounds"
	case strings.HasPrefix(name, "FrontEnd") || name == "FrontHeapLockCount" || name == "RequestedFrontEndHeapType":
		return "front end"
	case name == "BlocksIndex" || name == "LockVariable" || name == "UserContext" || strings.HasSuffix(name, "Entries") || name == "Interceptor":
		return "pointers"
	}
	return "policy and the rest"
}
