package minidump

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/heapdump/heapdump/pkg/diag"
)

func TestSystemInfo(t *testing.T) {
	b := newDump()
	csd := b.text("Service Pack 1")
	b.add(SystemInfoStream, systemInfo(X86, csd))
	s, err := b.parse(t).SystemInfo()
	if err != nil || s.Name() != "Windows 7 Service Pack 1 (6.1.7601)" || s.Arch.String() != "x86" || s.Level != 6 || s.Revision != 0x3a02 || s.Processors != 4 ||
		s.ProductType != 1 || s.SuiteMask != 0x100 || s.CPUVendor != "GenuineIntel" || s.CPUVersion != 0x306a9 || s.CPUFlags != 0xbfebfbff {
		t.Errorf("%+v %v", s, err)
	}
	if _, err := newDump().parse(t).SystemInfo(); !errors.Is(err, ErrNoStream) {
		t.Errorf("absent: %v", err)
	}
	if _, err := newDump().add(SystemInfoStream, zeros(31)).parse(t).SystemInfo(); err == nil || errors.Is(err, ErrNoStream) {
		t.Errorf("short: %v", err)
	}
}

func TestWindowsName(t *testing.T) {
	for _, c := range []struct {
		major, minor, build uint32
		product             uint8
		want                string
	}{
		{5, 0, 2195, 1, "Windows 2000"}, {5, 1, 2600, 1, "Windows XP"}, {5, 2, 3790, 1, "Windows XP x64 Edition"}, {5, 2, 3790, 3, "Windows Server 2003"},
		{6, 0, 6002, 1, "Windows Vista"}, {6, 0, 6002, 2, "Windows Server 2008"}, {6, 1, 7601, 1, "Windows 7"}, {6, 1, 7601, 3, "Windows Server 2008 R2"},
		{6, 2, 9200, 1, "Windows 8"}, {6, 2, 9200, 3, "Windows Server 2012"}, {6, 3, 9600, 1, "Windows 8.1"}, {6, 3, 9600, 3, "Windows Server 2012 R2"},
		{10, 0, 19045, 1, "Windows 10"}, {10, 0, 22000, 1, "Windows 11"}, {10, 0, 21999, 1, "Windows 10"}, {10, 0, 14393, 3, "Windows Server 2016"},
		{10, 0, 17763, 3, "Windows Server 2019"}, {10, 0, 20348, 2, "Windows Server 2022"}, {10, 0, 26100, 3, "Windows Server 2025"},
		{10, 0, 25398, 3, "Windows Server"}, {10, 0, 19042, 0, "Windows 10"}, {7, 3, 0, 1, "Windows 7.3"},
	} {
		if got := WindowsName(c.major, c.minor, c.build, c.product); got != c.want {
			t.Errorf("%+v is %s", c, got)
		}
	}
	s := SystemInfo{Major: 10, Build: 22631, Platform: 2, ProductType: 1, ServicePack: "4751"}
	if got := s.Name(); got != "Windows 11 (10.0.22631.4751)" {
		t.Errorf("%s", got)
	}
	if ARM64.String() != "ARM64" || ARM64Old.Bits() != 64 || X86.Bits() != 32 || UnknownArch.Bits() != 0 || Arch(77).String() != "processor 0x4d" {
		t.Error("architecture words")
	}
}

// miscInfo is a MINIDUMP_MISC_INFO_5 with every flag.
func miscInfo(size int) []byte {
	m := zeros(0x554)
	at := func(off int, b []byte) { copy(m[off:], b) }
	at(0, words(u32(size), u32(0x3f7), u32(4340), u32(0x5f000000), u32(3), u32(4), u32(3400), u32(1700), u32(3300), u32(2), u32(1), u32(0x2000), u32(0x4d), u32(1), u32(2)))
	at(0x3c, u32(-210))
	at(0x40, words("I\x00R\x00S\x00T\x00"))
	at(0x90, u32(1))
	at(0x94, words("D\x00"))
	at(0xe4, u32(-60))
	at(0xe8, words("1\x000\x00.\x000\x00"))
	at(0x2f0, words("d\x00b\x00g\x00"))
	at(0x550, u32(0x12345678))
	return m
}

func TestMiscInfo(t *testing.T) {
	for _, c := range []struct {
		size  int
		flags MiscFlags
	}{{24, 0x3}, {44, 0x7}, {232, 0xf7}, {832, 0x1f7}, {1364, 0x3f7}, {831, 0xf7}, {5000, 0x3f7}} {
		m, err := newDump().add(MiscInfoStream, miscInfo(c.size)).parse(t).MiscInfo()
		if err != nil || m.Flags != c.flags || m.ProcessID != 4340 || m.Created.Unix() != 0x5f000000 || m.UserTime != 3*time.Second || m.KernelTime != 4*time.Second {
			t.Errorf("%d: %+v %v", c.size, m, err)
		}
		if got := m.Power != (Power{}); got != (c.size >= 44) || got && m.Power != (Power{3400, 1700, 3300, 2, 1}) {
			t.Errorf("%d: %+v", c.size, m.Power)
		}
		if c.size >= 232 && (m.Integrity != 0x2000 || m.Execute != 0x4d || !m.Protected || m.TimeZoneID != 2 || m.TimeZone != (TimeZone{-210, "IRST", 1, "D", -60})) {
			t.Errorf("%d: %+v", c.size, m)
		}
		if got := m.BuildString + m.DebugString; got != "" != (c.size >= 832) || got != "" && got != "10.0dbg" {
			t.Errorf("%d: %q", c.size, got)
		}
		if m.Cookie != 0 != (c.size >= 1364) || m.Cookie != 0 && m.Cookie != 0x12345678 {
			t.Errorf("%d: %#x", c.size, m.Cookie)
		}
	}
	for _, bad := range [][]byte{zeros(7), words(u32(23), zeros(100)), words(u32(24), zeros(16))} {
		if _, err := newDump().add(MiscInfoStream, bad).parse(t).MiscInfo(); err == nil || errors.Is(err, ErrNoStream) {
			t.Errorf("%d bytes: %v", len(bad), err)
		}
	}
	if _, err := newDump().parse(t).MiscInfo(); !errors.Is(err, ErrNoStream) {
		t.Errorf("absent: %v", err)
	}
}

func TestSystemMemory(t *testing.T) {
	s := words(u16(1), u16(15), u32(156250), u32(4096), u32(0x1fcbdb), u32(1), u32(0x21f5ff), u32(65536), u64(0x10000), u64(0x7ffffffeffff), u64(255), u32(8),
		u64(100), u64(200), zeros(44), u64(1), u64(2), u64(3), u64(4), zeros(344))
	if len(s) != 492 {
		t.Fatal(len(s))
	}
	m, err := newDump().add(SystemMemoryInfoStream, s).parse(t).SystemMemory()
	m.Raw = nil
	if got := fmt.Sprintf("%+v", m); err != nil || got != "{Revision:1 Flags:15 PageSize:4096 PhysicalPages:2083803 AllocationGranularity:65536 MinimumUserAddress:65536 "+
		"MaximumUserAddress:140737488289791 Processors:8 FileCacheBytes:100 FileCachePeakBytes:200 AvailablePages:1 CommittedPages:2 CommitLimitPages:3 PeakCommitmentPages:4 Raw:[]}" {
		t.Errorf("%s %v", got, err)
	}
	if _, err := newDump().add(SystemMemoryInfoStream, zeros(147)).parse(t).SystemMemory(); err == nil {
		t.Error("short")
	}
}

func TestVMCounters(t *testing.T) {
	var b []byte
	for i := range 18 {
		b = append(b, u64(uint64(i+1))...)
	}
	get := func(data ...any) string {
		v, err := newDump().add(ProcessVMCountersStream, data...).parse(t).VMCounters()
		return fmt.Sprint(v, err)
	}
	if got := get(u16(2), u16(0x1f), u32(830), b); got != "{2 31 830 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18} <nil>" {
		t.Error(got)
	}
	if got := get(u16(2), u16(0x03), u32(830), b); got != "{2 3 830 1 2 3 4 5 6 7 8 9 10 0 0 0 0 0 0 0 0} <nil>" {
		t.Error(got)
	}
	if got := get(u16(1), u16(0xffff), u32(830), b[:72]); got != "{1 0 830 1 2 3 4 5 6 7 8 0 0 9 0 0 0 0 0 0 0} <nil>" {
		t.Error(got)
	}
	if _, err := newDump().add(ProcessVMCountersStream, zeros(79)).parse(t).VMCounters(); err == nil {
		t.Error("short")
	}
}

func TestComments(t *testing.T) {
	b := newDump().add(CommentStreamW, "w\x00\xac\x20\x00\xd8x\x00\x00\x00junk").add(CommentStreamA, "*** procdump -ma\xff\x00junk")
	if got := strings.Join(b.parse(t).Comments(), "|"); got != "*** procdump -ma\ufffd|w€\ufffdx" {
		t.Error(got)
	}
	if got := newDump().add(CommentStreamA, "\x00").add(CommentStreamW, "\x00").parse(t).Comments(); got != nil {
		t.Errorf("%q", got)
	}
}

func TestTokens(t *testing.T) {
	b := newDump().add(TokenStream, u32(0x50), u32(2), u32(16), u32(0x48), u32(40), u32(4340), u64(0x123), zeros(24), u32(16), u32(8), u64(9))
	var l diag.List
	tok := b.parse(t).Tokens(l.Add)
	expect(t, &l)
	if len(tok) != 2 || tok[0].ID != 4340 || tok[0].Handle != 0x123 || len(tok[0].Raw) != 40 || tok[1].ID != 8 || len(tok[1].Raw) != 16 {
		t.Errorf("%+v", tok)
	}
	for want, data := range map[diag.Code][]byte{
		CodeStreamCount:     words(u32(32), u32(-1), u32(16), u32(16), u32(16), u32(1), u64(2)),
		CodeStreamEntrySize: words(u32(32), u32(2), u32(16), u32(16), u32(0), u32(1), u64(2)),
		CodeStreamHeader:    words(u32(32), u32(2), u32(-1), u32(16)),
	} {
		var l diag.List
		newDump().add(TokenStream, data).parse(t).Tokens(l.Add)
		expect(t, &l, want)
	}
}

func TestFunctionTables(t *testing.T) {
	b := newDump().add(FunctionTableStream, u32(24), u32(32), u32(4), u32(12), u32(2), u32(8), zeros(8),
		u64(0x1000), u64(0x2000), u64(0x800), u32(2), u32(4), "natv", "first entry.", "second entry", zeros(4),
		u64(0x3000), u64(0x4000), u64(0), u32(0), u32(0), "NATV")
	var l diag.List
	ft := b.parse(t).FunctionTables(l.Add)
	expect(t, &l)
	if len(ft) != 2 || ft[0].Start != 0x1000 || ft[0].End != 0x2000 || ft[0].Base != 0x800 || string(ft[0].Native) != "natv" ||
		string(ft[0].Entries) != "first entry.second entry" || ft[0].EntrySize != 12 || ft[1].Start != 0x3000 || len(ft[1].Entries) != 0 {
		t.Errorf("%+v", ft)
	}
	for want, data := range map[diag.Code][]byte{
		CodeStreamCount:     words(u32(24), u32(32), u32(4), u32(12), u32(-1), u32(0)),
		CodeStreamEntrySize: words(u32(24), u32(0), u32(0), u32(0), u32(-1), u32(0)),
		CodeStreamHeader:    zeros(23),
	} {
		var l diag.List
		newDump().add(FunctionTableStream, data).parse(t).FunctionTables(l.Add)
		expect(t, &l, want)
	}
	l = diag.List{}
	newDump().add(FunctionTableStream, u32(24), u32(32), u32(0), u32(-1), u32(1), u32(0), zeros(24), u32(-1), u32(0)).parse(t).FunctionTables(l.Add)
	expect(t, &l, CodeStreamCount)
}
