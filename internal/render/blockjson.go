package render

import "strconv"

// same is the parts of objects that most blocks share with the one before:
// they are made once and copied.
type same struct {
	head          []byte // up to the entry
	heap, segment uint64 // that head is of
	inSegment     bool
	tail          [2]tail // of free and of busy blocks
}

// tail is the part from state to trust.
type tail struct {
	bytes                []byte
	state, origin, trust string
	flags                uint8
}

func (s *same) headOf(r *BlockRow) []byte {
	if len(s.head) > 0 && s.heap == r.Heap && s.segment == r.Segment && s.inSegment == r.InSegment {
		return s.head
	}
	b := appendAddress(append(s.head[:0], `{"heap":"`...), r.Heap)
	if r.InSegment {
		b = append(appendAddress(append(b, `","segment":"`...), r.Segment), '"')
	} else {
		b = append(b, `","segment":null`...)
	}
	s.head, s.heap, s.segment, s.inSegment = append(b, `,"entry":"`...), r.Heap, r.Segment, r.InSegment
	return s.head
}

func (s *same) tailOf(r *BlockRow) []byte {
	t := &s.tail[0]
	if r.Busy {
		t = &s.tail[1]
	}
	if t.flags == r.Flags && t.state == r.State && t.origin == r.Origin && t.trust == r.Trust && len(t.bytes) > 0 {
		return t.bytes
	}
	b := append(append(t.bytes[:0], `,"state":"`...), r.State...)
	b = append(append(b, `","origin":"`...), r.Origin...)
	b = strconv.AppendUint(append(b, `","flags":"0x`...), uint64(r.Flags), 16)
	b = append(append(append(b, `","trust":"`...), r.Trust...), '"')
	t.bytes, t.flags, t.state, t.origin, t.trust = b, r.Flags, r.State, r.Origin, r.Trust
	return b
}

func (s *same) appendBlock(b []byte, r *BlockRow) []byte {
	b = appendAddress(append(b, s.headOf(r)...), r.Entry)
	if r.Busy {
		b = appendAddress(append(b, `","user":"`...), r.User)
		b = append(b, `","block_bytes":`...)
	} else {
		b = append(b, `","user":null,"block_bytes":`...)
	}
	b = strconv.AppendUint(b, r.BlockBytes, 10)
	b = append(b, `,"user_bytes":`...)
	b = strconv.AppendUint(b, r.userBytes(), 10)
	b = append(b, s.tailOf(r)...)
	if r.LFH {
		b = appendBucketJSON(b, r)
	}
	b = appendStackJSON(b, r)
	if r.Type != "" {
		b = appendString(append(b, `,"type":`...), r.Type)
		b = append(append(append(b, `,"type_how":"`...), r.TypeHow...), '"')
	}
	if r.CRT.Known {
		b = appendCRTJSON(b, &r.CRT)
	}
	return append(b, '}')
}

func appendBucketJSON(b []byte, r *BlockRow) []byte {
	b = append(b, `,"bucket":`...)
	if !r.BucketKnown {
		return append(b, "null"...)
	}
	return strconv.AppendUint(b, uint64(r.Bucket), 10)
}

func appendCRTJSON(b []byte, c *CRTBlock) []byte {
	b = append(append(b, `,"crt":{"type":"`...), c.Type...)
	b = appendSome(append(b, `","request":`...), c.Request)
	b = append(b, `,"file":`...)
	if c.File == "" {
		b = append(b, "null"...)
	} else {
		b = appendString(b, c.File)
	}
	b = appendSome(append(b, `,"line":`...), c.Line)
	b = appendAddress(append(b, `,"user":"`...), c.User)
	b = strconv.AppendUint(append(b, `","user_bytes":`...), c.UserBytes, 10)
	return append(b, '}')
}

// appendSome appends a number, or null for 0.
func appendSome(b []byte, n uint32) []byte {
	if n == 0 {
		return append(b, "null"...)
	}
	return strconv.AppendUint(b, uint64(n), 10)
}

// appendStackJSON appends the keys of a stack, if there is one.
func appendStackJSON(b []byte, r *BlockRow) []byte {
	if len(r.Stack) == 0 {
		return b
	}
	b = append(b, `,"stack":[`...)
	for i, a := range r.Stack {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendAddress(append(b, '"'), a), '"')
	}
	b = append(b, `],"stack_names":[`...)
	for i, s := range r.StackNames {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, s)
	}
	return append(b, ']')
}
