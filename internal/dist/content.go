package main

import (
	"bytes"
	"debug/buildinfo"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// texts returns what every archive has beside the program: licence, documents,
// what ci/ has for build servers, man pages and completions as the program
// writes them.
func (b *builder) texts(program string) ([]file, error) {
	files, err := b.fromClone("LICENSE", "README.md", "docs/*.md", "ci/*.sh", "ci/*/*.yml")
	if err != nil {
		return nil, err
	}
	man := filepath.Join(b.work, "man")
	if _, err := output(b.clone, nil, program, "man", man); err != nil {
		return nil, err
	}
	pages, err := filepath.Glob(filepath.Join(man, "*.1"))
	if err != nil {
		return nil, err
	}
	for _, p := range pages {
		data, err := os.ReadFile(p)
		if err != nil {
			return nil, err
		}
		files = append(files, file{name: "man/man1/" + filepath.Base(p), data: data})
	}
	for _, shell := range [][2]string{{"bash", "heapdump.bash"}, {"zsh", "_heapdump"}, {"fish", "heapdump.fish"}, {"powershell", "heapdump.ps1"}} {
		data, err := output(b.clone, nil, program, "completion", shell[0])
		if err != nil {
			return nil, err
		}
		files = append(files, file{name: "completions/" + shell[1], data: data})
	}
	return files, nil
}

// fromClone returns the files of the commit that patterns name; each names
// one or more.
func (b *builder) fromClone(patterns ...string) (files []file, err error) {
	for _, pattern := range patterns {
		found, err := filepath.Glob(filepath.Join(b.clone, filepath.FromSlash(pattern)))
		if err != nil {
			return nil, err
		}
		if len(found) == 0 {
			return nil, fmt.Errorf("the commit has no %s", pattern)
		}
		for _, f := range found {
			data, err := os.ReadFile(f)
			if err != nil {
				return nil, err
			}
			name, err := filepath.Rel(b.clone, f)
			if err != nil {
				return nil, err
			}
			files = append(files, file{name: filepath.ToSlash(name), data: data, program: strings.HasSuffix(f, ".sh")})
		}
	}
	return files, nil
}

// thirdParty returns the licences of all that is linked into the program for a
// system, as their texts: Go itself, each module, and the script of the HTML
// page.
func (b *builder) thirdParty(s system, info *buildinfo.BuildInfo) ([]byte, error) {
	var out bytes.Buffer
	fmt.Fprintf(&out, "heapdump %s for %s has in it what others wrote, under these licences.\n", info.Main.Version, s)
	root, err := output(b.clone, nil, "go", "env", "GOROOT")
	if err != nil {
		return nil, err
	}
	if err := section(&out, "Go, its runtime and standard library, "+info.GoVersion, strings.TrimSpace(string(root)), nil); err != nil {
		return nil, err
	}
	// The folders of all packages: some have a licence of their own.
	list, err := output(b.clone, b.env(s), "go", "list", "-deps", "-f",
		"{{with .Module}}{{if not .Main}}{{.Path}}\t{{.Dir}}\t{{$.Dir}}{{end}}{{end}}", "./cmd/heapdump")
	if err != nil {
		return nil, err
	}
	roots, packages := map[string]string{}, map[string][]string{}
	for l := range strings.Lines(string(list)) {
		if f := strings.Split(strings.TrimSpace(l), "\t"); len(f) == 3 {
			roots[f[0]] = f[1]
			packages[f[0]] = append(packages[f[0]], f[2])
		}
	}
	for _, m := range info.Deps {
		if roots[m.Path] == "" {
			return nil, fmt.Errorf("%s is in the program and in no list of its packages", m.Path)
		}
		if err := section(&out, m.Path+" "+m.Version, roots[m.Path], packages[m.Path]); err != nil {
			return nil, err
		}
	}
	page, err := os.ReadFile(filepath.Join(b.clone, "internal", "render", "html", "asset", "licences.txt"))
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(&out, "\n%s\nThe script of the HTML page\n%[1]s\n\n%s", rule, page)
	return out.Bytes(), nil
}

var rule = strings.Repeat("=", 80)

// section writes the licences that stand in a folder and in those from there
// to each of some folders below it. A folder without any is an error.
func section(out *bytes.Buffer, title, root string, below []string) error {
	fmt.Fprintf(out, "\n%s\n%s\n%[1]s\n", rule, title)
	dirs := []string{root}
	for _, d := range below {
		for ; d != root && strings.HasPrefix(d, root); d = filepath.Dir(d) {
			dirs = append(dirs, d)
		}
	}
	slices.Sort(dirs)
	n := 0
	for _, d := range slices.Compact(dirs) {
		entries, err := os.ReadDir(d)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if !e.Type().IsRegular() || !legal(e.Name()) {
				continue
			}
			text, err := os.ReadFile(filepath.Join(d, e.Name()))
			if err != nil {
				return err
			}
			name, err := filepath.Rel(root, filepath.Join(d, e.Name()))
			if err != nil {
				return err
			}
			fmt.Fprintf(out, "\n--- %s\n\n%s\n", filepath.ToSlash(name), bytes.TrimRight(text, "\r\n"))
			n++
		}
	}
	if n == 0 {
		return fmt.Errorf("no licence of %s in %s: a release has to carry it", title, root)
	}
	return nil
}

// legal reports whether a file is one that a licence or what belongs to it
// stands in.
func legal(name string) bool {
	name = strings.ToUpper(name)
	if ext := filepath.Ext(name); ext == ".GO" || ext == ".S" {
		return false
	}
	return slices.ContainsFunc([]string{"LICENSE", "LICENCE", "COPYING", "NOTICE", "PATENTS"}, func(p string) bool { return strings.HasPrefix(name, p) })
}
