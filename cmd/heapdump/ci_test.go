package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// composite is what a runner needs of a composite action.
type composite struct {
	Name, Description string
	Inputs, Outputs   map[string]struct {
		Description string
		Default     *string
		Value       string
	}
	Runs struct {
		Using string
		Steps []struct {
			ID, Shell, Run string
			Env            map[string]string
		}
	}
}

func readYAML(t *testing.T, text []byte, into any) {
	t.Helper()
	d := yaml.NewDecoder(strings.NewReader(string(text)))
	d.KnownFields(true)
	if err := d.Decode(into); err != nil {
		t.Fatal(err)
	}
}

func readCI(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

var expression = regexp.MustCompile(`\$\{\{ *([a-z.-]+) *\}\}`)

// TestAction: the composite action is one, each input reaches the script by
// the environment and never by the text of the script, where its value would
// be run, and each output is written.
func TestAction(t *testing.T) {
	var a composite
	readYAML(t, readCI(t, "ci/github/action.yml"), &a)
	if a.Name == "" || a.Description == "" || a.Runs.Using != "composite" || len(a.Runs.Steps) != 1 {
		t.Fatalf("no composite action of one step: %+v", a)
	}
	step := a.Runs.Steps[0]
	if step.Shell != "bash" || strings.Contains(step.Run, "${{") {
		t.Errorf("shell %q; an expression in what it runs is code: %s", step.Shell, step.Run)
	}
	script := string(readCI(t, "ci/triage.sh"))
	used := map[string]bool{}
	for name, value := range step.Env {
		m := expression.FindStringSubmatch(value)
		if m == nil {
			t.Errorf("env %s: %q is no input", name, value)
			continue
		}
		used[strings.TrimPrefix(m[1], "inputs.")] = true
		if !strings.Contains(script, "${"+name+":-") || !strings.Contains(script, "\n# "+name+" ") {
			t.Errorf("env %s is not read, or not documented, in ci/triage.sh", name)
		}
	}
	for name, in := range a.Inputs {
		if !used[name] || in.Description == "" || in.Default == nil {
			t.Errorf("input %s: used %v, description %q, default %v", name, used[name], in.Description, in.Default)
		}
	}
	for name, out := range a.Outputs {
		if want := "steps." + step.ID + ".outputs." + name; out.Value != "${{ "+want+" }}" || !strings.Contains(step.Run, `echo "`+name+`=`) {
			t.Errorf("output %s is %q and has to be %s, which the step has to write", name, out.Value, want)
		}
	}
}

// TestGitLab: the template is a job that runs the script and keeps what it
// writes, whatever the gate says.
func TestGitLab(t *testing.T) {
	var jobs map[string]struct {
		Stage     string
		Variables map[string]string
		Script    []string
		Artifacts struct {
			When    string            `yaml:"when"`
			Paths   []string          `yaml:"paths"`
			Reports map[string]string `yaml:"reports"`
		}
	}
	text := readCI(t, "ci/gitlab/heapdump.yml")
	if err := yaml.Unmarshal(text, &jobs); err != nil {
		t.Fatal(err)
	}
	j, ok := jobs["heapdump-triage"]
	if !ok || len(jobs) != 1 || !slices.Equal(j.Script, []string{`sh "$HEAPDUMP_CI/triage.sh"`}) {
		t.Fatalf("jobs %+v", jobs)
	}
	out := j.Variables["OUT"]
	if j.Artifacts.When != "always" || !slices.Equal(j.Artifacts.Paths, []string{out + "/"}) || j.Artifacts.Reports["junit"] != out+"/report.xml" {
		t.Errorf("the reports are in %s, kept are %+v", out, j.Artifacts)
	}
	script := string(readCI(t, "ci/triage.sh"))
	for name := range j.Variables {
		if name != "HEAPDUMP_CI" && !strings.Contains(script, "${"+name+":-") {
			t.Errorf("variable %s is not read in ci/triage.sh", name)
		}
	}
}

// TestWorkflow: the lines to copy of README.md and docs/ci.md are YAML, and
// name inputs that the action has.
func TestWorkflow(t *testing.T) {
	var a composite
	readYAML(t, readCI(t, "ci/github/action.yml"), &a)
	for _, name := range []string{"README.md", "docs/ci.md"} {
		n := 0
		for _, block := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllSubmatch(readCI(t, name), -1) {
			var flow any
			if err := yaml.Unmarshal(block[1], &flow); err != nil {
				t.Errorf("%s: %v in\n%s", name, err, block[1])
			}
			for _, step := range stepsOf(flow) {
				uses := fmt.Sprint(step["uses"])
				if !strings.HasPrefix(uses, "heapdump/heapdump/ci/github@") {
					continue
				}
				n++
				with, _ := step["with"].(map[string]any)
				for k := range with {
					if _, ok := a.Inputs[k]; !ok {
						t.Errorf("%s: the action has no input %s", name, k)
					}
				}
			}
		}
		if n == 0 {
			t.Errorf("%s uses the action nowhere", name)
		}
	}
}

// stepsOf returns the steps in a part of a workflow: a list of them, or a map
// that has one somewhere.
func stepsOf(x any) (steps []map[string]any) {
	todo := []any{x}
	for len(todo) > 0 {
		x, todo = todo[0], todo[1:]
		switch x := x.(type) {
		case []any:
			todo = append(todo, x...)
		case map[string]any:
			if _, ok := x["uses"]; ok {
				steps = append(steps, x)
			}
			for _, v := range x {
				todo = append(todo, v)
			}
		}
	}
	return steps
}

// TestShellcheck: the script, and what the action runs, have nothing that
// shellcheck finds.
func TestShellcheck(t *testing.T) {
	program, err := exec.LookPath("shellcheck")
	if err != nil {
		t.Skip("shellcheck is not installed")
	}
	var a composite
	readYAML(t, readCI(t, "ci/github/action.yml"), &a)
	for name, c := range map[string]struct {
		shell string
		text  string
	}{
		"ci/triage.sh":         {"sh", string(readCI(t, "ci/triage.sh"))},
		"ci/github/action.yml": {"bash", a.Runs.Steps[0].Run},
	} {
		run := exec.Command(program, "--shell", c.shell, "-")
		run.Stdin = strings.NewReader(c.text)
		if out, err := run.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}
