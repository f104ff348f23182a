//go:build unix

package cli_test

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/heapdump/heapdump/internal/synth"
)

// TestTriageNoFiles: pipes, sockets and devices in a folder are left out with a
// word, by name they are an error of their own; none is waited for.
func TestTriageNoFiles(t *testing.T) {
	dir, err := os.MkdirTemp("", "hd") // the path of a socket must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	in := func(name string) string { return filepath.Join(dir, name) }
	if err := os.WriteFile(in("good.dmp"), synth.Demo().Build().Dump.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(in("pipe.dmp"), 0o666); err != nil {
		t.Skipf("no pipes here: %v", err)
	}
	l, err := net.Listen("unix", in("socket.dmp"))
	if err != nil {
		t.Skipf("no sockets here: %v", err)
	}
	defer l.Close()
	if err := os.Symlink(os.DevNull, in("device.dmp")); err != nil {
		t.Fatal(err)
	}
	w := newWorld(nil)
	got := triageOf(t, w, 0, dir)
	if len(got.Dumps) != 1 || got.Dumps[0].File != in("good.dmp") || got.Dumps[0].Status != "partial" {
		t.Errorf("%+v", got.Dumps)
	}
	for _, want := range []string{"pipe.dmp is left out: a pipe\n", "socket.dmp is left out: a socket\n", "device.dmp is left out: a device\n"} {
		if !strings.Contains(w.stderr.String(), want) {
			t.Errorf("no %q in %q", want, w.stderr.String())
		}
	}
	names := []string{in("pipe.dmp"), in("socket.dmp"), in("device.dmp")}
	got = triageOf(t, newWorld(nil), 3, names...)
	for i, what := range []string{"a pipe", "a socket", "a device"} {
		d := got.Dumps[i]
		if d.File != names[i] || d.Status != "error" || len(d.Findings) != 1 || d.Findings[0].Rule != "HD1901" ||
			d.Findings[0].Title != "The file cannot be analysed: no file but a folder, pipe, socket or device" ||
			!strings.Contains(d.Findings[0].Evidence, "ot a regular file but "+what) {
			t.Errorf("%+v", d)
		}
	}
}
