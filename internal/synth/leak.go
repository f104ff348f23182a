package synth

// Leak is Article003 as its finder saw it: the images of the program and of
// halcon.dll are there with the exports that the published stacks name, and a
// module of .NET that calls it. The modules' data holds no pointer into the
// heap, as in the article, where nobody freed the blocks.
//
// It is the article's 13 GB at about 1:64: 4 of 189 large blocks, 218 MB.
func Leak() *Process {
	p := Article003()
	const halcon, app = 1, 0
	p.Modules[halcon].PE = &PE{Arch: X64, Base: p.Modules[halcon].Base, DLL: true, Timestamp: p.Modules[halcon].TimeDateStamp,
		SizeOfImage: p.Modules[halcon].Size, Sections: halconSections()}
	p.Modules[halcon].PE.Directories[0] = [2]uint32{halconExports, uint32(len(p.Modules[halcon].PE.Sections[1].Data))}
	p.Modules[app].PE = &PE{Arch: X64, Base: p.Modules[app].Base, Timestamp: p.Modules[app].TimeDateStamp, SizeOfImage: p.Modules[app].Size,
		Sections: []PESection{{Name: ".text", RVA: 0x1000, Size: 0x1000, Flags: SecCode}, {Name: ".data", RVA: 0x2000, Size: 0x1000, Flags: SecData}}}
	p.Modules = append(p.Modules, Module{Base: 0x7fed0100000, Size: 0x90000, Name: `D:\app\HalconDotNet.dll`, TimeDateStamp: 0x56cd7b01})
	prepare := p.Prepare
	p.Prepare = func(b *Built) {
		prepare(b)
		b.Image.DropRange(p.Modules[halcon].Base+0x1000, halconExports-0x1000) // code is left out of the file
	}
	return p
}

const halconExports = 0x21ff000

// halconSections are code up to the last frame of the published stacks, and
// the exports that they name: each is as far below its frame as published.
func halconSections() []PESection {
	exports := PEExports{DLL: "halcon.dll", Base: 1, List: []PEExport{
		{Name: "HXAllocTmp", Ordinal: 0, RVA: 0x26bd0 - 0xa80},
		{Name: "HXAllocRLTmp", Ordinal: 1, RVA: 0x2d81d - 0x265d},
		{Name: "HXmalloc", Ordinal: 2, RVA: 0x5483b - 0x8b},
		{Name: "CCallHProc", Ordinal: 3, RVA: 0xd6b8f - 0x73f},
		{Name: "HCancelWait", Ordinal: 4, RVA: 0x21f346a - 0x7a},
	}}
	return []PESection{
		{Name: ".text", RVA: 0x1000, Size: halconExports - 0x1000, Flags: SecCode},
		{Name: ".rdata", RVA: halconExports, Flags: SecRData, Data: exports.Bytes(halconExports)},
	}
}
