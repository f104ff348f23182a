package main

import (
	"bytes"
	"debug/buildinfo"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// system is what a program is built for, as Go names it.
type system struct{ os, arch string }

func (s system) String() string { return s.os + "/" + s.arch }

// program is the name of the program on a system.
func (s system) program() string {
	if s.os == "windows" {
		return "heapdump.exe"
	}
	return "heapdump"
}

// systems are those that a release is made for.
func systems() []system {
	return []system{
		{"linux", "amd64"}, {"linux", "arm64"},
		{"darwin", "amd64"}, {"darwin", "arm64"},
		{"windows", "amd64"}, {"windows", "arm64"},
	}
}

// builder builds one commit.
type builder struct {
	clone, work string // folders
	revision    string
	date        time.Time // of all files in the archives
	cache       string    // the build cache; Go's own when empty
}

// release builds the archives of a commit, working in a folder of its own.
func release(revision, work, cache string, systems []system) ([]file, error) {
	b, err := checkout(revision, work, cache)
	if err != nil {
		return nil, err
	}
	host := system{runtime.GOOS, runtime.GOARCH}
	program, _, err := b.build(host)
	if err != nil {
		return nil, err
	}
	texts, err := b.texts(program)
	if err != nil {
		return nil, err
	}
	var archives []file
	for _, s := range systems {
		a, err := b.archive(s, texts)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s, err)
		}
		archives = append(archives, a)
	}
	return archives, nil
}

// head returns the commit that a release is made of.
func head() (string, error) {
	out, err := output("", nil, "git", "rev-parse", "HEAD")
	if err != nil {
		return "", err
	}
	revision := strings.TrimSpace(string(out))
	changes, err := output("", nil, "git", "status", "--porcelain")
	if len(changes) > 0 {
		fmt.Fprintf(os.Stderr, "dist: of commit %s; changes that are not committed are left out\n", revision)
	}
	return revision, err
}

// checkout clones a commit into a folder.
func checkout(revision, work, cache string) (*builder, error) {
	b := &builder{clone: filepath.Join(work, "heapdump"), work: work, revision: revision, cache: cache}
	if err := os.MkdirAll(work, 0o777); err != nil {
		return nil, err
	}
	top, err := output("", nil, "git", "rev-parse", "--show-toplevel")
	if err != nil {
		return nil, err
	}
	if _, err := output("", nil, "git", "clone", "--quiet", "--no-checkout", strings.TrimSpace(string(top)), b.clone); err != nil {
		return nil, err
	}
	if _, err := output(b.clone, nil, "git", "checkout", "--quiet", "--detach", revision); err != nil {
		return nil, err
	}
	epoch := []byte(os.Getenv("SOURCE_DATE_EPOCH"))
	if len(epoch) == 0 {
		if epoch, err = output(b.clone, nil, "git", "show", "-s", "--format=%ct", "HEAD"); err != nil {
			return nil, err
		}
	}
	seconds, err := strconv.ParseInt(strings.TrimSpace(string(epoch)), 10, 64)
	if err != nil {
		return nil, fmt.Errorf("SOURCE_DATE_EPOCH: %q is no number of seconds since 1970", epoch)
	}
	b.date = time.Unix(seconds, 0).UTC()
	return b, nil
}

// env is what decides what a build makes, fixed.
func (b *builder) env(s system) []string {
	e := []string{"GOOS=" + s.os, "GOARCH=" + s.arch, "CGO_ENABLED=0", "GOFLAGS=-mod=readonly", "GOWORK=off", "GOEXPERIMENT=", "GOAMD64=v1", "GOARM64=v8.0"}
	if b.cache != "" {
		e = append(e, "GOCACHE="+b.cache)
	}
	return e
}

// build builds the program for a system and returns its file, and what it says
// of itself, which must name the commit.
func (b *builder) build(s system) (string, *buildinfo.BuildInfo, error) {
	program := filepath.Join(b.work, s.os+"_"+s.arch, s.program())
	if _, err := output(b.clone, b.env(s), "go", "build", "-trimpath", "-buildvcs=true", "-ldflags=-s -w", "-o", program, "./cmd/heapdump"); err != nil {
		return "", nil, err
	}
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		return "", nil, err
	}
	set := map[string]string{}
	for _, k := range info.Settings {
		set[k.Key] = k.Value
	}
	if set["vcs.revision"] != b.revision || set["vcs.modified"] != "false" {
		return "", nil, fmt.Errorf("the program says commit %q, modified %q; it was built from %s", set["vcs.revision"], set["vcs.modified"], b.revision)
	}
	return program, info, nil
}

// archive builds the program for a system and packs it with all that goes with
// it.
func (b *builder) archive(s system, texts []file) (file, error) {
	program, info, err := b.build(s)
	if err != nil {
		return file{}, err
	}
	data, err := os.ReadFile(program)
	if err != nil {
		return file{}, err
	}
	others, err := b.thirdParty(s, info)
	if err != nil {
		return file{}, err
	}
	name := fmt.Sprintf("heapdump_%s_%s_%s", info.Main.Version, s.os, s.arch)
	files := []file{{name: path.Join(name, s.program()), data: data, program: true}, {name: path.Join(name, "THIRD_PARTY.txt"), data: others}}
	for _, f := range texts {
		f.name = path.Join(name, f.name)
		files = append(files, f)
	}
	var packed bytes.Buffer
	pack, ext := tarball, ".tar.gz"
	if s.os == "windows" {
		pack, ext = zipped, ".zip"
	}
	if err := pack(&packed, files, b.date); err != nil {
		return file{}, err
	}
	return file{name: name + ext, data: packed.Bytes()}, nil
}

// output runs a command and returns what it prints.
func output(dir string, env []string, name string, args ...string) ([]byte, error) {
	c := exec.Command(name, args...)
	c.Dir, c.Env = dir, append(os.Environ(), env...)
	out, err := c.Output()
	if failed := (*exec.ExitError)(nil); errors.As(err, &failed) {
		return nil, fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, failed.Stderr)
	}
	return out, err
}
