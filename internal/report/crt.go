package report

import (
	"github.com/heapdump/heapdump/internal/analysis/crt"
	"github.com/heapdump/heapdump/pkg/memory"
)

// crtBlock is the debug C runtime's block in the block that was found; null
// when there is none.
func crtBlock(b *crt.Block, at memory.Addr) Table {
	if b == nil {
		return Table{Key: "crt", Shape: Record}
	}
	return record("crt", "Debug CRT block (_CrtMemBlockHeader)", []pair{
		{Column{"header", "Header", Address}, addr(b.Addr)},
		{Column{"type", "Type", Text}, b.Type().String()},
		{Column{"request", "Request number", Count}, known(b.Request != 0, b.Request)},
		{Column{"file", "File", Text}, word(b.Name)},
		{Column{"line", "Line", Count}, known(b.HasLine() && b.Line != 0, b.Line)},
		{Column{"user", "The program's pointer", Address}, addr(b.User)},
		{Column{"user_bytes", "The program's bytes", Bytes}, b.Bytes},
		{Column{"user_offset", "Offset from its pointer", Bytes}, int64(at - b.User)},
		{Column{"form", "Form of header", Text}, b.Form.String()},
		{Column{"whole", "Fences and fields whole", Yes}, b.Whole()},
	})
}
