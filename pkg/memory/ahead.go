package memory

import "io"

// WithFile returns the space able to read ahead: image is the bytes of the
// whole dump file, which the runs alias, and f reads the same file. A nil f,
// or runs that alias something else, leave reading ahead unused.
func (s *Space) WithFile(image []byte, f io.ReaderAt) *Space {
	out := *s
	out.image, out.file = image, f
	return &out
}

// ReadAhead copies bytes from a on into buf by reading the file, not through
// its mapping, and returns how many: up to the end of the run that holds a; 0
// when a is missing or the file cannot be read so. Who passes over all of a
// large run saves its page faults that way; who picks bytes out of it uses
// View.
func (s *Space) ReadAhead(a Addr, buf []byte) int {
	if s.file == nil {
		return 0
	}
	i := s.find(a)
	if i < 0 {
		return 0
	}
	b := s.runs[i].Bytes
	// The runs' slices reach to the end of the image, so that their capacity
	// tells where in it they begin.
	off := cap(s.image) - cap(b)
	if off < 0 || off >= len(s.image) || &s.image[off] != &b[0] {
		return 0
	}
	skip := int(a - s.runs[i].Start)
	buf = buf[:min(len(buf), len(b)-skip)]
	n, err := s.file.ReadAt(buf, int64(off+skip))
	if n < len(buf) || err != nil && err != io.EOF {
		return 0
	}
	return n
}
