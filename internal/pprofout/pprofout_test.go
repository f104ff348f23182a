package pprofout_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/pprof/profile"

	"github.com/heapdump/heapdump/internal/analysis/attrib"
	"github.com/heapdump/heapdump/internal/pprofout"
	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/internal/target"
)

// article is the published process whose heap has two stacks: of 8 blocks and
// 184,564,156 bytes, and of 5 blocks and 33,554,732 bytes; other heaps have
// blocks without.
func article(t *testing.T) (*target.Target, []pprofout.Sample, *attrib.Result) {
	t.Helper()
	tg, err := target.Parse("test.dmp", synth.Article003().Build().Dump.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	r, err := attrib.Take(context.Background(), tg, tg.Heaps, attrib.Options{By: pprofout.By})
	if err != nil {
		t.Fatal(err)
	}
	return tg, pprofout.Samples(r.Groups), r
}

// TestReadBack writes a profile and reads it with the library that pprof reads
// it with.
func TestReadBack(t *testing.T) {
	tg, samples, r := article(t)
	var b bytes.Buffer
	if err := pprofout.Write(&b, tg, samples, pprofout.InUse); err != nil {
		t.Fatal(err)
	}
	p, err := profile.Parse(&b)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.SampleType) != 2 || p.SampleType[0].Type != "inuse_objects" || p.SampleType[1].Type != "inuse_space" || p.SampleType[1].Unit != "bytes" || p.DefaultSampleType != "inuse_space" {
		t.Errorf("sample types %v, default %q", p.SampleType, p.DefaultSampleType)
	}
	var blocks, bytes int64
	stacks := map[string][2]int64{}
	for _, s := range p.Sample {
		blocks, bytes = blocks+s.Value[0], bytes+s.Value[1]
		var names []string
		for _, l := range s.Location {
			names = append(names, l.Line[0].Function.Name)
			if f := l.Line[0].Function.Name; strings.HasPrefix(f, "halcon") && (l.Mapping == nil || l.Mapping.File != `D:\app\halcon.dll` || l.Address < l.Mapping.Start || l.Address >= l.Mapping.Limit) {
				t.Errorf("%s at %#x is in mapping %+v", f, l.Address, l.Mapping)
			}
		}
		v := stacks[strings.Join(names, " ")]
		stacks[strings.Join(names, " ")] = [2]int64{v[0] + s.Value[0], v[1] + s.Value[1]}
	}
	if blocks != int64(r.Blocks) || bytes != int64(r.Bytes) || blocks == 0 {
		t.Errorf("%d blocks, %d bytes; in use are %d, %d", blocks, bytes, r.Blocks, r.Bytes)
	}
	for stack, want := range map[string][2]int64{
		"ntdll+0x4c35b halcon+0x5483b halcon+0x2d900 halcon+0x21f346a 0x7fe83e3bcf6":                               {8, 184564156},
		"ntdll+0x4c35b halcon+0x5483b halcon+0x2d81d halcon+0x26bd0 halcon+0x21f346a halcon+0xd6b8f 0x7fe83e3bcf6": {5, 33554732},
	} {
		if stacks[stack] != want {
			t.Errorf("%s has %v, want %v", stack, stacks[stack], want)
		}
	}
}

// TestFold: outermost first, one line a stack; blocks without a stack by heap,
// origin, class and type.
func TestFold(t *testing.T) {
	_, samples, _ := article(t)
	var b strings.Builder
	if err := pprofout.Fold(&b, samples, 1); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"0x7fe83e3bcf6;halcon+0x21f346a;halcon+0x2d900;halcon+0x5483b;ntdll+0x4c35b 184564156\n",
		"heap 0x60000;backend;",
	} {
		if strings.Count(b.String(), want) == 0 {
			t.Errorf("no line %q in\n%s", want, b.String())
		}
	}
}

// TestFoldEscapes: a name from a dump ends no frame and no line.
func TestFoldEscapes(t *testing.T) {
	s := []pprofout.Sample{{Keys: make([]attrib.Key, len(pprofout.By)), Values: []int64{1, 2}}}
	for i := range s[0].Keys {
		s[0].Keys[i].Text = "a;b\nc\x1b[31m"
	}
	var b strings.Builder
	if err := pprofout.Fold(&b, s, 1); err != nil {
		t.Fatal(err)
	}
	if got := b.String(); got != strings.Repeat("a:b?c?[31m;", 3)+"a:b?c?[31m 2\n" {
		t.Errorf("%q", got)
	}
}

// TestPprofReads has go tool pprof show the profile.
func TestPprofReads(t *testing.T) {
	tool, err := exec.LookPath("go")
	if err != nil {
		t.Skip("no go command to run go tool pprof with: ", err)
	}
	tg, samples, _ := article(t)
	path := filepath.Join(t.TempDir(), "heap.pb.gz")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := pprofout.Write(f, tg, samples, pprofout.InUse); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(tool, "tool", "pprof", "-top", "-cum", "-sample_index=inuse_space", path).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	// 184,564,156 and 33,554,732 bytes went through halcon+0x5483b: 208.01 MB.
	if !regexp.MustCompile(`208\.01MB .* halcon\+0x5483b`).Match(out) {
		t.Errorf("go tool pprof says\n%s", out)
	}
}
