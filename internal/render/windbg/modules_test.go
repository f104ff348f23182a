package windbg_test

import (
	"strings"
	"testing"

	"github.com/heapdump/heapdump/internal/render/windbg"
)

// TestModules: rows of lm as they were published: Microsoft's pages on bug
// check 0x117 (atikmpag) and on lm (swmidi.sys), a write-up of a 64-bit
// Notepad with symbols, one of a 32-bit server without.
func TestModules(t *testing.T) {
	const notepad = `c:\symbols\ms\notepad.pdb\187DDA8685B2AE461B8B6C4FC32FA79C1\notepad.pdb`
	for _, x := range []struct {
		bits int
		m    windbg.Module
		want string
	}{
		{32, windbg.Module{Start: 0x9a01a000, End: 0x9a09a000, Name: "atikmpag", Mark: "T", Symbols: "(no symbols)"}, "9a01a000 9a09a000   atikmpag T (no symbols)           "},
		{32, windbg.Module{Start: 0x3760000, End: 0x379d000, Name: "SBH", Mark: "T", Symbols: "(no symbols)"}, "03760000 0379d000   SBH      T (no symbols)           "},
		{32, windbg.Module{Start: 0x400000, End: 0xc0c000, Name: "FastBackServer", Symbols: "(deferred)"}, "00400000 00c0c000   FastBackServer   (deferred)             "},
		{32, windbg.Module{Start: 0x10000000, End: 0x1003d000, Name: "SNFS", Symbols: "(deferred)"}, "10000000 1003d000   SNFS       (deferred)             "},
		{64, windbg.Module{Start: 0x7ff6320a0000, End: 0x7ff6320fa000, Name: "notepad", Symbols: "(pdb symbols)", File: notepad},
			"00007ff6`320a0000 00007ff6`320fa000   notepad    (pdb symbols)          " + notepad},
		{64, windbg.Module{Start: 0x7ffb28530000, End: 0x7ffb28649000, Name: "gdi32full", Symbols: "(pdb symbols)", File: "x"},
			"00007ffb`28530000 00007ffb`28649000   gdi32full   (pdb symbols)          x"},
	} {
		if got := (windbg.Modules{Bits: x.bits}).Row(x.m); got != x.want {
			t.Errorf("%q, want %q", got, x.want)
		}
	}
	if got := (windbg.Modules{Bits: 32}).UnloadedRow(windbg.Module{Start: 0xf9f53000, End: 0xf9f61000, Name: "swmidi.sys"}); got != "f9f53000 f9f61000   swmidi.sys" {
		t.Errorf("%q", got)
	}
}

// TestModulesVerbose: lmv of atikmpag as Microsoft's page on bug check 0x117
// has it, but for the lines on what only a symbol server knows. Its time is
// that of a machine eight hours behind: 52A23190 is 20:20:32 UTC.
func TestModulesVerbose(t *testing.T) {
	var b strings.Builder
	err := windbg.WriteModules(&b, windbg.Modules{Bits: 32, Verbose: true, Loaded: []windbg.Module{{Start: 0x9a01a000, End: 0x9a09a000, Name: "atikmpag", Mark: "T",
		Symbols: "(no symbols)", Path: "atikmpag.sys", Image: "atikmpag.sys", Timestamp: 0x52a23190, Checksum: 0x7e58a, ByteSize: 0x80000}},
		Unloaded: []windbg.Module{{Start: 0xfb0ae000, End: 0xfb0b0000, Name: "splitter.sys"}}})
	want := `start    end        module name
9a01a000 9a09a000   atikmpag T (no symbols)           
    Image path: atikmpag.sys
    Image name: atikmpag.sys
    Timestamp:        Fri Dec  6 20:20:32 2013 (52A23190)
    CheckSum:         0007E58A
    ImageSize:        00080000

Unloaded modules:
fb0ae000 fb0b0000   splitter.sys
`
	if err != nil || b.String() != want {
		t.Errorf("%v\n%s", err, b.String())
	}
}
