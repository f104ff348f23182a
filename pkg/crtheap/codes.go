package crtheap

import "github.com/heapdump/heapdump/pkg/diag"

// The rules of the debug C runtime's blocks. They are stable: scripts match
// them. They hold for what the runtime promises (documented); the fills have
// been seen in generated dumps only.
const (
	// CodeUnderrun: the fence before a block's data is overwritten.
	CodeUnderrun diag.Code = "crt-underrun"
	// CodeOverrun: the fence after a block's data is overwritten.
	CodeOverrun diag.Code = "crt-overrun"
	// CodeWriteAfterFree: the data of a block that was freed and kept are no longer DD.
	CodeWriteAfterFree diag.Code = "crt-write-after-free"
	// CodeSize: a header's size is not what its block was made for.
	CodeSize diag.Code = "crt-data-size"
	// CodeType: a header's block type does not exist.
	CodeType diag.Code = "crt-block-type"
	// CodeLink: a header's link does not lead to its neighbour in the list.
	CodeLink diag.Code = "crt-link"
	// CodeHeader: the list of blocks leads to a header that is destroyed.
	CodeHeader diag.Code = "crt-header"
)

// Codes lists every code of this package with its meaning in a few words.
func Codes() map[diag.Code]string {
	return map[diag.Code]string{
		CodeUnderrun:       "the fence before a debug block's data is overwritten",
		CodeOverrun:        "the fence after a debug block's data is overwritten",
		CodeWriteAfterFree: "a debug block that was freed and kept was written to",
		CodeSize:           "a debug header's size is not what its block was made for",
		CodeType:           "a debug header's block type does not exist",
		CodeLink:           "a debug header's link does not lead to its neighbour",
		CodeHeader:         "the list of debug blocks leads to a destroyed header",
	}
}
