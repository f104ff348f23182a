package minidump

import (
	"errors"
	"strings"
	"testing"

	"github.com/heapdump/heapdump/pkg/diag"
)

func TestHeader(t *testing.T) {
	b := newDump().add(SystemInfoStream, zeros(56)).entry(UnusedStream, 0, 0).add(0xfff0, "abc")
	f := b.parse(t)
	if f.Flags.String() != "WithFullMemory|WithHandleData|WithUnloadedModules|WithFullMemoryInfo|WithThreadInfo" {
		t.Errorf("flags %v", f.Flags)
	}
	if got := f.Time().Format("2006-01-02 15:04:05"); got != "2020-07-04 04:05:20" {
		t.Errorf("time %v", got)
	}
	s := f.Streams()
	if len(s) != 3 || s[0].Type.String() != "SystemInfo" || s[1].Type.String() != "Unused" || s[2].Type.String() != "WineHostModuleList" ||
		s[2].Size != 3 || !s[2].Whole() {
		t.Errorf("streams %v", s)
	}
	var l diag.List
	f.Check(l.Add)
	expect(t, &l)
	if raw, ok := f.Raw(0xfff0); !ok || string(raw) != "abc" {
		t.Errorf("Raw = %q, %v", raw, ok)
	}
}

func TestFlagNames(t *testing.T) {
	for f, want := range map[Flags]string{
		0: "Normal", 1: "WithDataSegs", 0x1000000: "FilterWriteCombinedMemory", 0x21826: "WithFullMemory|WithHandleData|WithUnloadedModules|WithFullMemoryInfo|WithThreadInfo|IgnoreInaccessibleMemory",
		0x40160: "WithUnloadedModules|WithIndirectlyReferencedMemory|WithProcessThreadData|WithTokenInformation", 0x6000001: "WithDataSegs|0x6000000",
	} {
		if got := f.String(); got != want {
			t.Errorf("%#x is %s, want %s", uint64(f), got, want)
		}
	}
}

func TestStreamNames(t *testing.T) {
	for n, want := range map[StreamType]string{
		3: "ThreadList", 9: "Memory64List", 22: "ProcessVmCounters", 24: "ThreadNames", 25: "unknown 0x19", 0x8001: "ceSystemInfo", 0x800c: "ceDiagnosisList",
		0x800d: "unknown 0x800d", 0xffff: "LastReserved", 0x47670001: "BreakpadInfo", 0x4767000a: "LinuxDsoDebug", 0x43500001: "CrashpadInfo", 0xffffffff: "unknown 0xffffffff",
	} {
		if got := n.String(); got != want {
			t.Errorf("%#x is %s, want %s", uint32(n), got, want)
		}
	}
}

func TestDirectoryProblems(t *testing.T) {
	b := newDump().add(0xfff0, "abc").add(0xfff0, "def").entry(0x43500001, 8, 1<<20)
	b.entry(23, 100, int64(len(b.data)-1))
	b.data[4] = 0x94
	var l diag.List
	b.parse(t).Check(l.Add)
	expect(t, &l, CodeHeaderVersion, CodeStreamDuplicate, CodeStreamOutsideFile, CodeStreamTruncated)
	if l.Lost != 8+99 {
		t.Errorf("%d bytes lost", l.Lost)
	}

	b = newDump()
	b.streams = 1 << 31
	copy(b.data[8:], u32(b.streams))
	f, l := b.parse(t), diag.List{}
	f.Check(l.Add)
	expect(t, &l, CodeDirectoryTruncated)
	if len(f.Streams()) != maxStreams {
		t.Errorf("%d streams", len(f.Streams()))
	}
}

// TestKinds: what a file is instead, with advice, on one line.
func TestKinds(t *testing.T) {
	elf := func(kind int) []byte { return words("\x7fELF\x02\x01\x01", zeros(9), u16(kind), zeros(40)) }
	utf16 := func(s string) []byte { return []byte("\xff\xfe" + strings.Join(strings.Split(s, ""), "\x00") + "\x00") }
	for _, c := range []struct {
		data []byte
		want string
	}{
		{nil, "an empty file"}, {words("MDMP", zeros(27)), "the first 31 bytes"}, {words("PAGEDU64", zeros(99)), "64-bit Windows kernel"},
		{words("PAGEDUMP", zeros(99)), "32-bit Windows kernel"}, {words("PAGEXXXX"), "kernel memory dump"}, {elf(4), "an ELF core dump"},
		{elf(2), "an ELF program"}, {words("\x7fELF\x02\x02\x01", zeros(9), "\x00\x04", zeros(40)), "an ELF core dump"}, {words(u32(uint32(0xfeedfacf)), zeros(8), u32(4)), "a Mach-O core"}, {words(u32(uint32(0xfeedface)), zeros(8), u32(2)), "a Mach-O program"},
		{words("\xfe\xed\xfa\xce", zeros(8), "\x00\x00\x00\x04"), "a Mach-O core"}, {words("MZ", zeros(99)), "program or library (PE)"},
		{words("PK\x03\x04"), "a zip"}, {words("\x1f\x8b\x08"), "a gzip"}, {words("\x28\xb5\x2f\xfd"), "a zstd"}, {words("PMDM", zeros(28)), "swapped byte order"},
		{utf16("Version=1\r\nEventType=APPCRASH\r\n"), "Windows Error Reporting"}, {words("Version=1\r\nEventType=BEX64"), "Windows Error Reporting"},
		{words("hello"), "begins with 68 65 6c 6c"}, {words("x"), "begins with 78"},
		{newDump().add(SystemInfoStream, zeros(20), u32(0x8201), zeros(32)).data, "of a Linux process"},
		{newDump().add(SystemInfoStream, zeros(20), u32(0x8101), zeros(32)).data, "of a macOS process"},
		{newDump().add(SystemInfoStream, zeros(20), u32(0x8203), zeros(32)).data, "of a Android process"},
		{newDump().add(0x47670009, "maps").data, "of a Linux or Android process"},
	} {
		f, err := Parse(c.data)
		var k *KindError
		if f != nil || !errors.Is(err, ErrNotMinidump) || !errors.As(err, &k) || k.Advice == "" {
			t.Errorf("%.20q: %v, %v", c.data, f, err)
			continue
		}
		if !strings.Contains(k.What, c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%.20q: %v; want %s", c.data, err, c.want)
		}
	}
	if _, err := Parse(newDump().add(SystemInfoStream, zeros(20), u32(2), zeros(32)).add(0x47670003, "x").data); err != nil {
		t.Errorf("a Windows dump with a Breakpad stream: %v", err)
	}
}

// TestCodes: every code is documented once.
func TestCodes(t *testing.T) {
	seen := map[diag.Code]bool{}
	for _, c := range Codes() {
		if seen[c.Code] || c.Meaning == "" {
			t.Errorf("%s", c.Code)
		}
		seen[c.Code] = true
	}
	if len(seen) != 17 {
		t.Errorf("%d codes", len(seen))
	}
}
