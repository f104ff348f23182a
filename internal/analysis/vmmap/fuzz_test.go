package vmmap_test

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/heapdump/heapdump/internal/analysis/vmmap"
	"github.com/heapdump/heapdump/internal/synth"
)

// FuzzMap classifies processes whose PEB, TEBs and list of regions hold
// anything: each eight bytes are a place in one of them and what is written
// there. The laws hold on all.
func FuzzMap(f *testing.F) {
	f.Add(uint8(0), []byte{})
	f.Add(uint8(1), []byte{1, 0x08, 0, 4, 0, 0, 0xff, 0xff, 2, 0x78, 0x14, 8, 1, 0, 0, 0})
	f.Add(uint8(2), []byte{0, 0x88, 0, 8, 0, 0, 0, 2, 3, 0x18, 0, 8, 0xff, 0xff, 0xff, 0xff})
	kinds := []func() *synth.Process{
		func() *synth.Process { return process(synth.Win7, synth.X86) },
		func() *synth.Process { return process(synth.Win10v1809, synth.X64) },
		func() *synth.Process {
			p := synth.NewWOW64(synth.Win10v1809)
			p.TEBs = append(p.TEBs, p.TEBs[0]+0x10000)
			p.AddHeap(&synth.Heap{Address: 0x4000000, Segments: []synth.Segment{{Items: []synth.Item{synth.Busy(8)}}}})
			p.AddHeap32(&synth.Heap{Address: 0x14000000, Segments: []synth.Segment{{Items: []synth.Item{synth.Busy(8)}}}})
			return p
		},
	}
	f.Fuzz(func(t *testing.T, which uint8, edits []byte) {
		p := kinds[int(which)%len(kinds)]()
		b := p.Build()
		d := b.Dump
		for ; len(edits) >= 8; edits = edits[8:] {
			off := uint64(binary.LittleEndian.Uint16(edits[1:]) & 0x1ff8)
			v := uint64(binary.LittleEndian.Uint32(edits[4:])) << (edits[3] & 0x30)
			switch at := p.PEB; edits[0] & 3 {
			case 3:
				r := &d.Regions[int(off)%len(d.Regions)]
				*[]*uint64{&r.Base, &r.Size, &r.AllocBase}[int(edits[3]>>2)%3] = v
			case 1, 2:
				at = p.TEBs[int(edits[0]&3-1)%len(p.TEBs)]
				fallthrough
			default:
				if b.Image.Committed(at + off) {
					b.Image.PutU64(at+off, v)
				}
			}
		}
		regions := d.Regions
		d = b.Redump()
		d.Regions = regions
		start := time.Now()
		tg := open(t, d)
		laws(t, tg, vmmap.Take(tg))
		if spent := time.Since(start); spent > 10*time.Second {
			t.Errorf("%v", spent)
		}
	})
}
