package load

import (
	"context"
	"testing"
	"time"

	"github.com/heapdump/heapdump/internal/srum"
	"github.com/heapdump/heapdump/internal/srum/srumtest"
)

func sample(t *testing.T) *srum.DB {
	t.Helper()
	path, err := srumtest.Sample()
	if err != nil {
		t.Skip(err)
	}
	db, err := srum.Open(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func take(t *testing.T, p Program, app string) *Result {
	t.Helper()
	r, err := Take(context.Background(), sample(t), p, app)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func at(day, hour, minute int) time.Time {
	return time.Date(2021, 10, day, hour, minute, 0, 0, time.UTC)
}

// explorer is a dump as one of the sample's machine would have been at noon. The
// link time is the one in the name !!explorer.exe!2006/12/29:17:50:20!44f2d9!.
var explorer = Program{Image: `C:\Windows\Explorer.EXE`, Written: at(7, 12, 0), MHz: 2000,
	Link: uint32(time.Date(2006, 12, 29, 17, 50, 20, 0, time.UTC).Unix())}

// TestExplorer: the numbers are those that go-ese's own tool prints of the sample,
// added by hand.
func TestExplorer(t *testing.T) {
	r := take(t, explorer, "")
	if len(r.Matches) != 3 || r.Matches[0].ID != 217 || r.Matches[1].ID != 463 || r.Matches[2].ID != 335 ||
		r.Matches[0].Why != "same path" || r.Matches[2].Why != "same name and link time" {
		t.Errorf("matches: %+v", r.Matches)
	}
	if len(r.Candidates) != 1 || r.Candidates[0].ID != 781 || r.Candidates[0].Why != "same name, another build" || r.Candidates[0].Rows != 11 {
		t.Errorf("candidates: %+v", r.Candidates)
	}
	for i, want := range []struct{ rows, own, after int }{{1141, 0, 0}, {1778, 5, 7}, {255, 1, 2}, {4038, 12, 6}, {17, 0, 0}, {0, 0, 0}} {
		if u := r.Tables[i]; u.Rows != want.rows || u.Own != want.own || u.After != want.after || u.Undated != 0 || u.Damaged() || !u.Present {
			t.Errorf("table %d: %+v; %+v is wanted", i, u, want)
		}
	}
	if f := r.Total.Face; !f.Known || f.N != 8245620000+28200000000+3*36600000000 {
		t.Errorf("FaceTime %+v", f)
	}
	if f := r.Total.Focus; !f.Known || f.N != 566+1501+602+61+1260+39 {
		t.Errorf("in focus: %+v", f)
	}
	if len(r.Days) != 1 || r.Days[0].Start != at(7, 0, 0) || r.Days[0].Rows != 18 || len(r.Hours) != 4 {
		t.Fatalf("%d hours, days %+v", len(r.Hours), r.Days)
	}
	rows := 0
	for i, h := range r.Hours {
		if rows += h.Rows; h.Start != at(7, 8+i, 0) {
			t.Errorf("hour %d is %v", i, h.Start)
		}
	}
	// The row of 09:56: 4,188,653,019 cycles in the foreground and none behind, so
	// 2,094 ms at 2,000 MHz; 11,238 switches, 462,848 bytes read, 90,112 written.
	h := r.Hours[1]
	if rows != 18 || h.ForegroundCycles.N != 4188653019 || !h.BackgroundCycles.Known || h.BackgroundCycles.N != 0 || h.CPU.N != 2094 ||
		h.Switches.N != 11238 || h.Read.N != 462848 || h.Written.N != 90112 || h.Reads.N != 23 || h.Writes.N != 22 || !h.Sent.Known {
		t.Errorf("09:00: %+v", h)
	}
	// At 10:57 InFocusS is NULL and there is no row of the network: nothing is
	// known, not 0.
	if h := r.Hours[2]; h.Rows != 2 || h.Focus.Known || h.Sent.Known || h.Face.N != 36600000000 {
		t.Errorf("10:00: %+v", h)
	}
	if !r.First.Before(at(7, 8, 0)) || r.Last.Truncate(time.Second) != at(13, 15, 11) {
		t.Errorf("records from %v to %v", r.First, r.Last)
	}
}

func TestWithoutLinkTimeOrFrequency(t *testing.T) {
	p := explorer
	p.Link, p.MHz, p.Written = 0, 0, time.Time{}
	r := take(t, p, "")
	if len(r.Matches) != 2 || r.Tables[3].Own != 0 || r.Tables[1].Own != 12 || r.Tables[1].After != 0 || r.Total.CPU.Known || !r.Total.ForegroundCycles.Known {
		t.Errorf("%+v %+v", r.Matches, r.Tables)
	}
}

func TestAsked(t *testing.T) {
	r := take(t, Program{Image: `D:\orchard.exe`, Written: at(14, 0, 0)}, "EXPLORER.exe")
	if len(r.Matches) != 4 || r.Tables[3].Own != 29 || r.Matches[0].Why != "--app" {
		t.Errorf("%+v %+v", r.Matches, r.Tables[3])
	}
	r = take(t, Program{Image: `C:\Windows\explorer.exe`}, "orchard")
	if len(r.Matches) != 0 || r.Total.Rows != 0 {
		t.Errorf("the dump's own program counts though another was asked for: %+v", r.Matches)
	}
}

// TestUnknown: nothing is like it, so the busiest are named; a bounded number.
func TestUnknown(t *testing.T) {
	r := take(t, Program{Image: `D:\orchard.exe`, Written: at(1, 0, 0)}, "")
	if len(r.Matches) != 0 || len(r.Candidates) != candidates || r.More == 0 || r.Total.Rows != 0 || len(r.Hours) != 0 {
		t.Fatalf("%d matches, %d candidates and %d more", len(r.Matches), len(r.Candidates), r.More)
	}
	for _, c := range r.Candidates {
		if c.Why != "among the busiest" || c.Rows == 0 || c.After != c.Rows {
			t.Errorf("%+v", c)
		}
	}
}

func TestRelate(t *testing.T) {
	svchost := Program{Image: `C:\Windows\System32\svchost.exe`, Command: `C:\Windows\system32\svchost.exe -k netsvcs -p -s Schedule`, Link: 93198140}
	store := Program{Image: `C:\Program Files\WindowsApps\Orchard_1.0_x64__id\rows.exe`}
	win32 := Program{Image: `\\?\C:\Windows\explorer.exe`}
	for _, x := range []struct {
		p    Program
		kind srum.Kind
		name string
		want int
	}{
		{win32, 0, `\Device\HarddiskVolume3\Windows\explorer.exe`, byPath},
		{win32, 0, `\device\harddiskvolume12\windows\EXPLORER.exe`, byPath},
		{win32, 0, `\Device\HarddiskVolume3\Windows\System32\explorer.exe`, otherFolder},
		{win32, 0, `\Device\HarddiskVolume3\Windows\myexplorer.exe`, similar},
		{win32, 0, `\Device\HarddiskVolume3\Windows\write.exe`, unrelated},
		{win32, 0, `!!explorer.exe!2006/12/29:17:50:20!44f2d9!`, otherBuild},
		{Program{Image: "explorer.exe"}, 0, `\Device\HarddiskVolume3\Windows\explorer.exe`, otherFolder},
		{Program{}, 0, `!!!1970/01/01:00:00:00!0!`, unrelated},
		{svchost, 0, `!!svchost.exe!1972/12/14:16:22:20!1c364![netsvcs] [Schedule]`, byBuild},
		{svchost, 0, `!!svchost.exe!1972/12/14:16:22:20!1c364!`, byBuild},
		{svchost, 0, `!!svchost.exe!1972/12/14:16:22:20!1c364![netsvcs] [Winmgmt]`, otherService},
		{svchost, 0, `!!svchost.exe!1972/12/14:16:22:21!1c364![netsvcs] [Schedule]`, otherBuild},
		{svchost, 0, `\Device\HarddiskVolume3\Windows\System32\svchost.exe [netsvcs]`, byPath},
		{svchost, 0, `\Device\HarddiskVolume3\Windows\System32\svchost.exe [LocalService]`, otherService},
		{store, 2, `Orchard_1.0_x64__id`, ofPackage},
		{store, 2, `Orchard_1.0_x64__id!App!rows.exe!2015/03/26:00:00:00!11763!`, otherBuild},
		{store, 2, `Orchard_1.1_x64__id`, unrelated},
		{store, 1, `rowsvc`, similar},
		{store, 1, `row`, unrelated},
	} {
		if got := x.p.relate(srum.App{Kind: x.kind, Name: x.name}); got != x.want {
			t.Errorf("%s and %s: %q, not %q", x.p.Image, x.name, why(got), why(x.want))
		}
	}
}

func TestSum(t *testing.T) {
	var s Sum
	s.add(srum.Value{})
	s.add(srum.Value{Known: true, Int: -1})
	if s.Known {
		t.Errorf("%+v of nothing", s)
	}
	s.add(srum.Value{Known: true})
	if !s.Known || s.N != 0 {
		t.Errorf("%+v of 0", s)
	}
	for range 3 {
		s.add(srum.Value{Known: true, Int: 1<<63 - 1})
	}
	s.add(srum.Value{Known: true, Int: 1})
	if s.Known {
		t.Errorf("%+v after an overflow", s)
	}
}
