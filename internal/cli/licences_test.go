package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// licenceTexts says by which of its words each licence of the SPDX list is
// known.
func licenceTexts(text string) (ids []string) {
	text = strings.Join(strings.Fields(text), " ")
	has := func(words ...string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(text, w) })
	}
	if has("Apache License Version 2.0", "Apache License, Version 2.0") {
		ids = append(ids, "Apache-2.0")
	}
	if has("Permission is hereby granted, free of charge, to any person obtaining a copy of this software") {
		ids = append(ids, "MIT")
	}
	if has("Permission to use, copy, modify, and distribute this software for any purpose with or without fee", "Permission to use, copy, modify, and/or distribute this software for any purpose with or without fee") {
		ids = append(ids, "ISC")
	}
	// The third clause of three is the only difference.
	three := strings.Count(text, "may be used to endorse or promote products derived from")
	if three > 0 {
		ids = append(ids, "BSD-3-Clause")
	}
	if strings.Count(text, "Redistribution and use in source and binary forms") > three {
		ids = append(ids, "BSD-2-Clause")
	}
	return ids
}

// TestLicencesOfModules: the licence that version shows of each module that is
// linked in on any system of a release is the one whose text the module comes
// with, and no other module is listed.
func TestLicencesOfModules(t *testing.T) {
	known, linked := licences(), map[string]bool{}
	for _, goos := range []string{"linux", "darwin", "windows"} {
		c := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}}\t{{.Dir}}{{end}}{{end}}", "github.com/heapdump/heapdump/cmd/heapdump")
		c.Env = append(os.Environ(), "GOOS="+goos, "GOARCH=amd64", "CGO_ENABLED=0")
		out, err := c.Output()
		if err != nil {
			t.Fatalf("go list: %v", err)
		}
		for l := range strings.Lines(string(out)) {
			path, dir, ok := strings.Cut(strings.TrimSpace(l), "\t")
			if !ok || linked[path] {
				continue
			}
			linked[path] = true
			got := strings.Split(known[path], " AND ")
			slices.Sort(got)
			if want := licencesIn(t, dir); !slices.Equal(got, want) {
				t.Errorf("%s: %q is shown, its files have %v", path, known[path], want)
			}
		}
	}
	for path := range known {
		if !linked[path] {
			t.Errorf("%s is listed and linked in nowhere", path)
		}
	}
}

// licencesIn returns the licences in the files of a module's folder, in order.
func licencesIn(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, f := range files {
		name := strings.ToUpper(filepath.Base(f))
		if !strings.HasPrefix(name, "LICENSE") && !strings.HasPrefix(name, "COPYING") {
			continue
		}
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, licenceTexts(string(text))...)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}
