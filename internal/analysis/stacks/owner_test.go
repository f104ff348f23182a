package stacks_test

import (
	"testing"

	"github.com/heapdump/heapdump/internal/analysis/stacks"
)

// TestOwner: runtimes and what the user skips name no owner; a program whose
// name begins as a runtime's does.
func TestOwner(t *testing.T) {
	frame := func(module string) stacks.Frame { return stacks.Frame{Addr: 0x1000, Module: module} }
	for _, tt := range []struct {
		module string
		owner  bool
	}{
		{"ntdll.dll", false}, {"MSVCR120D.dll", false}, {"mfc140u.dll", false}, {"ucrtbase.dll", false}, {"mfcviewer.exe", true}, {"atlas.dll", true}, {"app.exe", true}, {"", false},
	} {
		f, ok := stacks.Owner([]stacks.Frame{frame("ntdll.dll"), frame(tt.module)})
		if ok != tt.owner || ok && f.Module != tt.module {
			t.Errorf("%q: owner %v (%q), want %v", tt.module, ok, f.Module, tt.owner)
		}
	}
	if f, ok := stacks.NewSkips([]string{"App.dll"}).First([]stacks.Frame{frame("app.dll"), frame("main.exe")}); !ok || f.Module != "main.exe" {
		t.Errorf("with App.dll skipped: %v %v", f, ok)
	}
}
