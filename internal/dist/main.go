// Command dist makes a release: an archive for each system that heapdump runs
// on, with manual, completions and licences, and SHA256SUMS beside them.
//
// A release is made of a commit, never of a working tree: it builds a clone of
// HEAD. The same commit and the same Go give the same bytes, in any folder and
// on any machine; -check builds twice and compares.
package main

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	out := flag.String("o", "dist", "the folder for the archives")
	check := flag.Bool("check", false, "build twice, in different folders and the second time without what was built before, and compare")
	only := flag.String("only", "", "the systems, as linux/amd64,windows/arm64; all when empty")
	flag.Parse()
	if err := run(*out, *check, *only); err != nil {
		fmt.Fprintln(os.Stderr, "dist:", err)
		os.Exit(1)
	}
}

func run(out string, check bool, only string) error {
	systems, err := chosen(only)
	if err != nil {
		return err
	}
	revision, err := head()
	if err != nil {
		return err
	}
	if !check {
		return publish(revision, out, systems)
	}
	dir, err := os.MkdirTemp("", "heapdump-dist-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	first, err := release(revision, filepath.Join(dir, "a"), "", systems)
	if err != nil {
		return err
	}
	// What the build cache has would come out the same whatever the build does.
	second, err := release(revision, filepath.Join(dir, "another", "folder"), filepath.Join(dir, "cache"), systems)
	if err != nil {
		return err
	}
	if err := same(first, second); err != nil {
		return err
	}
	fmt.Printf("built twice, the same bytes:\n%s", sums(first))
	return nil
}

// chosen returns the systems of a list.
func chosen(list string) ([]system, error) {
	if list == "" {
		return systems(), nil
	}
	var out []system
	for s := range strings.SplitSeq(list, ",") {
		i := slices.IndexFunc(systems(), func(k system) bool { return k.String() == s })
		if i < 0 {
			return nil, fmt.Errorf("-only: no release is made for %q; those are %v", s, systems())
		}
		out = append(out, systems()[i])
	}
	return out, nil
}

// publish writes a release to a folder, in place of the one that was there.
func publish(revision, out string, systems []system) error {
	work, err := os.MkdirTemp("", "heapdump-dist-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	archives, err := release(revision, work, "", systems)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(out, 0o777); err != nil {
		return err
	}
	old, err := filepath.Glob(filepath.Join(out, "heapdump_*"))
	if err != nil {
		return err
	}
	for _, f := range old {
		if err := os.Remove(f); err != nil {
			return err
		}
	}
	for _, f := range archives {
		if err := os.WriteFile(filepath.Join(out, f.name), f.data, 0o644); err != nil {
			return err
		}
	}
	list := sums(archives)
	fmt.Print(list)
	return os.WriteFile(filepath.Join(out, "SHA256SUMS"), []byte(list), 0o644)
}

// sums returns the checksums of files as sha256sum writes and reads them.
func sums(files []file) string {
	var b strings.Builder
	for _, f := range files {
		fmt.Fprintf(&b, "%x  %s\n", sha256.Sum256(f.data), f.name)
	}
	return b.String()
}

// same says in what two releases differ.
func same(a, b []file) error {
	if len(a) != len(b) {
		return fmt.Errorf("%d archives the first time, %d the second", len(a), len(b))
	}
	var errs []error
	for i := range a {
		switch {
		case a[i].name != b[i].name:
			errs = append(errs, fmt.Errorf("%s the first time is %s the second", a[i].name, b[i].name))
		case !bytes.Equal(a[i].data, b[i].data):
			errs = append(errs, fmt.Errorf("%s differs between two builds", a[i].name))
		}
	}
	return errors.Join(errs...)
}
