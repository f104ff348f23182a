package stackdb_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/minidump"
	"github.com/heapdump/heapdump/pkg/stackdb"
)

const (
	dbAt  = 0x2a0000
	codeA = 0x77000000 // a module
	codeZ = 0x77100000
)

// code is the predicate of a process with one module.
func code(a memory.Addr) bool { return a >= codeA && a < codeZ }

type kind struct {
	family synth.Family
	arch   synth.Arch
}

func (k kind) String() string { return fmt.Sprint(k.family, " ", k.arch) }

func kinds() []kind {
	var out []kind
	for _, f := range synth.Families() {
		out = append(out, kind{f, synth.X86}, kind{f, synth.X64})
	}
	return out
}

func (k kind) reader(m *memory.Space) stackdb.Reader {
	return stackdb.Reader{Memory: m, Bits: 8 * int(k.arch.PtrSize()), Old: k.family == synth.XP, Code: code}
}

// stacks makes n distinct stacks of various depths.
func stacks(n int) [][]uint64 {
	out := make([][]uint64, n)
	for i := range out {
		for j := range 1 + i%32 {
			out[i] = append(out[i], codeA+uint64(i)*0x40+uint64(j)*4)
		}
	}
	return out
}

func space(t testing.TB, img *synth.Image) *memory.Space {
	t.Helper()
	d := synth.NewDump(img.Arch)
	img.Apply(d)
	f, err := minidump.Parse(d.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return f.Memory(func(p diag.Problem) { t.Errorf("dump: %v", p) })
}

func equal(frames []memory.Addr, want []uint64) bool {
	return slices.EqualFunc(frames, want, func(a memory.Addr, b uint64) bool { return uint64(a) == b })
}
