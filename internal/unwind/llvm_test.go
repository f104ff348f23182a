package unwind

import (
	"debug/pe"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/heapdump/heapdump/internal/symbols"
	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/internal/target"
)

// source is a program with prologues of all sizes: many registers, alloca, XMM
// registers, large frames.
const source = `
__attribute__((noinline)) int sink(volatile char *p, int n) { for (int i = 0; i < n; i++) p[i] = (char)i; return p[0]; }
__attribute__((noinline)) int small(int a, int b, int c) { volatile char x[24]; return sink(x, a) + b * c; }
__attribute__((noinline)) int varied(int n, int m) { volatile char *p = __builtin_alloca(n * 16 + 16); return small(n, m, 2) + sink(p, n) + p[m]; }
__attribute__((noinline)) int big(int n) { volatile char x[0x12340]; x[5] = 1; return varied(n, 3) + x[n]; }
__attribute__((noinline)) int huge(int n) { volatile char x[0x912340]; x[5] = 1; return varied(n, 3) + x[n]; }
__attribute__((noinline)) double xmm(double a, double b, int n) { return a * big(n) + b * huge(n); }
int start(void) { return (int)xmm(1.5, 2.5, 4) + big(2); }
void __chkstk(void) {}
int _fltused;
`

// build compiles the program; the test is skipped without the tools.
func build(t *testing.T, level string) string {
	t.Helper()
	for _, tool := range []string{"clang", "lld-link", "llvm-readobj"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not here (Debian: clang, lld, llvm): %v", tool, err)
		}
	}
	dir := t.TempDir()
	run := func(name string, args ...string) {
		c := exec.Command(name, args...)
		c.Dir = dir
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "a.c"), []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	run("clang", "--target=x86_64-pc-windows-msvc", level, "-c", "a.c")
	run("lld-link", "/nodefaultlib", "/entry:start", "/subsystem:console", "/fixed", "/out:a.exe", "a.o")
	return filepath.Join(dir, "a.exe")
}

// mapped is a dump with the executable in memory.
func mapped(t *testing.T, path string) (*Unwinder, data) {
	t.Helper()
	f, err := pe.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	o := f.OptionalHeader.(*pe.OptionalHeader64)
	p := &synth.PE{Arch: synth.X64, Base: o.ImageBase}
	p.Directories[3] = [2]uint32{o.DataDirectory[3].VirtualAddress, o.DataDirectory[3].Size}
	for _, s := range f.Sections {
		b, err := s.Data()
		if err != nil {
			t.Fatal(err)
		}
		p.Sections = append(p.Sections, synth.PESection{Name: s.Name, RVA: s.VirtualAddress, Size: s.VirtualSize, Flags: s.Characteristics, Data: b[:min(len(b), int(s.VirtualSize))]})
	}
	proc := synth.NewProcess(synth.Win10v1809, synth.X64)
	proc.Modules = []synth.Module{{Base: p.Base, Size: p.Size(), Name: `C:\app\a.exe`, PE: p}}
	tg, err := target.Parse("test.dmp", proc.Build().Dump.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	u := New(tg, symbols.New(tg))
	d, ok := u.dataOf(u.names.Module(tg.Modules()[0].Start))
	if !ok {
		t.Fatal("no unwind data")
	}
	return u, d
}

// ours prints unwind data as llvm-readobj prints it.
func ours(t *testing.T, d data) (out []string) {
	t.Helper()
	for at := uint64(0); at < d.table.Size(); at += functionSize {
		f, end := d.read(d.table.Start.Add(at))
		if end != nil {
			t.Fatal(end.why)
		}
		parts, end := d.parts(f)
		if end != nil {
			t.Fatal(end.why)
		}
		i := parts[0].info
		out = append(out, fmt.Sprintf("function %x-%x prologue %d", uint64(d.holds.Start)+uint64(f.Begin), uint64(d.holds.Start)+uint64(f.End), i.prologue))
		for _, o := range i.ops {
			s := fmt.Sprintf("%02X: ", o.at)
			reg := strings.ToUpper(order64[o.info])
			switch o.code {
			case opPush:
				s += "PUSH_NONVOL reg=" + reg
			case opAllocSmall:
				s += fmt.Sprint("ALLOC_SMALL size=", o.size)
			case opAllocLarge:
				s += fmt.Sprint("ALLOC_LARGE size=", o.size)
			case opSetFrame:
				s += fmt.Sprintf("SET_FPREG reg=%s, offset=0x%X", strings.ToUpper(order64[i.register]), i.offset)
			case opSave, opSaveFar:
				s += fmt.Sprintf("SAVE_NONVOL reg=%s, offset=0x%X", reg, o.size)
			case opSaveXMM:
				s += fmt.Sprintf("SAVE_XMM128 reg=XMM%d", o.info)
			case opSaveXMMFar:
				s += fmt.Sprintf("SAVE_XMM128_FAR reg=XMM%d", o.info)
			}
			out = append(out, s)
		}
	}
	return out
}

var (
	xmmOffset = regexp.MustCompile(`(SAVE_XMM128(?:_FAR)? reg=XMM\d+), offset=.*`)
	code      = regexp.MustCompile(`^0x[0-9A-F]{2}: [A-Z]`)
	addressOf = regexp.MustCompile(`(StartAddress|EndAddress): .*?\(?0x([0-9A-F]+)\)?$`)
)

// theirs reads the same from llvm-readobj.
func theirs(t *testing.T, path string) (out []string) {
	t.Helper()
	b, err := exec.Command("llvm-readobj", "--unwind", path).Output()
	if err != nil {
		t.Fatal(err)
	}
	var start string
	for _, l := range strings.Split(string(b), "\n") {
		l = strings.TrimSpace(l)
		if m := addressOf.FindStringSubmatch(l); m != nil {
			if a := strings.ToLower(m[2]); m[1] == "StartAddress" {
				start = a
			} else {
				start += "-" + a
			}
		}
		if n, ok := strings.CutPrefix(l, "PrologSize: "); ok {
			out = append(out, "function "+start+" prologue "+n)
		}
		if code.MatchString(l) {
			out = append(out, xmmOffset.ReplaceAllString(l[2:], "$1"))
		}
	}
	return out
}

// TestLLVM: the unwind data of a program that clang and lld-link made reads as
// llvm-readobj reads it.
func TestLLVM(t *testing.T) {
	for _, level := range []string{"-O0", "-O2"} {
		path := build(t, level)
		_, d := mapped(t, path)
		got, want := ours(t, d), theirs(t, path)
		if len(want) < 16 || !slices.Equal(got, want) {
			t.Errorf("%s: %d lines\n%s\nwant %d\n%s", level, len(got), strings.Join(got, "\n"), len(want), strings.Join(want, "\n"))
		}
		t.Logf("%s: %d lines", level, len(got))
	}
}
