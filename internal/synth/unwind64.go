package synth

import "encoding/binary"

// Code64 is the code of a function, or of a part of one that lies elsewhere
// when Chain is set. Of a part the prologue is what it does beyond its whole's.
type Code64 struct {
	Prologue, Body, Epilogue []Inst64
	Frame                    int    // frame register; 0 for none
	FrameAt                  uint32 // how far above the stack pointer it is set
	Machine                  int    // 1: the processor pushed a machine frame before it; 2: with an error code
	Version                  byte   // of its unwind information; 2 names its epilogue
	Pad                      bool   // version 2: the filling slot is all zeros
	Chain                    *Code64
	Leaf                     bool // no unwind information

	Begin, End uint32 // set by Layout64
	info       uint32
}

// All are its instructions in order.
func (f *Code64) All() []Inst64 {
	all := append([]Inst64(nil), f.Prologue...)
	return append(append(all, f.Body...), f.Epilogue...)
}

// Offset is where the n-th instruction of All stands in the function.
func (f *Code64) Offset(n int) uint32 {
	at := 0
	for _, i := range f.All()[:n] {
		at += len(i.Bytes)
	}
	return uint32(at)
}

// Layout64 places functions one behind the other from the RVA text on, with
// int3 between them, and their unwind information and exception directory from
// data on.
func Layout64(text, data uint32, list []*Code64) (code, unwind []byte, directory [2]uint32) {
	for _, f := range list {
		f.Begin = text + uint32(len(code))
		for _, i := range f.All() {
			code = append(code, i.Bytes...)
		}
		f.End = text + uint32(len(code))
		for pad := true; pad || len(code)%16 != 0; pad = false {
			code = append(code, 0xcc)
		}
	}
	for _, f := range list {
		f.info = data + uint32(len(unwind))
		unwind = append(unwind, f.unwindInfo()...)
	}
	for _, f := range list { // again, now that chained ones know where theirs are
		copy(unwind[f.info-data:], f.unwindInfo())
	}
	directory[0] = data + uint32(len(unwind))
	for _, f := range list {
		if !f.Leaf {
			unwind = f.entry(unwind)
		}
	}
	directory[1] = data + uint32(len(unwind)) - directory[0]
	return code, unwind, directory
}

// entry appends its RUNTIME_FUNCTION.
func (f *Code64) entry(b []byte) []byte {
	le := binary.LittleEndian
	return le.AppendUint32(le.AppendUint32(le.AppendUint32(b, f.Begin), f.End), f.info)
}

// unwindInfo is its UNWIND_INFO: the codes in the opposite order of the
// prologue, an even number of slots, and of a part its whole.
func (f *Code64) unwindInfo() []byte {
	size := 0
	for _, i := range f.Prologue {
		size += len(i.Bytes)
	}
	var codes []uint16 // of the last instruction first
	if f.Machine != 0 {
		codes = []uint16{uint16(f.Machine-1)<<12 | 10<<8} // UWOP_PUSH_MACHFRAME
	}
	at := 0
	for _, i := range f.Prologue {
		at += len(i.Bytes)
		if i.Code == nil {
			continue
		}
		code := append([]uint16(nil), i.Code...)
		code[0] |= uint16(at)
		codes = append(code, codes...)
	}
	version := max(f.Version, 1)
	if version == 2 {
		codes = append(f.epilogueCodes(), codes...)
	}
	flags := byte(0)
	if f.Chain != nil {
		flags = 4 // UNW_FLAG_CHAININFO
	}
	b := []byte{version | flags<<3, byte(size), byte(len(codes)), byte(f.Frame) | byte(f.FrameAt/16)<<4}
	for _, c := range codes {
		b = binary.LittleEndian.AppendUint16(b, c)
	}
	if len(codes)%2 == 1 {
		b = append(b, 0, 0)
	}
	if f.Chain != nil {
		b = f.Chain.entry(b)
	}
	return b
}

// epilogueCodes are the two slots of version 2 (UWOP_EPILOG, 6) for an
// epilogue at the function's end, from its first pop on.
func (f *Code64) epilogueCodes() []uint16 {
	size := 0
	for n, i := range f.Epilogue {
		if n > 0 || len(i.Bytes) < 3 {
			size += len(i.Bytes)
		}
	}
	fill := uint16(6 << 8)
	if f.Pad {
		fill = 0
	}
	return []uint16{1<<12 | 6<<8 | uint16(size), fill}
}
