package minidump

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/memory"
)

// x64Context is a CONTEXT of 0x4d0 bytes whose registers are their offsets.
func x64Context() []byte {
	c := zeros(0x4d0)
	for off := 0x78; off <= 0xf8; off += 8 {
		copy(c[off:], u64(uint64(off)))
	}
	copy(c[0x30:], u32(0x10001f))
	return c
}

// systemInfo is a SystemInfo stream of an architecture.
func systemInfo(a Arch, csd int) []byte {
	return words(u16(int(a)), u16(6), u16(0x3a02), "\x04\x01", u32(6), u32(1), u32(7601), u32(2), u32(csd), u16(0x100), u16(0), "GenuineIntel", u32(0x306a9), u32(uint32(0xbfebfbff)), u32(0))
}

func TestThreads(t *testing.T) {
	b := newDump()
	c := b.blob(x64Context())
	name := b.text("worker ☃ 𝄞")
	b.add(SystemInfoStream, systemInfo(AMD64, 0))
	b.add(ThreadListStream, u32(2),
		u32(7), u32(1), u32(0x20), u32(8), u64(0x7fe000), u64(0x12f000), u32(0x1000), u32(0), u32(0x4d0), u32(c),
		u32(9), u32(0), u32(0x20), u32(0), u64(0x7fd000), u64(0), u32(0), u32(0), u32(0), u32(0))
	b.add(ThreadInfoListStream, u32(12), u32(72), u32(2),
		u32(9), u32(4), u32(0), u32(0x103), u64(116444736000000000), u64(0), u64(20000000), u64(10), u64(0x401000), u64(3), u64(0),
		u32(8), zeros(68))
	b.add(ThreadNamesStream, u32(2), u32(7), u64(uint64(name)), u32(9), u64(0))
	var l diag.List
	th := b.parse(t).Threads(l.Add)
	expect(t, &l)
	if len(th) != 2 {
		t.Fatalf("%d threads", len(th))
	}
	a, z := th[0], th[1]
	if a.ID != 7 || a.SuspendCount != 1 || a.PriorityClass != 0x20 || a.Priority != 8 || a.TEB != 0x7fe000 || a.Name != "worker ☃ 𝄞" || a.Info != nil ||
		a.Stack.Start != 0x12f000 || a.Stack.Size() != 0x1000 {
		t.Errorf("%+v", a)
	}
	if a.Context.Arch != AMD64 || a.Context.Flags != 0x10001f || a.Context.IP != 0xf8 || a.Context.SP != 0x98 || a.Context.FP != 0xa0 || len(a.Context.Raw) != 0x4d0 {
		t.Errorf("%+v", a.Context)
	}
	if z.ID != 9 || z.Name != "" || z.Context.Raw != nil || z.Context.Registers() != nil || z.Info == nil || z.Info.DumpFlags != ThreadExited ||
		!z.Info.Created.Equal(time.Unix(0, 0)) || !z.Info.Exited.IsZero() || z.Info.KernelTime != 2*time.Second || z.Info.UserTime != time.Microsecond ||
		z.Info.StartAddress != 0x401000 || z.Info.Affinity != 3 || z.Info.ExitStatus != 0x103 {
		t.Errorf("%+v %+v", z, z.Info)
	}
}

func TestContexts(t *testing.T) {
	regs := func(n, flagsAt, flags int, at map[int]uint64, width int) []byte {
		c := zeros(n)
		copy(c[flagsAt:], u32(flags))
		for off, v := range at {
			copy(c[off:], u64(v)[:width])
		}
		return c
	}
	for _, c := range []struct {
		says Arch
		raw  []byte
		want Arch
		text string
	}{
		{X86, regs(0x2cc, 0, 0x1003f, map[int]uint64{0xb8: 1, 0xc4: 2, 0xb4: 3, 0xb0: 4, 0x9c: 5}, 4), X86,
			"0x1 0x2 0x3 [eax=4 ebx=0 ecx=0 edx=0 esi=0 edi=5 ebp=3 esp=2 eip=1 efl=0]"},
		{ARM64, regs(0x390, 0, 0x40001f, map[int]uint64{0x108: 1, 0x100: 2, 0xf0: 3, 0xf8: 4, 8: 5}, 8), ARM64,
			"0x1 0x2 0x3 [x0=5 " + nulls("x", 1, 28) + "fp=3 lr=4 sp=2 pc=1]"},
		{ARM, regs(0x1a0, 0, 0x20001f, map[int]uint64{0x40: 1, 0x38: 2, 0x30: 3, 4: 4}, 4), ARM,
			"0x1 0x2 0x3 [r0=4 " + nulls("r", 1, 10) + "r11=3 r12=0 sp=2 lr=0 pc=1 cpsr=0]"},
		{AMD64, regs(0x2cc, 0, 0x10001, map[int]uint64{0xb8: 1}, 4), X86, ""}, // told by its flags
		{UnknownArch, x64Context(), AMD64, ""},
	} {
		b := newDump()
		at := b.blob(c.raw)
		if c.says != UnknownArch {
			b.add(SystemInfoStream, systemInfo(c.says, 0))
		}
		b.add(ThreadListStream, u32(1), zeros(40), u32(len(c.raw)), u32(at))
		var l diag.List
		f := b.parse(t)
		th := f.Threads(l.Add)
		expect(t, &l)
		x := th[0].Context
		var names []string
		for _, r := range x.Registers() {
			names = append(names, fmt.Sprintf("%s=%x", r.Name, r.Value))
		}
		if got := fmt.Sprintf("%v %v %v %v", x.IP, x.SP, x.FP, names); x.Arch != c.want || c.text != "" && got != c.text {
			t.Errorf("%v: %v %s", c.says, x.Arch, got)
		}
		if c.says == UnknownArch && f.Arch() != AMD64 {
			t.Errorf("architecture by context: %v", f.Arch())
		}
	}
}

func nulls(prefix string, from, to int) string {
	s := ""
	for i := from; i <= to; i++ {
		s += fmt.Sprintf("%s%d=0 ", prefix, i)
	}
	return s
}

// TestPaddedLists: writers that align the entries to 8 bytes leave 4 bytes
// after the count.
func TestPaddedLists(t *testing.T) {
	b := newDump()
	b.add(ThreadListStream, u32(1), u32(uint32(0xcccccccc)), u32(77), zeros(44))
	b.add(ModuleListStream, u32(1), u32(uint32(0xcccccccc)), u64(0x400000), u32(0x1000), zeros(96))
	b.add(MemoryListStream, u32(1), u32(uint32(0xcccccccc)), u64(0x400000), u32(4), u32(0))
	var l diag.List
	f := b.parse(t)
	if th := f.Threads(l.Add); len(th) != 1 || th[0].ID != 77 {
		t.Errorf("%+v", th)
	}
	if m := f.Modules(l.Add); len(m) != 1 || m[0].Start != 0x400000 {
		t.Errorf("%+v", m)
	}
	if got := view(f.Memory(l.Add), 0x400000, 4); got != "MDMP" {
		t.Errorf("%q", got)
	}
	expect(t, &l)
}

// TestFewer: a list that counts less than its stream has room for hides
// entries; the twin that fills its stream, and the one with a word of padding,
// are told nothing of.
func TestFewer(t *testing.T) {
	for _, c := range []struct {
		name  string
		add   func(b *builder)
		codes []diag.Code
	}{
		{"no thread of one", func(b *builder) { b.add(ThreadListStream, u32(0), u32(77), zeros(44)) }, []diag.Code{CodeStreamCount}},
		{"one thread of one", func(b *builder) { b.add(ThreadListStream, u32(1), u32(77), zeros(44)) }, nil},
		{"less than a thread over", func(b *builder) { b.add(ThreadListStream, u32(1), u32(77), zeros(44+47)) }, nil},
		{"one module of two", func(b *builder) { b.add(ModuleListStream, u32(1), zeros(2*108)) }, []diag.Code{CodeStreamCount}},
		{"no range of one", func(b *builder) { b.add(Memory64ListStream, u64(0), u64(0), u64(0x1000), u64(4)) }, []diag.Code{CodeStreamCount}},
		{"no region of one", func(b *builder) { b.add(MemoryInfoListStream, u32(16), u32(48), u64(0), zeros(48)) }, []diag.Code{CodeStreamCount}},
		{"no regions", func(b *builder) { b.add(MemoryInfoListStream, u32(16), u32(48), u64(0)) }, nil},
		{"regions of no size", func(b *builder) { b.add(MemoryInfoListStream, zeros(64)) }, []diag.Code{CodeStreamEntrySize, CodeStreamHeader}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newDump()
			c.add(b)
			var l diag.List
			f := b.parse(t)
			f.Threads(l.Add)
			f.Memory(l.Add)
			modules := diag.List{}
			f.Modules(modules.Add)
			for _, p := range modules.Problems {
				if p.Code == CodeStreamCount {
					l.Add(p)
				}
			}
			expect(t, &l, c.codes...)
		})
	}
}

func TestThreadExList(t *testing.T) {
	b := newDump()
	b.add(ThreadExListStream, u32(1), u32(5), zeros(12), u64(0x7fe000), zeros(24), u64(0x9000), u32(0x100), u32(0))
	var l diag.List
	th := b.parse(t).Threads(l.Add)
	expect(t, &l)
	if len(th) != 1 || th[0].ID != 5 || th[0].BackingStore.Start != 0x9000 || th[0].BackingStore.Size() != 0x100 {
		t.Errorf("%+v", th)
	}
}

func TestModules(t *testing.T) {
	b := newDump()
	name := b.text(`C:\Windows\System32\ntdll.dll`)
	guid := "\x33\x22\x11\x00\x55\x44\x77\x66\x88\x99\xaa\xbb\xcc\xdd\xee\xff"
	rsds := b.blob("RSDS", guid, u32(0x1a), "ntdll.pdb\x00")
	nb10 := b.blob("NB10", u32(0), u32(0x3b7d8475), u32(1), "old.pdb") // no terminator
	module := func(base uint64, size, name, cvSize, cv int, version []byte) []byte {
		return words(u64(base), u32(size), u32(0x1234), u32(0x5f000000), u32(name), version, u32(cvSize), u32(cv), zeros(24))
	}
	v := words(u32(0xfeef04bd-1<<32), u32(0x10000), u32(10<<16), u32(19041<<16|1), u32(10<<16|1), u32(2<<16|3), u32(0x3f), u32(0x41), zeros(20))
	b.add(ModuleListStream, u32(4), module(0x77000000, 0x1000, name, 34, rsds, v), module(0x1000, 0x10, 0, 23, nb10, zeros(52)),
		module(0x2000, 0, name, 4, b.blob("BpEL"), zeros(52)), module(^uint64(0)-1, 16, 0, 0, 0, zeros(52)))
	var l diag.List
	m := b.parse(t).Modules(l.Add)
	expect(t, &l)
	if len(m) != 4 {
		t.Fatalf("%d modules", len(m))
	}
	if m[0].Name != `C:\Windows\System32\ntdll.dll` || m[0].Start != 0x77000000 || m[0].End != 0x77001000 || m[0].Checksum != 0x1234 || m[0].Timestamp != 0x5f000000 ||
		m[0].Version.String() != "10.0.19041.1" || m[0].Version.Product != [4]uint16{10, 1, 2, 3} || m[0].Version.Flags != 1 {
		t.Errorf("%+v", m[0])
	}
	if c := m[0].CodeView; c.ID() != "00112233445566778899AABBCCDDEEFF1A" || c.PDB != "ntdll.pdb" || c.Age != 0x1a {
		t.Errorf("%+v %s", c, c.ID())
	}
	if c := m[1].CodeView; c.ID() != "3B7D84751" || c.PDB != "old.pdb" || m[1].Version.String() != "" || m[1].Name != "" {
		t.Errorf("%+v %s", c, c.ID())
	}
	if m[2].CodeView.Kind != "BpEL" || m[2].CodeView.ID() != "" || m[2].Name != m[0].Name || m[3].End != ^memory.Addr(0) || m[3].CodeView.Kind != "" {
		t.Errorf("%+v %+v", m[2], m[3])
	}
}

// TestModuleNames: a name ends at a zero within it, since no path has one; a
// path that ends in zeros is whole. A name that two modules share is one problem.
func TestModuleNames(t *testing.T) {
	b := newDump()
	torn, whole := b.text("C:\\a.dll\x00\u01b0junk"), b.text("C:\\b.dll\x00\x00")
	module := func(name int) []byte { return words(u64(0x1000), u32(16), zeros(8), u32(name), zeros(84)) }
	b.add(ModuleListStream, u32(3), module(torn), module(whole), module(torn))
	var l diag.List
	m := b.parse(t).Modules(l.Add)
	expect(t, &l, CodeStreamString)
	if len(m) != 3 || m[0].Name != `C:\a.dll` || m[1].Name != `C:\b.dll` || m[2].Name != m[0].Name {
		t.Errorf("%+v", m)
	}
}

func TestModulesHostile(t *testing.T) {
	b := newDump()
	long := b.blob(u32(0x7fffffff), "a\x00b\x00")
	short := b.blob("RS")
	half := b.blob("RSDS", zeros(12))
	module := func(name, cvSize, cv int) []byte {
		return words(u64(0x1000), u32(16), zeros(8), u32(name), zeros(52), u32(cvSize), u32(cv), zeros(24))
	}
	end := len(b.data) + 4 + 5*108
	b.add(ModuleListStream, u32(1<<30), module(long, 0, 0), module(end-2, 0, 0), module(0, 2, short), module(0, 16, half), module(-1, 100, end-99))
	var l diag.List
	m := b.parse(t).Modules(l.Add)
	expect(t, &l, CodeStreamCount, CodeStreamString, CodeStreamString, CodeStreamString, CodeCodeView, CodeCodeView, CodeStreamString, CodeCodeView)
	if len(m) != 5 || !strings.HasPrefix(m[0].Name, "ab") {
		t.Errorf("%d modules, %.20q", len(m), m[0].Name)
	}
}

// TestTextBudget: names that overlap cannot make more text than the file by much.
func TestTextBudget(t *testing.T) {
	b := newDump()
	at := b.blob(strings.Repeat("\x00\xf0\x00\x00", 0x8000)) // at each of these a length of 0xf000
	parts := []any{u32(2000)}
	for i := range 2000 {
		parts = append(parts, u64(0x1000), u32(16), zeros(8), u32(at+4*i), zeros(84))
	}
	b.add(ModuleListStream, parts...)
	n := 0
	for _, m := range b.parse(t).Modules(nil) {
		n += len(m.Name)
	}
	if n > 3*len(b.data) {
		t.Errorf("%d bytes of names of a file of %d", n, len(b.data))
	}
}

func TestUnloadedModules(t *testing.T) {
	b := newDump()
	name := b.text("gone.dll")
	b.add(UnloadedModuleListStream, u32(16), u32(28), u32(1), u32(0), u64(0x5000), u32(0x100), u32(7), u32(0x5f000000), u32(name), u32(0))
	var l diag.List
	u := b.parse(t).UnloadedModules(l.Add)
	expect(t, &l)
	if len(u) != 1 || u[0].Name != "gone.dll" || u[0].Start != 0x5000 || u[0].Size() != 0x100 || u[0].Checksum != 7 || u[0].Time().Year() != 2020 {
		t.Errorf("%+v", u)
	}
}

func TestException(t *testing.T) {
	b := newDump()
	c := b.blob(x64Context())
	b.add(ExceptionStream, u32(9), u32(0), u32(0xc0000005-1<<32), u32(1), u64(2), u64(0x401234), u32(2), u32(0), u64(1), u64(0xdead), zeros(104), u32(0x4d0), u32(c))
	var l diag.List
	e, err := b.parse(t).Exception(l.Add)
	expect(t, &l)
	if err != nil || e.ThreadID != 9 || e.Code != 0xc0000005 || e.Flags != 1 || e.Record != 2 || e.Address != 0x401234 ||
		fmt.Sprint(e.Parameters) != "[1 57005]" || e.Context.IP != 0xf8 {
		t.Errorf("%+v %v", e, err)
	}
	b = newDump().add(ExceptionStream, zeros(32), u32(-1), u32(0), zeros(128))
	copy(b.data[len(b.data)-8:], words(u32(8), u32(len(b.data)-7)))
	e, err = b.parse(t).Exception(l.Add)
	expect(t, &l, CodeStreamCount, CodeContext)
	if err != nil || len(e.Parameters) != 15 {
		t.Errorf("%+v %v", e, err)
	}
	if _, err = newDump().parse(t).Exception(nil); !errors.Is(err, ErrNoStream) {
		t.Errorf("absent: %v", err)
	}
	if _, err = newDump().add(ExceptionStream, zeros(39)).parse(t).Exception(nil); err == nil || errors.Is(err, ErrNoStream) {
		t.Errorf("short: %v", err)
	}
}

func TestHandles(t *testing.T) {
	b := newDump()
	event, name := b.text("Event"), b.text(`\BaseNamedObjects\x`)
	second := b.blob(u32(0), u32(99), u32(3), "raw")
	first := b.blob(u32(second), u32(6), u32(8), u32(1), u32(1))
	b.add(HandleDataStream, u32(16), u32(40), u32(2), u32(0),
		u64(0x14), u32(event), u32(name), u32(2), u32(0x1f0003), u32(3), u32(65535), u32(first), u32(0),
		u64(0x18), zeros(32))
	var l diag.List
	h := b.parse(t).Handles(l.Add)
	expect(t, &l)
	if len(h) != 2 || h[0].Handle != 0x14 || h[0].Type != "Event" || h[0].Name != `\BaseNamedObjects\x` || h[0].Attributes != 2 || h[0].GrantedAccess != 0x1f0003 ||
		h[0].HandleCount != 3 || h[0].PointerCount != 65535 || h[1].Handle != 0x18 || h[1].Type != "" {
		t.Fatalf("%+v", h)
	}
	var infos []string
	for _, i := range h[0].Info {
		infos = append(infos, fmt.Sprintf("%v %v %q", i.Type, i.Fields, i.Raw))
	}
	if got, want := strings.Join(infos, "; "), `EventInformation1 [{synchronization 1} {signaled 1}] "\x01\x00\x00\x00\x01\x00\x00\x00"; type 99 [] "raw"`; got != want {
		t.Errorf("%s, want %s", got, want)
	}

	b = newDump().add(HandleDataStream, u32(16), u32(32), u32(9), u32(0), u64(4), zeros(24)) // version 1, one entry of nine
	h = b.parse(t).Handles(l.Add)
	expect(t, &l, CodeStreamCount)
	if len(h) != 1 || h[0].Handle != 4 || h[0].Info != nil {
		t.Errorf("%+v", h)
	}
}

// TestHandleChains: chains that loop, or lead out of the file, end.
func TestHandleChains(t *testing.T) {
	b := newDump()
	at := len(b.data)
	b.blob(u32(at+12), u32(1), u32(0))
	b.blob(u32(at), u32(1), u32(0)) // back to the first
	out := b.blob(u32(0), u32(6), u32(1<<30))
	handle := func(info int) []byte { return words(u64(4), zeros(24), u32(info), u32(0)) }
	b.add(HandleDataStream, u32(16), u32(40), u32(3), u32(0), handle(at), handle(out), handle(-1))
	var l diag.List
	h := b.parse(t).Handles(l.Add)
	expect(t, &l, CodeStreamLink, CodeStreamLink, CodeStreamLink)
	if len(h[0].Info) != 2 || len(h[1].Info) != 0 || len(h[2].Info) != 0 {
		t.Errorf("%+v", h)
	}
}

// TestObjectFields: sizes of the NT structures, and a marker in each field.
func TestObjectFields(t *testing.T) {
	for _, c := range []struct {
		kind ObjectInfoType
		raw  []byte
		want string
	}{
		{1, words(u32(0x103), u32(0), u64(0x7f000), u64(40), u64(44), u64(15), u32(8), u32(-2)),
			"[{exit_status 259} {teb 520192} {process_id 40} {thread_id 44} {affinity 15} {priority 8} {base_priority -2}]"},
		{1, words(u32(0x103), u32(0x7f000), u32(40), u32(44), u32(15), u32(8), u32(-2)),
			"[{exit_status 259} {teb 520192} {process_id 40} {thread_id 44} {affinity 15} {priority 8} {base_priority -2}]"},
		{2, words(u32(-1), "\x01\x00\x00\x00"), "[{count -1} {owned_by_caller 1} {abandoned 0}]"},
		{3, words(u64(40), u64(44)), "[{process_id 40} {thread_id 44}]"},
		{3, words(u32(40), u32(44)), "[{process_id 40} {thread_id 44}]"},
		{5, words(u64(64), u32(259), u32(0), u64(0x1000), u64(2), u32(8), u32(0), u64(40), u64(20), u32(6), u32(0)),
			"[{exit_status 259} {peb 4096} {affinity 2} {base_priority 8} {process_id 40} {parent_process_id 20} {flags 6}]"},
		{5, words(u32(32), u32(259), u32(0x1000), u32(2), u32(8), u32(40), u32(20), u32(6)),
			"[{exit_status 259} {peb 4096} {affinity 2} {base_priority 8} {process_id 40} {parent_process_id 20} {flags 6}]"},
		{7, words(u64(0), u32(0x8000000), u32(0), u64(0x1000)), "[{base 0} {attributes 134217728} {maximum_size 4096}]"},
		{7, words(u32(0), u32(0x8000000), u64(0x1000)), "[{base 0} {attributes 134217728} {maximum_size 4096}]"},
		{8, words(u32(3), u32(5)), "[{count 3} {maximum_count 5}]"},
		// The nearest that cannot be what the size says.
		{1, words(u32(0x103), u32(0x7f004), u32(40), u32(44), u32(15), u32(8), u32(-2)), "[]"},
		{1, words(u32(0x103), u32(0x7f000), u32(40), u32(45), u32(15), u32(8), u32(-2)), "[]"},
		{2, words(u32(-1), "\x02\x00\x00\x00"), "[]"},
		{3, words(u32(42), u32(44)), "[]"},
		{5, words(u32(36), u32(259), u32(0x1000), u32(2), u32(8), u32(40), u32(20), u32(6)), "[]"},
		{6, words(u32(2), u32(0)), "[]"},
		{7, words(u32(0), u32(0x8000000), u64(1<<63)), "[]"},
		{8, words(u32(6), u32(5)), "[]"}, {8, words(u32(5), u32(5)), "[{count 5} {maximum_count 5}]"},
		{4, zeros(48), "[]"}, {6, zeros(7), "[]"}, {1 << 31, zeros(8), "[]"},
	} {
		if got := fmt.Sprint(objectFields(c.kind, c.raw)); got != c.want {
			t.Errorf("%v: %s, want %s", c.kind, got, c.want)
		}
	}
}
