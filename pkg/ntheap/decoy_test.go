package ntheap_test

import (
	"bytes"
	"testing"

	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/pkg/ntheap"
)

// plant fills the user data of the large block of the patient with what looks
// like entries: copies of entries that stand elsewhere in the same heap.
func plant(p *patient, what string) {
	at := p.busy[5].User + 0x40
	at = (at + p.Arch.Unit() - 1) &^ (p.Arch.Unit() - 1)
	switch what {
	case "one entry":
		p.Image.Write(at, p.Image.Read(p.busy[0].Entry, int(p.Arch.Unit())))
	case "a chain of copied entries":
		from := p.busy[0].Entry
		p.Image.Write(at, p.Image.Read(from, int(p.busy[4].End()-from+p.Arch.Unit())))
	case "an entry repeated":
		p.Image.Write(at, bytes.Repeat(p.Image.Read(p.busy[0].Entry, int(p.Arch.Unit())), 40))
	case "plain headers":
		for i := range uint64(40) { // two units each, busy, as without encoding
			h := at + i*2*p.Arch.Unit() + p.Arch.Unit() - 8
			if p.Family == synth.XP {
				p.Image.Write(h, []byte{2, 0, 2, 0, 0, 1, 8, 0})
			} else {
				p.Image.Write(h, []byte{2, 0, 1, 3, 2, 0, 0, 8})
			}
		}
	}
}

var decoys = []string{"one entry", "a chain of copied entries", "an entry repeated", "plain headers"}

func TestDecoysInAHealthyHeap(t *testing.T) {
	eachPatient(t, func(t *testing.T, _ synth.Family, make func() *patient, _ bool) {
		for _, d := range decoys {
			p := make()
			plant(p, d)
			w := open(t, space(t, p.built.Redump()), damagedAt, ntheap.Options{})
			healthy(t, w)
			agree(t, w, p.Blocks)
		}
	})
}

// A smashed header in front of the decoy: the true entry behind points back.
func TestDecoysBehindDamage(t *testing.T) {
	eachPatient(t, func(t *testing.T, _ synth.Family, make func() *patient, _ bool) {
		for _, d := range decoys {
			for _, smash := range []func(*patient, uint64){
				func(p *patient, e uint64) { p.smash(e); p.fx.lost[e] = true },
				func(p *patient, e uint64) {
					p.edit(e, false, func(e *synth.Entry) { e.Size = 0 })
					p.fx.mended[e] = true
				},
			} {
				p := make()
				plant(p, d)
				smash(p, p.busy[5].Entry)
				w := open(t, space(t, p.built.Redump()), damagedAt, ntheap.Options{})
				p.compare(t, w)
				if t.Failed() {
					t.Fatal(d, w.all())
				}
			}
		}
	})
}

// Two smashed headers, the decoy behind the first: the entry behind the second
// points back to it, and the longer chain is the heap's own.
func TestDecoysBetweenDamage(t *testing.T) {
	eachPatient(t, func(t *testing.T, _ synth.Family, make func() *patient, plain bool) {
		for _, d := range decoys {
			if d == "plain headers" && plain || d == "plain headers" && make().Family == synth.XP {
				continue // forty entries in a row that nothing gives away
			}
			p := make()
			plant(p, d)
			p.smash(p.busy[5].Entry)
			next, _ := p.At(p.busy[5].End())
			p.smash(next.Entry)
			p.fx.lost[p.busy[5].Entry], p.fx.mended[next.Entry] = true, true
			w := open(t, space(t, p.built.Redump()), damagedAt, ntheap.Options{})
			p.compare(t, w)
			if t.Failed() {
				t.Fatal(d, w.all())
			}
		}
	})
}
