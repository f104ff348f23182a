package report

import (
	"strings"
	"testing"

	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/minidump"
)

// A list that is damaged is a problem of info, and no answer.
func TestInfoTellsOfDamagedLists(t *testing.T) {
	for name, damage := range map[string]struct {
		stream uint32
		at     int // in the stream
		value  uint32
		code   string
		says   string
	}{
		"handles":        {synth.StreamHandleData, 0, 0xffffffff, "stream-header", "HandleData is damaged: nothing of it can be read"},
		"count":          {synth.StreamModuleList, 0, 0xffffffff, "stream-count", "ModuleList, with 1 problem"},
		"module's name":  {synth.StreamModuleList, 4 + 20, 0x7fffffff, "stream-string", "ModuleList, with 1 problem"},
		"nothing at all": {},
	} {
		f := synth.Demo().Build().Dump.File()
		if damage.code != "" {
			s, ok := f.Stream(damage.stream)
			if !ok {
				t.Fatalf("%s: no such stream", name)
			}
			f.Poke32(s.Off+damage.at, damage.value)
		}
		tg, err := target.Parse("demo", f.Data)
		if err != nil {
			t.Fatal(err)
		}
		c := read(tg)
		handles := c.answer("", minidump.HandleDataStream, len(c.handles), "")
		modules := c.answer("", minidump.ModuleListStream, len(c.modules), "")
		if damage.code == "" {
			if len(c.list.Problems) > 0 || !handles.yes || !modules.yes || handles.because != "HandleData" {
				t.Errorf("%s: %+v %+v %v", name, handles, modules, c.list.Problems)
			}
			continue
		}
		if len(c.list.Problems) != 1 || string(c.list.Problems[0].Code) != damage.code {
			t.Errorf("%s: problems %v", name, c.list.Problems)
		}
		if got := handles.because + "; " + modules.because; !strings.Contains(got, damage.says) {
			t.Errorf("%s: %s", name, got)
		}
	}
}
