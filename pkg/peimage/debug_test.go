package peimage_test

import (
	"encoding/binary"
	"testing"

	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/minidump"
	"github.com/heapdump/heapdump/pkg/peimage"
)

// debugImage is an image whose debug directory, at RVA 0x2000, has the entries
// {type, RVA, size} and whose section holds data at 0x2100.
func debugImage(t *testing.T, data []byte, entries ...[3]uint32) (*memory.Space, *peimage.Image) {
	t.Helper()
	sec := make([]byte, 0x100, 0x1000)
	for i, e := range entries {
		binary.LittleEndian.PutUint32(sec[28*i+12:], e[0])
		binary.LittleEndian.PutUint32(sec[28*i+16:], e[2])
		binary.LittleEndian.PutUint32(sec[28*i+20:], e[1])
	}
	pe := &synth.PE{Arch: synth.X64, Base: 0x140000000, Sections: []synth.PESection{{Name: ".rdata", RVA: 0x2000, Size: 0x1000, Data: append(sec, data...), Flags: synth.SecRData}}}
	pe.Directories[6] = [2]uint32{0x2000, uint32(28 * len(entries))}
	m := synth.NewImage(synth.X64)
	pe.Write(m)
	d := synth.NewDump(synth.X64)
	m.Apply(d)
	f, err := minidump.Parse(d.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	space := f.Memory(nil)
	i, err := peimage.Open(space, 0x140000000, 0)
	if err != nil {
		t.Fatal(err)
	}
	return space, i
}

func TestCodeView(t *testing.T) {
	guid := [16]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}
	rsds := append(append([]byte("RSDS"), guid[:]...), 7, 0, 0, 0)
	rsds = append(rsds, "C:\\b\\a.pdb\x00rest"...)
	n := uint32(len(rsds))
	nb10 := append([]byte("NB10\x00\x00\x00\x00\x78\x56\x34\x12\x02\x00\x00\x00"), "old.pdb\x00"...)
	for _, c := range []struct {
		name    string
		data    []byte
		entries [][3]uint32
		want    peimage.CodeView
		ok      bool
	}{
		{"RSDS behind another entry", rsds, [][3]uint32{{12, 0x2100, n}, {2, 0x2100, n}}, peimage.CodeView{GUID: guid, Age: 7, PDB: `C:\b\a.pdb`}, true},
		{"NB10", nb10, [][3]uint32{{2, 0x2100, uint32(len(nb10))}}, peimage.CodeView{Time: 0x12345678, Age: 2, PDB: "old.pdb"}, true},
		{"a size beyond the image", rsds, [][3]uint32{{2, 0x2100, 0xffffffff}}, peimage.CodeView{GUID: guid, Age: 7, PDB: `C:\b\a.pdb`}, true},
		{"no name", rsds[:24], [][3]uint32{{2, 0x2100, 24}}, peimage.CodeView{}, false},
		{"outside", rsds, [][3]uint32{{2, 0x9000, n}}, peimage.CodeView{}, false},
		{"another signature", append([]byte("XXXX"), rsds[4:]...), [][3]uint32{{2, 0x2100, n}}, peimage.CodeView{}, false},
		{"no entry of the type", rsds, [][3]uint32{{12, 0x2100, n}}, peimage.CodeView{}, false},
		{"no directory", rsds, nil, peimage.CodeView{}, false},
	} {
		space, i := debugImage(t, c.data, c.entries...)
		if got, ok := i.CodeView(space); ok != c.ok || got != c.want {
			t.Errorf("%s: %+v %v", c.name, got, ok)
		}
	}
}
