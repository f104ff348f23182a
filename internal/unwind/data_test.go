package unwind

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/heapdump/heapdump/internal/symbols"
	"github.com/heapdump/heapdump/internal/target"
)

// survey is what the unwind data of an image's functions was found to be.
type survey struct{ functions, chained, second, epilogues, returns int }

// TestRealUnwindData: the unwind data of every function of every 64-bit image
// in a real dump reads without contradiction. The epilogues that version 2
// places lie in their functions, and nearly all end in ret; the others end in
// a jump or iret.
func TestRealUnwindData(t *testing.T) {
	dir := os.Getenv("HEAPDUMP_REAL")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "dumps")
	}
	var s survey
	for _, name := range []string{"real-win10-11082-wow64-full"} {
		path := filepath.Join(dir, name+".dmp.zst")
		if _, err := os.Stat(path); err != nil {
			t.Skipf("the real dumps are not here (%v); set HEAPDUMP_REAL to the folder that has them", err)
		}
		tg, err := target.Open(path, target.Options{})
		if err != nil {
			t.Fatal(err)
		}
		u := New(tg, symbols.New(tg))
		for _, m := range tg.Modules() {
			if d, ok := u.dataOf(u.names.Module(m.Start)); ok {
				s.image(t, u, d)
			}
		}
		_ = tg.Close()
	}
	t.Logf("%+v", s)
	if s.functions < 9000 || s.chained < 1000 || s.second < 50 || s.returns*10 < s.epilogues*9 {
		t.Errorf("%+v", s)
	}
}

// image reads all functions of an image.
func (s *survey) image(t *testing.T, u *Unwinder, d data) {
	for at := uint64(0); at+functionSize <= d.table.Size(); at += functionSize {
		f, end := d.read(d.table.Start.Add(at))
		if end == nil && f.Begin != 0 {
			f, end = d.direct(f)
		}
		if end != nil || f.Begin == 0 { // not in the dump
			continue
		}
		parts, end := d.parts(f)
		if end != nil {
			if end.end != Missing {
				t.Errorf("%s %#x: %s", d.file, f.Begin, end.why)
			}
			continue
		}
		s.functions++
		if len(parts) > 1 {
			s.chained++
		}
		if parts[0].epilogue != 0 {
			s.second++
		}
		for _, before := range parts[0].ends {
			if before > f.End-f.Begin || before < parts[0].epilogue {
				t.Errorf("%s %#x: an epilogue of %d bytes, %d before the end of %d", d.file, f.Begin, parts[0].epilogue, before, f.End-f.Begin)
			}
			s.epilogues++
			last := d.holds.Start.Add(uint64(f.End - before + parts[0].epilogue - 1))
			if b, err := u.space.View(last, 1); err == nil && b[0] == 0xc3 {
				s.returns++
			}
		}
	}
}
