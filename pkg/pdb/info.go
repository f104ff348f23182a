package pdb

import "fmt"

// info reads the info stream: the identity, and the streams that have names.
func (f *File) info() (map[string]int, error) {
	s, ok := f.msf.stream(streamInfo)
	if !ok || len(s) < 28 {
		return nil, fmt.Errorf("%w: its info stream cannot be read", ErrDamaged)
	}
	f.infoAge = u32(s, 8)
	copy(f.guid[:], s[12:28])
	return named(s[28:]), nil
}

// named reads the hash table of the named streams: texts, then two sets of
// bits that say which buckets are in use and were, then an offset among the
// texts and a stream number for each in use. What is not whole is left out.
func named(s string) map[string]int {
	out := map[string]int{}
	next := func() (uint32, bool) {
		if len(s) < 4 {
			return 0, false
		}
		v := u32(s, 0)
		s = s[4:]
		return v, true
	}
	n, ok := next()
	if !ok || uint64(n) > uint64(len(s)) {
		return out
	}
	texts := s[:n]
	s = s[n:]
	size, ok1 := next()
	_, ok2 := next() // capacity
	if !ok1 || !ok2 {
		return out
	}
	for range 2 {
		words, ok := next()
		if !ok || uint64(words)*4 > uint64(len(s)) {
			return out
		}
		s = s[words*4:]
	}
	for range min(uint64(size), uint64(len(s)/8)) {
		key, _ := next()
		value, _ := next()
		if t := text(texts, key); t != "" && value < noStream {
			out[t] = int(value)
		}
	}
	return out
}

// names returns the texts of the /names stream, which file names are offsets
// into; empty when it cannot be read.
func (f *File) names(n int) string {
	const signature = 0xeffeeffe
	s, ok := f.msf.stream(n)
	if !ok || len(s) < 12 || u32(s, 0) != signature || uint64(u32(s, 8)) > uint64(len(s)-12) {
		f.partial = f.partial || n != 0
		return ""
	}
	return s[12 : 12+u32(s, 8)]
}
