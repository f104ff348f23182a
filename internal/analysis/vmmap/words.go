package vmmap

import (
	"fmt"
	"strings"
)

// Words says in words what an owner is, with its width, thread or heap.
func (o *Owner) Words() string {
	kind := o.Kind
	switch {
	case o.Usage == Image:
		return kind + " " + o.Name[strings.LastIndexAny(o.Name, `\/`)+1:]
	case o.HasThread:
		if o.Bits != 0 {
			kind = fmt.Sprintf("%d-bit %s", o.Bits, kind)
		}
		return fmt.Sprintf("%s of thread 0x%x", kind, o.Thread)
	case o.Heap != 0 && o.Usage != Other:
		return fmt.Sprintf("%s of heap %v", kind, o.Heap)
	case o.Usage == PEB && o.Bits != 0:
		return fmt.Sprintf("%d-bit %s", o.Bits, kind)
	}
	return kind
}
