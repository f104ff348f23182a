package synth

// Heap flags.
const (
	FlagNoSerialize   uint32 = 0x1
	FlagGrowable      uint32 = 0x2
	FlagTailChecking  uint32 = 0x20
	FlagFreeChecking  uint32 = 0x40
	FlagNoCoalesce    uint32 = 0x80
	FlagClassPrivate  uint32 = 0x1000
	FlagClassCSR      uint32 = 0x7000
	FlagClassCSRPort  uint32 = 0x8000
	FlagStackTrace    uint32 = 0x08000000
	FlagUserAllocated uint32 = 0x80000000
)

// Heap is the script of an NT heap. The zero value of a field asks for what
// Windows would have there.
type Heap struct {
	Address uint64
	Family  Family // Process.AddHeap sets it
	Arch    Arch   // Process.AddHeap sets it

	Flags, ForceFlags uint32 // Flags 0 is FlagGrowable; NoFlags asks for a true 0
	NoFlags           bool
	Compat            uint32 // CompatibilityFlags
	Key               uint64 // the eight bytes of Encoding that count; 0 is made from Address
	Plain             bool   // EncodeFlagMask 0: headers are not encoded
	PlainKept         bool   // with Plain: Encoding is filled all the same
	PointerKey        uint64 // Vista and 7
	ListIndex         uint16 // Process.AddHeap sets it
	Interceptor       uint32
	UserContext       uint64 // 24H2: the process heap descriptor

	Segments []Segment
	Virtual  []Virtual

	SegmentReserve, SegmentCommit       uint64
	DeCommitFreeBlock, DeCommitTotal    uint64 // thresholds in units
	VirtualThreshold, MaxAllocation     uint64
	FrontEndHeap, FrontEndUsage         uint64
	FrontEndHeapType                    uint8
	NoLookup                            bool // BlocksIndex is NULL and nothing stands there
	Lock                                Lock
	Tags                                *TagTable
	Mapped                              bool   // a CSR heap: mapped, uncommitted ranges are committed pages
	ExtraReserved, ExtraCommitted       uint64 // added to the counters, as an LFH does
	SentinelFlags                       uint8  // 0 is 01; debuggers print 11, a marking of their own
	ReserveWhole                        bool   // segments in the image reach what SegmentReserve says
	CommitRoutine                       uint64
	AllocatorBackTraceIndex             uint16
	NextAvailableTagIndex, MaximumIndex uint16
}

// Lock is the heap's critical section.
type Lock struct {
	None       bool   // LockVariable is NULL
	Owner      uint64 // a thread id; 0 is not owned
	Recursion  uint32
	Debug      uint64 // where the RTL_CRITICAL_SECTION_DEBUG goes; 0 is none
	Contention uint32
	SpinCount  uint64
	Trace      uint32 // with Debug: CreatorBackTraceIndex
}

// Segment is the script of one segment of a heap. Segment 0 stands at the
// heap's own address.
type Segment struct {
	Address    uint64
	Reserve    uint64 // at least; the builder fills up with an uncommitted range
	FirstEntry uint64 // offset of the first entry; 0 is where Windows has it
	Flags      *uint32
	Items      []Item

	NoEndSentinel bool // no sentinel at the end of a fully committed segment
	ZeroUCR       bool // an uncommitted range of no bytes at LastValidEntry
	BackTrace     uint16
}

// ItemKind says what an Item is.
type ItemKind uint8

// The kinds of items.
const (
	ItemBusy ItemKind = iota
	ItemFree
	ItemInternal
	ItemUncommitted
)

// Item is one thing in a segment. Make it with Busy, Free, Internal or
// Uncommitted and refine it with the With methods.
type Item struct {
	Kind     ItemKind
	Size     uint64                   // user bytes, block bytes or pages' bytes, by kind
	Block    uint64                   // the block's bytes, if larger than need be
	Flags    uint8                    // added to the entry's flags
	Unused   uint8                    // Internal: the UnusedBytes of the entry
	Stack    uint64                   // not 0: an extended header with this stack trace
	Content  []byte                   // from the user address on
	Make     func(user uint64) []byte // instead of Content, once the address is known
	Prev     *uint16
	TagIndex uint16 // in the extra, with Flags 02
	Trace    uint16 // AllocatorBackTraceIndex, in the extra, with Flags 02
	UserData uint64 // Settable, in the extra
}

// Busy is an allocation of n user bytes.
func Busy(n uint64) Item { return Item{Kind: ItemBusy, Size: n} }

// Free is a free block of so many bytes, header included.
func Free(blockBytes uint64) Item { return Item{Kind: ItemFree, Size: blockBytes} }

// Internal is a busy block of the allocator's own with Flags 09, as an LFH
// UserBlocks container has. WithContent or WithMade gives it the container.
// XP has no such mark.
func Internal(blockBytes uint64) Item {
	return Item{Kind: ItemInternal, Size: blockBytes, Flags: 0x08}
}

// InternalOne is a block of the allocator's own that is marked by UnusedBytes
// 1 only.
func InternalOne(blockBytes uint64) Item {
	return Item{Kind: ItemInternal, Size: blockBytes, Unused: 1}
}

// Uncommitted is a range of reserved pages. The builder pads what stands
// before it to the page and puts the sentinel.
func Uncommitted(n uint64) Item { return Item{Kind: ItemUncommitted, Size: n} }

// WithFlags adds flags to the entry: 0x20, 0x40 and 0x80 are the user's.
func (i Item) WithFlags(f uint8) Item { i.Flags |= f; return i }

// WithBlock makes the block larger than the user size asks for. UnusedBytes
// that do not fit the byte go to the block's last word (0x3f).
func (i Item) WithBlock(bytes uint64) Item { i.Block = bytes; return i }

// WithStack gives the block an extended header that points at a stack trace.
func (i Item) WithStack(ust uint64) Item { i.Stack = ust; return i }

// WithContent writes b from the user address on (for Internal: from behind
// the entry).
func (i Item) WithContent(b []byte) Item { i.Content = b; return i }

// WithMade writes what f makes of the user address (for Internal: of the
// address behind the entry, where a UserBlocks starts).
func (i Item) WithMade(f func(user uint64) []byte) Item { i.Make = f; return i }

// WithPrev overrides PreviousSize (in units), which is 0 behind an
// uncommitted range.
func (i Item) WithPrev(units uint16) Item { i.Prev = &units; return i }

// WithUnused sets UnusedBytes of an Internal block.
func (i Item) WithUnused(n uint8) Item { i.Unused = n; return i }

// WithTag gives the block an extra with a tag and a user value.
func (i Item) WithTag(tag uint16, settable uint64) Item {
	i.TagIndex, i.UserData, i.Flags = tag, settable, i.Flags|2
	return i
}

// WithTrace gives the block an extra with the index of a stack trace, for
// which the block has to have room.
func (i Item) WithTrace(index uint16) Item {
	i.Trace, i.Flags = index, i.Flags|2
	return i
}

// Virtual is a large block, on the heap's VirtualAllocdBlocks.
type Virtual struct {
	Address   uint64 // of the node; page aligned
	Size      uint64 // user bytes
	Commit    uint64 // 0 is what the size needs
	Reserve   uint64 // 0 is Commit
	Stack     uint64 // not 0: an extended header
	Trace     uint16 // AllocatorBackTraceIndex, in the node's extra
	Content   []byte
	FirstPage bool   // only the first page is saved
	AllocBase uint64 // of the reservation, if lower than the node
	Flags     uint8  // 0 is 03
}

// State says what a block is.
type State uint8

// The states of a block.
const (
	StateBusy State = iota
	StateFree
	StateInternal
	StateUncommitted
)

// String names the state.
func (s State) String() string {
	return [...]string{"busy", "free", "internal", "uncommitted"}[s]
}

// Origin says who handed a block out.
type Origin uint8

// The origins of a block.
const (
	OriginBackEnd Origin = iota
	OriginVirtual
)

// Block is one block as a right walk finds it. Heap and segment headers and
// sentinels are internal blocks.
type Block struct {
	Segment uint64 // base of its segment; 0 for large blocks
	Entry   uint64 // the entry header; for uncommitted ranges their start
	User    uint64
	Bytes   uint64 // the whole block; for large ones the committed bytes
	Size    uint64 // user bytes
	State   State
	Origin  Origin
	Flags   uint8 // decoded
	Unused  uint8 // the header's UnusedBytes
	Stack   uint64
	Bucket  uint8 // of a slot
	item    *Item
	prev    uint16
	seg     int
}

// End is the address behind the block.
func (b *Block) End() uint64 { return b.Entry + b.Bytes }

// UCR is an uncommitted range of a segment and where it is described.
type UCR struct {
	Descriptor uint64
	Addr, Size uint64
	Segment    int
}

// BuiltSegment says where a segment is.
type BuiltSegment struct {
	Header        uint64 // the _HEAP_SEGMENT
	Base, First   uint64 // BaseAddress, FirstEntry
	End           uint64 // LastValidEntry
	UCRs          []UCR
	uncommitted   uint64
	lastCommitted uint64 // XP: last entry
}

// BuiltVirtual says where a large block is.
type BuiltVirtual struct {
	Node, Commit, Reserve uint64
}

// BuiltHeap is a heap in an image, and the truth about it.
type BuiltHeap struct {
	*Heap
	Image    *Image
	Blocks   []Block // segments in order, then large blocks, as a walk meets them
	Segs     []BuiltSegment
	Virtuals []BuiltVirtual
	fields   fields
	lookup   uint64 // the _HEAP_LIST_LOOKUP, or 0
	lock     uint64
}
