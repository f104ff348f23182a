package synth_test

import (
	"fmt"

	"github.com/heapdump/heapdump/internal/synth"
)

func Example() {
	p := synth.NewProcess(synth.Win10v1809, synth.X64)
	p.AddHeap(&synth.Heap{Address: 0x1d0000, Segments: []synth.Segment{
		{Items: []synth.Item{synth.Busy(100), synth.Free(0x200), synth.Busy(24), synth.Uncommitted(0x3000)}},
	}})
	built := p.Build()
	for _, b := range built.Heaps[0].Blocks {
		fmt.Printf("%#x %#5x %3d %v\n", b.Entry, b.Bytes, b.Size, b.State)
	}
	fmt.Println(len(built.Dump.Bytes()) > 0)
	// Output:
	// 0x1d0000 0x740   0 internal
	// 0x1d0740  0x70 100 busy
	// 0x1d07b0 0x200   0 free
	// 0x1d09b0  0x20  24 busy
	// 0x1d09d0 0x5f0   0 free
	// 0x1d0fc0  0x40   0 internal
	// 0x1d1000 0x3000   0 uncommitted
	// true
}

func ExampleBuiltHeap_EditEntry() {
	p := synth.NewProcess(synth.Win7, synth.X86)
	p.AddHeap(&synth.Heap{Address: 0x2c0000, Segments: []synth.Segment{
		{Items: []synth.Item{synth.Busy(128), synth.Busy(121)}},
	}})
	built := p.Build()
	h := built.Heaps[0]
	second := h.Only(synth.StateBusy)[1].Entry
	h.EditEntry(second, true, func(e *synth.Entry) { e.PreviousSize = 3 }) // checksum stays right
	h.EditEntry(second, false, func(e *synth.Entry) { e.Size = 0 })        // and now it does not
	h.Set("TotalFreeSize", 7)
	h.SetSegment(0, "NumberOfPages", 99)
	data := built.Redump().Bytes() // make the dump anew from the changed image
	fmt.Println(len(data) > 0, h.ReadEntry(second).PreviousSize)
	// Output: true 3
}

func ExampleFile_Offset() {
	built := synth.Demo().Build()
	f := built.Dump.File()
	s, _ := f.Stream(synth.StreamMemory64List)
	f.Poke32(s.DirOff+4, 4)                        // the directory says the stream is short
	f.Poke64(s.Off, 1<<60)                         // and the list says it is long
	f.PokeVA(built.Heaps[0].Address, []byte{1, 2}) // bytes by virtual address
	at := f.Offset(built.Heaps[0].Address)
	fmt.Println(f.Data[at], f.Data[at+1])
	// Output: 1 2
}
