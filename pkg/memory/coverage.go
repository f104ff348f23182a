package memory

// Coverage says how much of a process's memory a dump has, in bytes.
type Coverage struct {
	Saved          uint64 // in the dump, each address once
	Cut            uint64 // promised by the dump's lists but beyond the end of the file
	Committed      uint64 // committed in the process; 0 when the regions are not known
	CommittedSaved uint64 // of these, in the dump
}

// Coverage adds up the space.
func (s *Space) Coverage() Coverage {
	var c Coverage
	for _, r := range s.runs {
		c.Saved += uint64(len(r.Bytes))
	}
	for _, r := range s.cut {
		c.Cut += min(r.Size(), ^uint64(0)-c.Cut)
	}
	if !s.known {
		return c
	}
	for _, r := range s.regions {
		if r.State == MemCommit {
			c.Committed += r.Size()
			c.CommittedSaved += s.Saved(r.Range)
		}
	}
	return c
}
