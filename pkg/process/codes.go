package process

import "github.com/heapdump/heapdump/pkg/diag"

// The problem codes of this package.
const (
	// CodePEBMissing: the dump does not hold the PEB, or no thread leads to it.
	CodePEBMissing diag.Code = "peb-missing"
	// CodePEBHeaps: the PEB's list of heaps contradicts itself.
	CodePEBHeaps diag.Code = "peb-heaps"
	// CodePEBHeapsMissing: the dump does not hold the PEB's list of heaps.
	CodePEBHeapsMissing diag.Code = "peb-heaps-missing"
	// CodeTEB: a thread's TEB contradicts itself or SystemInfo.
	CodeTEB diag.Code = "teb"
	// CodeLoader: the loader's list of modules ends early or contradicts itself.
	CodeLoader diag.Code = "loader-list"
)

// Codes lists every code of this package with its meaning in a few words.
func Codes() map[diag.Code]string {
	return map[diag.Code]string{
		CodePEBMissing:      "no PEB could be read: heaps are found by their signatures alone",
		CodePEBHeaps:        "the PEB's list of heaps contradicts itself",
		CodePEBHeapsMissing: "the PEB's list of heaps is not in the dump",
		CodeTEB:             "a TEB contradicts itself or SystemInfo",
		CodeLoader:          "the loader's list of modules ends early or contradicts itself",
	}
}
