package peimage_test

import (
	"bytes"
	dpe "debug/pe"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	other "github.com/saferwall/pe"

	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/pkg/peimage"
)

// theirs are the exports of a file, read by github.com/saferwall/pe.
func theirs(t *testing.T, file []byte) []string {
	t.Helper()
	f, err := other.NewBytes(file, &other.Options{OmitImportDirectory: true, OmitExceptionDirectory: true, OmitResourceDirectory: true,
		OmitSecurityDirectory: true, OmitRelocDirectory: true, OmitDebugDirectory: true, OmitTLSDirectory: true, OmitLoadConfigDirectory: true,
		OmitBoundImportDirectory: true, OmitIATDirectory: true, OmitDelayImportDirectory: true, OmitCLRHeaderDirectory: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Parse(); err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range f.Export.Functions {
		if e.FunctionRVA != 0 { // an ordinal that is not in use
			out = append(out, fmt.Sprintf("%d %#x %s %s", e.Ordinal, e.FunctionRVA, e.Name, e.Forwarder))
		}
	}
	slices.Sort(out)
	return out
}

// ours are the exports of an image, in the same words.
func ours(t *testing.T, image []byte) []string {
	t.Helper()
	m := flat{base, image}
	i, err := peimage.Open(m, base, 0)
	if err != nil {
		t.Fatal(err)
	}
	x := i.Exports(m)
	if x.Partial {
		t.Error("partial")
	}
	var out []string
	for _, e := range x.List {
		out = append(out, fmt.Sprintf("%d %#x %s %s", e.Ordinal, e.RVA, e.Name, e.Forward))
	}
	slices.Sort(out)
	return out
}

// mapped lays a PE file out as Windows maps it.
func mapped(t *testing.T, file []byte) []byte {
	t.Helper()
	f, err := dpe.NewFile(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	var size, headers uint32
	switch o := f.OptionalHeader.(type) {
	case *dpe.OptionalHeader32:
		size, headers = o.SizeOfImage, o.SizeOfHeaders
	case *dpe.OptionalHeader64:
		size, headers = o.SizeOfImage, o.SizeOfHeaders
	}
	out := make([]byte, size)
	copy(out, file[:headers])
	for _, s := range f.Sections {
		if s.Size > 0 {
			copy(out[s.VirtualAddress:], file[s.Offset:][:s.Size])
		}
	}
	return out
}

// TestSaferwallSynth: another reader finds the same exports in images of the
// builder: names, two names of one function, forwarders, ordinals only.
func TestSaferwallSynth(t *testing.T) {
	for _, a := range []synth.Arch{synth.X86, synth.X64} {
		b, _ := exporting(a, sample())
		// As a file it has each section where memory has it.
		head := int(b[0x3c]) | int(b[0x3d])<<8
		section := head + 24 + (int(b[head+20]) | int(b[head+21])<<8)
		copy(b[section+16:], []byte{0, 0x10, 0, 0, 0, 0x10, 0, 0}) // SizeOfRawData, PointerToRawData
		got, want := ours(t, b), theirs(t, b)
		if len(want) != len(sample().List) || !slices.Equal(got, want) {
			t.Errorf("%v:\n%q\nsaferwall/pe: %q", a, got, want)
		}
	}
}

// wine are DLLs of Debian's Wine, where they are: the C and C++ runtimes, the
// core of Windows, and every tenth of the others.
func wine() []string {
	var files []string
	for _, dir := range []string{"/usr/lib/x86_64-linux-gnu/wine/x86_64-windows", "/usr/lib/x86_64-linux-gnu/wine/i386-windows", "/usr/lib/i386-linux-gnu/wine/i386-windows"} {
		all, _ := filepath.Glob(filepath.Join(dir, "*.dll"))
		for i, f := range all {
			name := filepath.Base(f)
			if i%10 == 0 || strings.HasPrefix(name, "msvc") || slices.Contains([]string{"ntdll.dll", "kernel32.dll", "user32.dll", "shell32.dll", "comctl32.dll"}, name) {
				files = append(files, f)
			}
		}
	}
	return files
}

// TestSaferwallWine: and in the DLLs of Debian's Wine.
func TestSaferwallWine(t *testing.T) {
	files := wine()
	if len(files) == 0 {
		t.Skip("Wine's DLLs are not here (Debian's package libwine has them): exports are compared on built images alone")
	}
	n := 0
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		got, want := ours(t, mapped(t, b)), theirs(t, b)
		n += len(got)
		if !slices.Equal(got, want) {
			for i := range max(len(got), len(want)) {
				if i >= len(got) || i >= len(want) || got[i] != want[i] {
					t.Errorf("%s: %d exports, of saferwall/pe %d; the first that differs: %q, %q", f, len(got), len(want), got[min(i, len(got)):min(i+1, len(got))], want[min(i, len(want)):min(i+1, len(want))])
					break
				}
			}
		}
	}
	t.Logf("%d exports of %d DLLs compared", n, len(files))
}
