package cli_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/heapdump/heapdump/internal/cli"
)

// TestStepSummary: what stands in the summary of a step stays, what is added
// ends at GitHub's limit with a word, and where there is no room at all the
// file stays as it is and stderr says so.
func TestStepSummary(t *testing.T) {
	path := damaged(t)
	for _, c := range []struct {
		room int
		ends string
		says string
	}{
		{1 << 19, "", ""},
		{700, "bytes.**\n", ""},
		{20, "", "--summary: the summary of this step is full"},
	} {
		file := filepath.Join(t.TempDir(), "summary.md")
		before := strings.Repeat("x", 1<<20-c.room-1) + "\n"
		if err := os.WriteFile(file, []byte(before), 0o666); err != nil {
			t.Fatal(err)
		}
		w := newWorld(map[string]string{"GITHUB_STEP_SUMMARY": file})
		if code := cli.Main(context.Background(), []string{"triage", "--summary", "auto", path}, w.Env); code != 0 || !strings.Contains(w.stderr.String(), c.says) {
			t.Errorf("%d bytes of room: exit %d: %s", c.room, code, w.stderr.String())
		}
		got, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		after, ok := strings.CutPrefix(string(got), before)
		if !ok || len(got) > 1<<20 || !strings.HasSuffix(after, c.ends) || (after == "") != (c.says != "") || (c.ends != "") != strings.Contains(after, "**Cut: ") {
			t.Errorf("%d bytes of room: %d bytes after, ending %.200q", c.room, len(got), after[max(0, len(after)-200):])
		}
	}
}

// TestLimitPerDump: --max-memory is of each dump: the one that needs more is
// partial and has a finding, the others are done.
func TestLimitPerDump(t *testing.T) {
	big, small, other := leaking(t, "big.dmp", 11_000, 0), leaking(t, "small.dmp", 1000, 0), leaking(t, "other.dmp", 900, 0)
	got := triageOf(t, newWorld(nil), 0, "--max-memory", "500KiB", small, big, other) // 100 bytes a block
	rules := func(i int) (out string) {
		for _, f := range got.Dumps[i].Findings {
			out += f.Rule + " "
		}
		return out
	}
	if len(got.Dumps) != 3 || rules(0) != "HD1202 " || rules(1) != "HD1902 " || rules(2) != "HD1202 " || got.Dumps[1].Status != "partial" {
		t.Errorf("%+v", got.Dumps)
	}
}

// TestEveryFormatAlike: whatever --jobs is, every format has the same bytes.
func TestEveryFormatAlike(t *testing.T) {
	dir := mixed(t, 16)
	formats := []string{"text", "json", "ndjson", "csv", "markdown", "html", "sarif", "junit"}
	made := map[string][]byte{}
	for _, jobs := range []string{"1", "2", "5"} {
		out := t.TempDir()
		args := []string{"triage", "-q", "--jobs", jobs, dir}
		for _, f := range formats {
			args = append(args, "--also", f+"="+filepath.Join(out, f))
		}
		w := newWorld(nil)
		if code := cli.Main(context.Background(), args, w.Env); code != 0 {
			t.Fatalf("exit %d: %s", code, w.stderr.String())
		}
		for _, f := range formats {
			data, err := os.ReadFile(filepath.Join(out, f))
			if err != nil || len(data) == 0 {
				t.Fatalf("%s: %d bytes, %v", f, len(data), err)
			}
			if have, ok := made[f]; ok && string(have) != string(data) {
				t.Errorf("%s depends on --jobs", f)
			}
			made[f] = data
		}
	}
}
