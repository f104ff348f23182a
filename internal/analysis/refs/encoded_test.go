package refs_test

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"testing"

	"github.com/heapdump/heapdump/internal/analysis/refs"
	"github.com/heapdump/heapdump/internal/synth"
)

// encode is ror(p ^ cookie, cookie mod the word's bits).
func encode(a synth.Arch, p, cookie uint64) uint64 {
	if a == synth.X86 {
		return uint64(bits.RotateLeft32(uint32(p^cookie), -int(cookie&31)))
	}
	return bits.RotateLeft64(p^cookie, -int(cookie&63))
}

// TestEncoded: a table of atexit that only encoded pointers lead to is in
// use: with the process's cookie, which nulls betray, and with an image's
// own. Its twins are not: no second word, another cookie, no code in it.
func TestEncoded(t *testing.T) {
	const base, data, rdata = 0x10000000, 0x3000, 0x2000
	for _, arch := range []synth.Arch{synth.X86, synth.X64} {
		w := uint64(arch.PtrSize())
		process, own := uint64(0x5458ad97), uint64(0x9d95e17a)
		if arch == synth.X64 {
			own = 0x2b992ddfa232
		}
		for _, c := range []struct {
			name   string
			cookie uint64
			nulls  int
			end    bool
			code   uint64
			want   string
		}{
			{"process", process, 4, true, base + 0x1010, "reachable"},
			{"own", own, 0, true, base + 0x1010, "reachable"},
			{"empty", own, 0, true, 0, "reachable"},
			{"unknown cookie", process, 0, true, base + 0x1010, "leaked"},
			{"no end", own, 0, false, base + 0x1010, "leaked"},
			{"no code", own, 0, true, base + 0x3010, "leaked"},
		} {
			tg := graph(t, arch, 1, nil, func(b *synth.Built, u []uint64) {
				config := make([]byte, 0x100)
				if arch == synth.X86 {
					binary.LittleEndian.PutUint32(config[0x3c:], base+data)
				} else {
					binary.LittleEndian.PutUint64(config[0x58:], base+data)
				}
				pe := &synth.PE{Arch: arch, Base: base, DLL: true, Sections: []synth.PESection{
					{Name: ".text", RVA: 0x1000, Flags: synth.SecCode, Data: make([]byte, 0x100)},
					{Name: ".rdata", RVA: rdata, Flags: synth.SecRData, Data: config},
					{Name: ".data", RVA: data, Size: 0x1000, Flags: synth.SecData, Data: make([]byte, 0x1000)},
				}}
				pe.Directories[10] = [2]uint32{rdata, uint32(len(config))}
				pe.Write(b.Image)
				b.Dump.Modules = append(b.Dump.Modules, synth.Module{Base: base, Size: pe.Size(), Name: `C:\app\msvcrt.dll`})
				put(b, base+data, own)
				for i := range c.nulls {
					put(b, base+data+0x100+uint64(i)*3*w, encode(arch, 0, c.cookie))
				}
				put(b, base+data+0x200, encode(arch, u[0], c.cookie))
				if c.end {
					put(b, base+data+0x220, encode(arch, u[0]+64, c.cookie))
				}
				put(b, u[0], encode(arch, c.code, c.cookie))
			})
			if got := setsOf(t, tg, refs.Steps{}); !slices.Equal(got, []string{c.want}) {
				t.Errorf("%v %s: %v, want %s", arch, c.name, got, c.want)
			}
		}
	}
}
