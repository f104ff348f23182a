package target_test

import (
	"strings"
	"testing"
)

// TestRealModules opens the images of a whole dump: every header is in it, and
// every PE32+ image stands beside x64 code, every PE32 one beside x86 code.
func TestRealModules(t *testing.T) {
	d := openReal(t, "real-win10-11082-wow64-full")
	modules := d.Modules()
	if len(modules) == 0 {
		t.Fatal("no modules")
	}
	bits := map[string]int{}
	for _, m := range modules {
		if m.Image == nil {
			t.Errorf("%s: %v", m.Name, m.Why)
			continue
		}
		if s, ok := m.Image.Section(m.Image.Entry); m.Image.Entry != 0 && (!ok || !s.Executable()) {
			t.Errorf("%s: its entry %v is in section %v", m.Name, m.Image.Entry, s)
		}
		if m.Image.Timestamp != m.Timestamp {
			t.Errorf("%s: timestamp %#x, the list says %#x", m.Name, m.Image.Timestamp, m.Timestamp)
		}
		bits[strings.ToLower(m.Name[strings.LastIndexByte(m.Name, '\\')+1:])] |= m.Image.Bits
	}
	if bits["wow64cpu.dll"] != 64 || bits["ntdll.dll"] != 32|64 {
		t.Errorf("wow64cpu.dll is %d-bit, ntdll.dll %d", bits["wow64cpu.dll"], bits["ntdll.dll"])
	}
}
