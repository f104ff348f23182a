package stackdb

import (
	"encoding/binary"

	"github.com/heapdump/heapdump/pkg/memory"
)

// Section is an RTL_CRITICAL_SECTION that its RTL_CRITICAL_SECTION_DEBUG
// vouches for.
type Section struct {
	Address   memory.Addr
	Debug     memory.Addr // its RTL_CRITICAL_SECTION_DEBUG
	Index     uint32      // of the stack that created it; 0 when none was captured
	Owner     uint64      // thread id; 0 when nobody was inside
	Recursion uint32
	Linked    bool // its neighbours on ProcessLocksList lead back to it
}

// SectionSize returns the bytes of an RTL_CRITICAL_SECTION.
func (r Reader) SectionSize() uint64 { return 8 + 4*r.ptr() }

// Section reads the critical section at a, as public symbols have it. ok is
// false when its first word leads to no debug information (-1 says since
// Windows 8 that there is none), when that names another section, or when the
// list that it stands on contradicts it.
//
//	RTL_CRITICAL_SECTION:        RTL_CRITICAL_SECTION_DEBUG:
//	0       DebugInfo            0      Type: 0, of a resource 1
//	4/8     LockCount            2      CreatorBackTraceIndex
//	8/c     RecursionCount       4/8    CriticalSection: back
//	c/10    OwningThread         8/10   ProcessLocksList
//	                             1c/2c  CreatorBackTraceIndexHigh (Vista and later)
func (r Reader) Section(a memory.Addr) (s Section, ok bool) {
	p := r.ptr()
	head := r.frames(a, 3)
	if a == 0 || uint64(a)%p != 0 || len(head) < 3 || head[0] == 0 || uint64(head[0])%p != 0 {
		return s, false
	}
	s = Section{Address: a, Debug: head[0]}
	b, err := r.Memory.View(s.Debug, 0x10+4*p)
	if err != nil || binary.LittleEndian.Uint16(b) > 1 {
		return s, false
	}
	words := r.frames(s.Debug.Add(p), 3)
	if len(words) < 3 || words[0] != a || !r.linked(&s, words[1], words[2]) {
		return s, false
	}
	s.Index = uint32(binary.LittleEndian.Uint16(b[2:]))
	if high := 0xc + 4*p; !r.Old {
		s.Index |= uint32(binary.LittleEndian.Uint16(b[high:])) << 16
	}
	if own, err := r.Memory.View(a.Add(p+4), 4); err == nil {
		s.Recursion = binary.LittleEndian.Uint32(own)
	}
	if own := r.frames(a.Add(p+8), 1); len(own) == 1 {
		s.Owner = uint64(own[0])
	}
	return s, true
}

// linked follows the section's links on ProcessLocksList, one step each way:
// what they lead to has to lead back. A neighbour that the dump lacks says
// nothing; no links at all are those of a section that was taken off.
func (r Reader) linked(s *Section, next, previous memory.Addr) bool {
	p := r.ptr()
	here := s.Debug.Add(2 * p)
	if next == 0 && previous == 0 {
		return true
	}
	back, forth := r.frames(next.Add(p), 1), r.frames(previous, 1)
	if next == 0 || previous == 0 || len(back) == 1 && back[0] != here || len(forth) == 1 && forth[0] != here {
		return false
	}
	s.Linked = len(back) == 1 || len(forth) == 1
	return true
}

// SectionIndex returns the index of the stack that created a critical
// section. ok is false when [Reader.Section] finds none, or when no stack was
// captured.
func (r Reader) SectionIndex(section memory.Addr) (index uint32, ok bool) {
	s, ok := r.Section(section)
	if !ok || s.Index == 0 {
		return 0, false
	}
	return s.Index, true
}

// SectionAt returns the critical section that a lies in, if one does: its
// debug information has to name it, and the list of all sections to confirm
// it.
func (r Reader) SectionAt(a memory.Addr) (Section, bool) {
	p := r.ptr()
	for back := uint64(a) % p; back < r.SectionSize() && back <= uint64(a); back += p {
		if s, ok := r.Section(a - memory.Addr(back)); ok && s.Linked {
			return s, true
		}
	}
	return Section{}, false
}
