package input

import (
	"os"

	"github.com/heapdump/heapdump/internal/mmap"
)

// inMemory is how much decompressed data is kept in memory, in bytes; what is
// larger goes to a temporary file.
const inMemory = 64 << 20

// spill takes decompressed bytes: in memory first, then in a file.
type spill struct {
	limit uint64
	size  uint64
	mem   []byte
	file  *os.File
	named bool // the file still has a name
}

// Write adds bytes, up to the limit.
func (s *spill) Write(b []byte) (int, error) {
	if s.size+uint64(len(b)) > s.limit {
		return 0, tooLarge(s.limit)
	}
	if s.file == nil && len(s.mem)+len(b) <= inMemory {
		s.mem = append(s.mem, b...)
		s.size += uint64(len(b))
		return len(b), nil
	}
	if s.file == nil {
		if err := s.open(); err != nil {
			return 0, &roomError{os.TempDir(), err}
		}
	}
	n, err := s.file.Write(b)
	s.size += uint64(n)
	if err != nil {
		return n, &roomError{os.TempDir(), err}
	}
	return n, nil
}

// open moves what is in memory to a temporary file, which loses its name at
// once where the system lets an open file do so: then nothing can leave it
// behind.
func (s *spill) open() error {
	f, err := os.CreateTemp("", "heapdump-*.tmp")
	if err != nil {
		return err
	}
	s.file, s.named = f, os.Remove(f.Name()) != nil
	_, err = f.Write(s.mem)
	s.mem = nil
	return err
}

// finish returns the bytes, the file that they are in (nil when they are in
// memory), and what gives both back.
func (s *spill) finish() ([]byte, *os.File, func() error, error) {
	if s.file == nil {
		data := s.mem
		s.mem = nil
		return data, nil, nil, nil
	}
	m, err := mmap.File(s.file)
	if err != nil {
		return nil, nil, nil, &roomError{os.TempDir(), err}
	}
	f, named := s.file, s.named
	s.file = nil
	return m.Data, f, func() error {
		err := m.Close()
		return firstError(err, drop(f, named))
	}, nil
}

// discard drops a file that finish did not hand over.
func (s *spill) discard() {
	if s.file != nil {
		_ = drop(s.file, s.named)
		s.file = nil
	}
}

// drop closes a temporary file and removes it if it has a name.
func drop(f *os.File, named bool) error {
	err := f.Close()
	if named {
		err = firstError(err, os.Remove(f.Name()))
	}
	return err
}

func firstError(a, b error) error {
	if a != nil {
		return a
	}
	return b
}
