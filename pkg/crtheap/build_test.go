package crtheap_test

import (
	"fmt"
	"testing"

	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/pkg/crtheap"
	"github.com/heapdump/heapdump/pkg/heap"
	"github.com/heapdump/heapdump/pkg/memory"
)

// form is one of the three shapes that a header has.
type form struct {
	arch synth.Arch
	form synth.CRTForm
}

var forms = []form{{synth.X86, synth.CRTClassic}, {synth.X86, synth.CRTUniversal}, {synth.X64, synth.CRTClassic}}

func (f form) String() string { return fmt.Sprintf("%v-%v", f.arch, f.form) }

func (f form) bits() int { return int(8 * f.arch.PtrSize()) }

// want is the form that a reader can tell.
func (f form) want() crtheap.Form {
	switch {
	case f.arch != synth.X86:
		return crtheap.Either
	case f.form == synth.CRTClassic:
		return crtheap.Classic
	}
	return crtheap.UCRT
}

// each runs a test for every form.
func each(t *testing.T, run func(t *testing.T, f form)) {
	for _, f := range forms {
		t.Run(f.String(), func(t *testing.T) { run(t, f) })
	}
}

const (
	base  = 0x500000
	names = 0x10001000 // where source file names are
)

// scene is memory with debug blocks, and the NT blocks that they stand in.
type scene struct {
	form
	*synth.Image
	list   *synth.CRTList
	blocks []heap.Block // of the list's blocks, then of others
	at     uint64
}

// stage writes the blocks of a script, each into an NT block of its own.
func stage(f form, script ...synth.CRTBlock) *scene {
	s := &scene{form: f, Image: synth.NewImage(f.arch), list: &synth.CRTList{Arch: f.arch, Form: f.form, Blocks: script}, at: base}
	s.Write(names, []byte("c:\\src\\first.cpp\x00c:\\src\\\xe9t\xe9.cpp\x00bad\x01name\x00"))
	var users []uint64
	for i := range script {
		users = append(users, s.block(s.list.RoomOf(i)))
	}
	s.list.Write(s.Image, users)
	return s
}

// block adds a busy NT block with room for n bytes, and returns its user address.
func (s *scene) block(n uint64) uint64 {
	unit := s.arch.Unit()
	entry := s.at
	size := (n + unit + unit - 1) / unit * unit
	s.at += size
	s.Fill(entry, size+unit, []byte{0x33})
	s.blocks = append(s.blocks, heap.Block{Addr: memory.Addr(entry), Size: size, Unused: uint32(size - n), Header: uint8(unit), State: heap.Busy, Flags: heap.FlagBusy})
	return entry + unit
}

// space is what a dump has of the scene, but for the pages at the addresses given.
func (s *scene) space(without ...uint64) *memory.Space {
	for _, a := range without {
		s.Drop(a)
	}
	var runs []memory.Run
	for _, r := range s.Runs() {
		runs = append(runs, memory.Run{Start: memory.Addr(r.Addr), Bytes: r.Data})
	}
	return memory.NewSpace(memory.Contents{Runs: runs})
}

// seen is all that the package says of a scene.
type seen struct {
	headers  map[memory.Addr]crtheap.Header
	findings []crtheap.Finding
	walked   crtheap.Walked
}

func (s *scene) look(m heap.Memory) seen {
	out := seen{headers: map[memory.Addr]crtheap.Header{}}
	var list crtheap.List
	for _, b := range s.blocks {
		h, ok := crtheap.Recognise(m, s.bits(), b)
		if !ok {
			continue
		}
		out.headers[h.Addr] = h
		out.findings = append(out.findings, h.Check(m)...)
		list.Add(h)
	}
	out.walked = list.Walk(m)
	out.findings = append(out.findings, out.walked.Findings...)
	return out
}

// script is a list with every type of block.
func script() []synth.CRTBlock {
	return []synth.CRTBlock{
		{Size: 100, Use: synth.CRTNormal, Request: 50, File: names, Line: 12, Content: []byte("hello, world")},
		{Size: 1, Use: synth.CRTNormal, Request: 51},
		{Size: 0, Use: synth.CRTNormal, Request: 52, File: names + 17, Line: 7},
		{Size: 4, Use: synth.CRTClient | 0x1234<<16, Request: 53, File: names, Line: 99},
		{Size: 500, Use: synth.CRTFree, Request: 54, File: names, Line: 13},
		{Size: 37, Use: synth.CRTIgnore},
		{Size: 64, Use: synth.CRTOwn, Request: 55},
		{Size: 4, Use: synth.CRTClient, Request: 56},
		{Size: 70000, Use: synth.CRTNormal, Request: 57, File: names, Line: 14},
		{Size: 24, Use: synth.CRTOwn | 2<<16, Request: 58},
	}
}

// silent fails for every finding.
func silent(t *testing.T, s seen) {
	t.Helper()
	for _, f := range s.findings {
		t.Errorf("unexpected: %v", f.Problem(0))
	}
}
