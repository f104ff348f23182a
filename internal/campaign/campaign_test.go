package main

import (
	"bytes"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/heapdump/heapdump/internal/specimen"
)

// TestCampaign is a small sample of the campaign: no damage breaks a law, and
// none changes figures without a word for a reason that is not known.
func TestCampaign(t *testing.T) {
	var out bytes.Buffer
	if !run(&out, io.Discard, options{share: 0.005, ways: 6, pairs: 15, seed: 7}) {
		t.Error(out.String())
	}
	if n := strings.Count(out.String(), "\n| "); n < 60 {
		t.Errorf("%d rows:\n%s", n, out.String())
	}
}

// TestJudge: what counts as noticed, as nothing, and as a silent change.
func TestJudge(t *testing.T) {
	healthy := observation{figures: []figure{{"heaps", "2"}, {"blocks", "7"}}, notices: map[string]bool{"old": true}}
	for _, c := range []struct {
		name string
		o    observation
		want outcome
	}{
		{"the same", observation{figures: healthy.figures}, nothing},
		{"refused", observation{refused: "no minidump"}, refused},
		{"said, and changed", observation{figures: nil, notices: map[string]bool{"new": true}}, noticed},
		{"said before already", observation{figures: healthy.figures, notices: map[string]bool{"old": true}}, nothing},
		{"another figure", observation{figures: []figure{{"heaps", "2"}, {"blocks", "8"}}}, silent},
		{"a figure is gone", observation{figures: healthy.figures[:1]}, silent},
		{"one more figure", observation{figures: append([]figure{{"more", "1"}}, healthy.figures...)}, silent},
	} {
		if got, _, _ := judge(&healthy, &c.o); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}

// TestBrokenIsSeen: a silent change without a reason, and a panic, fail the
// campaign; one with a reason does not.
func TestBrokenIsSeen(t *testing.T) {
	x := &table{rows: map[[2]string]*row{}}
	x.put("_HEAP_ENTRY", "UnusedBytes", silent, map[string]string{"busy": "a"})
	x.unexplained()
	if len(x.broken) != 0 {
		t.Errorf("%v", x.broken)
	}
	x.put("_HEAP_SEGMENT", "NumberOfPages", silent, map[string]string{"busy": "one", "free": "two"})
	x.put("_HEAP_SEGMENT", "NumberOfPages", noticed, nil)
	x.unexplained()
	if len(x.broken) != 2 {
		t.Errorf("%v", x.broken)
	}
	o := observe(nil, true)
	if o.refused == "" || len(o.broken) > 0 {
		t.Errorf("an empty file: %+v", o)
	}
}

// TestApply: each kind of damage does what its description says.
func TestApply(t *testing.T) {
	s := specimen.All()[0]
	for _, d := range []damage{{kind: flip, off: 40, mask: 0xff}, {kind: cut, off: 99}, {kind: drop, page: s.Pages[3]},
		{kind: pair, parts: []damage{{kind: cut, off: 99}, {kind: flip, off: 40, mask: 1}}}} {
		got := d.apply(s)
		differ := 0
		for i := range min(len(got), len(s.Data)) {
			if got[i] != s.Data[i] {
				differ++
			}
		}
		switch {
		case d.kind == flip && (len(got) != len(s.Data) || differ != 1), d.kind == cut && (len(got) != 99 || differ != 0),
			d.kind == drop && len(s.Data)-len(got) < specimen.PageBytes, d.kind == pair && (len(got) != 99 || differ != 1):
			t.Errorf("%v: %d bytes, %d differ", d, len(got), differ)
		}
	}
}

// TestMasks: in 14 ways, and over neighbouring bytes in fewer, a byte gets
// every bit, 0, 0xff, and its neighbours in value; no way is the byte itself,
// and none stands twice.
func TestMasks(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for b := range 256 {
		seen := map[byte]bool{}
		for at := range 11 {
			list := masks(byte(b), at, 6, r)
			for i, m := range list {
				seen[byte(b)^m] = true
				if m == 0 || slices.Contains(list[:i], m) {
					t.Fatalf("%#x at %d: %#x", b, at, list)
				}
			}
			if len(list) != 6 {
				t.Fatalf("%#x at %d: %#x", b, at, list)
			}
		}
		for _, want := range []int{b ^ 1, b ^ 2, b ^ 4, b ^ 8, b ^ 16, b ^ 32, b ^ 64, b ^ 128, 0, 255, b + 1, b - 1, b ^ 255} {
			if !seen[byte(want)] && byte(want) != byte(b) {
				t.Errorf("%#x never becomes %#x", b, byte(want))
			}
		}
	}
	if got := masks(7, 3, 3, r); !slices.Equal(got, []byte{0x01, 0x80, 0xff}) {
		t.Errorf("%#x", got)
	}
}
