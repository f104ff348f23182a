package cli_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/heapdump/heapdump/internal/cli"
	"github.com/heapdump/heapdump/internal/synth"
)

// triagedDump is a dump of the JSON of triage.
type triagedDump struct {
	File, Status string
	Findings     []struct {
		Rule, Severity, Confidence, Fingerprint, Title, Evidence string
		Known                                                    *bool
	}
}

type triageJSON struct {
	Dumps  []triagedDump
	Groups []struct {
		Fingerprint string
		Count       int
		Dumps       []string
	}
}

func triageOf(t *testing.T, w *world, want int, args ...string) triageJSON {
	t.Helper()
	if code := cli.Main(context.Background(), append([]string{"triage", "--format", "json"}, args...), w.Env); code != want {
		t.Fatalf("exit %d, want %d: %s", code, want, w.stderr.String())
	}
	var out triageJSON
	d := json.NewDecoder(&w.stdout)
	if err := d.Decode(&out); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestTriageFault: a panic of ours in one dump is a finding of it and exit 5
// at the end; the others are done.
func TestTriageFault(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a.dmp", "b.dmp", "c.dmp"} {
		if err := os.WriteFile(filepath.Join(dir, name), synth.Damaged().Build().Dump.Bytes(), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	w := newWorld(nil)
	w.BeforeTriage = func(ctx context.Context, file string) context.Context {
		if strings.HasSuffix(file, "b.dmp") {
			panic("a test")
		}
		return ctx
	}
	got := triageOf(t, w, 5, "--fail-on", "corruption", dir)
	if len(got.Dumps) != 3 || got.Dumps[0].Status != "partial" || len(got.Dumps[0].Findings) != 2 || len(got.Dumps[2].Findings) != 2 {
		t.Errorf("%+v", got)
	}
	b := got.Dumps[1]
	if b.Status != "error" || len(b.Findings) != 1 || b.Findings[0].Rule != "HD1903" || !strings.Contains(b.Findings[0].Evidence, "a test") {
		t.Errorf("%+v", b)
	}
	if s := w.stderr.String(); !strings.Contains(s, "b.dmp: internal error: a test; the other dumps were analysed") || !strings.Contains(s, "goroutine") {
		t.Errorf("stderr: %s", s)
	}
}

// TestTriageTimeout: a dump whose analysis goes on until --timeout is over is a
// finding of its own; those beside it are done as without it. The slow one
// blocks until its time is over, and the others have all the time there is, so
// that the speed of the machine decides nothing.
func TestTriageTimeout(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a.dmp", "slow.dmp", "z.dmp"} {
		if err := os.WriteFile(filepath.Join(dir, name), synth.Damaged().Build().Dump.Bytes(), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	without := triageOf(t, newWorld(nil), 0, dir)
	for _, jobs := range []string{"1", "3"} {
		w := newWorld(nil)
		w.BeforeTriage = func(ctx context.Context, file string) context.Context {
			if !strings.HasSuffix(file, "slow.dmp") {
				return context.WithoutCancel(ctx)
			}
			<-ctx.Done()
			return ctx
		}
		got := triageOf(t, w, 0, "--jobs", jobs, "--timeout", "1s", dir)
		if len(got.Dumps) != 3 || !reflect.DeepEqual(got.Dumps[0], without.Dumps[0]) || !reflect.DeepEqual(got.Dumps[2], without.Dumps[2]) {
			t.Errorf("--jobs %s: %+v, without a slow one %+v", jobs, got.Dumps, without.Dumps)
			continue
		}
		slow := got.Dumps[1]
		if slow.Status != "partial" || len(slow.Findings) != 1 || slow.Findings[0].Rule != "HD1902" || slow.Findings[0].Evidence != "--timeout 1s was over." {
			t.Errorf("--jobs %s: %+v", jobs, slow)
		}
	}
}

// TestTriageGroups: many dumps, the largest group first, and the same bytes
// whatever --jobs is.
func TestTriageGroups(t *testing.T) {
	dir := t.TempDir()
	damaged, demo := synth.Damaged().Build().Dump.Bytes(), synth.Demo().Build().Dump.Bytes()
	for i := range 40 {
		data := [][]byte{damaged, demo, damaged, damaged[:len(damaged)-1000*i], []byte("no dump")}[i%5]
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%02d.dmp", i)), data, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	var outputs []string
	for _, jobs := range []string{"1", "2", "7"} {
		w := newWorld(nil)
		if code := cli.Main(context.Background(), []string{"triage", "--jobs", jobs, "--format", "json", dir}, w.Env); code != 0 {
			t.Fatalf("exit %d: %s", code, w.stderr.String())
		}
		outputs = append(outputs, w.stdout.String())
	}
	if outputs[0] != outputs[1] || outputs[0] != outputs[2] {
		t.Error("the output depends on --jobs")
	}
	got := triageOf(t, newWorld(nil), 0, dir)
	last := 1 << 30
	for _, g := range got.Groups {
		if g.Count != len(g.Dumps) || g.Count > last {
			t.Errorf("%+v after a group of %d", g, last)
		}
		last = g.Count
	}
	if len(got.Dumps) != 40 || got.Groups[0].Count < 16 || got.Dumps[4].Status != "error" || got.Dumps[1].Status != "partial" {
		t.Errorf("%d dumps, %+v", len(got.Dumps), got.Groups[0])
	}
	for _, d := range got.Dumps {
		for _, f := range d.Findings {
			if f.Rule == "" || f.Severity == "" || f.Confidence == "" || f.Fingerprint == "" || f.Title == "" || f.Evidence == "" || f.Known == nil {
				t.Errorf("%s: %+v", d.File, f)
			}
		}
	}
}
