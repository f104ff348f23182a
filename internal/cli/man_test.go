package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra/doc"

	"github.com/heapdump/heapdump/docs"
	"github.com/heapdump/heapdump/internal/report"
)

// TestManPagesAreStamped: a page that is written for a build of a commit is
// what cobra makes of the command with that build's date and version.
func TestManPagesAreStamped(t *testing.T) {
	facts := report.Build{Version: "v1.20.3-0.20261124101112-abcdef012345+dirty", Time: "2026-11-24T10:11:12Z"}
	dir := t.TempDir()
	if err := manPages(dir, facts); err != nil {
		t.Fatal(err)
	}
	date := time.Date(2026, 11, 24, 10, 11, 12, 0, time.UTC)
	for _, c := range ManCommands() {
		var want bytes.Buffer
		if err := doc.GenMan(c, &doc.GenManHeader{Title: strings.ToUpper(pageName(c)), Section: "1", Source: "heapdump " + facts.Version, Manual: "heapdump", Date: &date}, &want); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(filepath.Join(dir, pageName(c)+".1")); err != nil || string(got) != want.String() {
			t.Errorf("%s: the page is not the command's (%v); run make docs", pageName(c), err)
		}
	}
}

// TestManPagesOfNoCommit: without a commit the pages are those that are kept.
func TestManPagesOfNoCommit(t *testing.T) {
	page, err := docs.Man.ReadFile("man/heapdump-info.1")
	if err != nil {
		t.Fatal(err)
	}
	if got := stamped(page, report.Build{Version: "(devel)"}); string(got) != string(page) {
		t.Errorf("the page is changed: %.120s", got)
	}
	if got := string(stamped(page, report.Build{Version: "v2.0.0"})); !strings.Contains(got, `"HEAPDUMP-INFO" "1" "Jan 1970" "heapdump v2.0.0" "heapdump"`) {
		t.Errorf("the version is not in the title: %.120s", got)
	}
}
