package main

// explained are the damages that change figures without a word, by structure
// and field, each with the reason why nothing in the dump contradicts them. A
// silent change of anything else fails the campaign. "file" stands for pairs
// and pages.
var explained = map[[2]string]string{
	{"_HEAP_ENTRY", "UnusedBytes"}: "The checksum covers Size and Flags alone (on XP there is none), so a wrong UnusedBytes that fits the block changes the user size and nothing else. " +
		"On a heap with tail checking the fill behind the user's bytes tells.",
	{"_HEAP_ENTRY of a slot", "UnusedBytes"}:        "As for the back end's blocks; a value of the other state, busy for free, contradicts the bitmap and is noticed.",
	{"_HEAP_VIRTUAL_ALLOC_ENTRY", "BusyBlock"}:      "Its Size is the unused bytes of the commitment. XP has no checksum; from Vista on this is noticed.",
	{"_HEAP_VIRTUAL_ALLOC_ENTRY.BusyBlock", "Size"}: "The same bytes by another name.",
	{"_HEAP_VIRTUAL_ALLOC_ENTRY", "CommitSize"}:     "Whole pages less, in a block that reserves more than it commits: XP counts the commitment nowhere else. From Vista on the heap's counter tells.",
	{"_HEAP_VIRTUAL_ALLOC_ENTRY", "ReserveSize"}:    "A reservation can begin up to 64 KiB before its node (seen on Windows 10), so whole pages up to that much more contradict nothing.",
	{"_HEAP", "Encoding"}:                           "The key's last byte is UnusedBytes', which no checksum covers: another one changes the user sizes of blocks and nothing else; seen in dumps of Vista alone.",
	{"_DPH_HEAP_BLOCK", "nVirtualAccessSize"}:       "One page more, over the guard page: in page heaps of XP no stamp says where the block ends, and no count and no sum changes, only that block's size or unused bytes.",
	{"_HEAP", "FrontEndHeap"}:                       "XP's lookaside lists have no signature: where the damaged pointer leads to memory of zeros, every list is empty.",
	{"_HEAP", "FrontEndHeapType"}:                   "On XP type 0 says that there is no lookaside list: what is parked there is busy, as the back end has it.",
	{"_DPH_HEAP_ROOT", "HeapCritSect"}:              "No count and no sum changes, only where one internal block of the page heap's own memory ends and the next begins.",
	{"file", "page not saved"}:                      "The page of the page heap's lock: as for HeapCritSect.",
	{"file", "two at once"}:                         "Pairs of the above.",
	{"stream 9", ""}:                                "A range said to be longer by 64 KiB takes its bytes from what follows in the file, as a writer's longer range would; most such ranges overlap the next and are noticed.",
}
