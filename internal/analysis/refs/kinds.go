package refs

import (
	"fmt"
	"strings"
)

// Kind is a kind of root.
type Kind uint8

// The kinds of root.
const (
	Module   Kind = iota // writable data of an image
	Private              // committed private memory of no heap, stack or TEB
	Mapped               // writable memory of a mapped file or section
	TEB                  // thread environment blocks
	Stack                // from a thread's stack pointer to its stack's base
	Register             // registers of a thread
	lost                 // what the walk of a damaged heap could not make blocks of
	kinds
)

var kindNames = [kinds]string{"module", "private", "mapped", "teb", "stack", "register", "lost"}

// String returns the kind's name, as --roots and JSON have it.
func (k Kind) String() string {
	if k < kinds {
		return kindNames[k]
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// KindNames returns the names of the kinds of root.
func KindNames() []string { return kindNames[:lost] }

// Kinds is a set of kinds of root. The zero set is all of them.
type Kinds uint8

// ParseKinds reads the names of kinds: those to take, or, with a minus before
// each, those to leave out.
func ParseKinds(names []string) (Kinds, error) {
	set, without := Kinds(0), Kinds(0)
	for _, name := range names {
		bare, minus := strings.CutPrefix(name, "-")
		k := Kind(0)
		for ; k < lost && kindNames[k] != bare; k++ {
		}
		switch {
		case k == lost:
			return 0, fmt.Errorf("no kind of root %q: write %s", name, strings.Join(kindNames[:lost], ", "))
		case minus:
			without |= 1 << k
		default:
			set |= 1 << k
		}
	}
	if set == 0 {
		set = 1<<lost - 1
	}
	if set &^= without; set == 0 {
		return 0, fmt.Errorf("no kind of root is left")
	}
	return set, nil
}

// has reports whether the roots of a kind are looked at. Damaged stretches
// always are: a block whose only pointer is lost is not leaked.
func (s Kinds) has(k Kind) bool { return s == 0 || k == lost || s>>k&1 != 0 }

// onlyStack reports whether a root of the kind ends with a function.
func (k Kind) onlyStack() bool { return k == Stack || k == Register }
