package cli

import (
	"bufio"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// dumpSuffixes are the names that a file in a folder has when it is a dump.
var dumpSuffixes = []string{".dmp", ".mdmp", ".hdmp", ".dump"}

// packed are what may stand behind them.
var packed = []string{"", ".zst", ".gz", ".zip"}

// isDumpName reports whether a file of a folder is taken for a dump.
func isDumpName(name string) bool {
	name = strings.ToLower(name)
	for _, p := range packed {
		stem, ok := strings.CutSuffix(name, p)
		if ok && slices.ContainsFunc(dumpSuffixes, func(s string) bool { return strings.HasSuffix(stem, s) }) {
			return true
		}
	}
	return false
}

// triageInputs makes a list of files from arguments: files, folders with all
// below them, patterns, and - for a list on stdin, one a line. Each file
// stands once, where it was first named; what a folder or pattern stands for
// is in order of its path.
func (a *app) triageInputs(args []string) ([]string, error) {
	var out []string
	seen := map[string]bool{}
	add := func(files ...string) {
		for _, f := range files {
			if key := filepath.Clean(f); !seen[key] {
				seen[key] = true
				out = append(out, f)
			}
		}
	}
	stdin := false
	for _, arg := range args {
		if arg != "-" {
			files, err := a.expand(arg)
			if err != nil {
				return nil, err
			}
			add(files...)
			continue
		}
		if stdin {
			return nil, usagef("- stands twice; there is one list on stdin")
		}
		stdin = true
		lines := bufio.NewScanner(a.env.Stdin)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			if l := strings.TrimRight(lines.Text(), "\r"); strings.TrimSpace(l) != "" {
				files, err := a.expand(l)
				if err != nil {
					return nil, err
				}
				add(files...)
			}
		}
		if err := lines.Err(); err != nil {
			return nil, inputError(fmt.Errorf("the list on stdin: %w", err))
		}
	}
	return out, nil
}

// expand is the files that one argument stands for. A name that is no file
// stays in the list: its dump then has the error.
func (a *app) expand(arg string) ([]string, error) {
	st, err := os.Stat(arg)
	switch {
	case err == nil && st.IsDir():
		return a.folder(arg)
	case err == nil || !strings.ContainsAny(arg, "*?["):
		return []string{arg}, nil
	}
	found, err := filepath.Glob(arg)
	if err != nil {
		return nil, usagef("%q is no pattern: %w", arg, err)
	}
	if len(found) == 0 {
		a.note("no file matches %s", arg)
	}
	var out []string
	for _, f := range found {
		if st, err := os.Stat(f); err == nil && !st.IsDir() {
			out = append(out, f)
		}
	}
	return out, nil
}

// folder is the dumps below a folder. Links are not followed, so that there is
// no loop.
func (a *app) folder(root string) ([]string, error) {
	var out []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			a.note("%s cannot be looked into: %v", path, err)
			if d != nil && d.IsDir() {
				return fs.SkipDir
			}
		case !d.IsDir() && isDumpName(d.Name()):
			out = append(out, path)
		}
		return nil
	})
	if err != nil {
		return nil, inputError(fmt.Errorf("%s: %w", root, err))
	}
	if len(out) == 0 {
		a.note("no dump in %s: files called %s, also packed as .zst, .gz or .zip", root, strings.Join(dumpSuffixes, ", "))
	}
	return out, nil
}
