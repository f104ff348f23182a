package target

import (
	"github.com/heapdump/heapdump/pkg/minidump"
	"github.com/heapdump/heapdump/pkg/peimage"
)

// Module is a loaded module with its image, as far as the dump has its headers.
type Module struct {
	minidump.Module
	Image *peimage.Image // nil when the headers are missing or are none
	Why   error          // why Image is nil
}

// Modules reads the ModuleList and the headers of each module's image, in the
// list's order. It reads them anew at each call. The list's problems are the
// caller's to ask for from File.Modules.
func (t *Target) Modules() []Module {
	list := t.File.Modules(nil)
	out := make([]Module, len(list))
	for i, m := range list {
		out[i].Module = m
		out[i].Image, out[i].Why = peimage.Open(t.Space, m.Start, m.Size())
	}
	return out
}
