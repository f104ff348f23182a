package refs

import (
	"sync"

	"github.com/heapdump/heapdump/internal/mmap"
)

// pageMaker makes pages, ever more at a time, for several goroutines.
type pageMaker struct {
	mu    sync.Mutex
	ready []page
	last  int
}

// morePages bounds how many pages are made at a time, 16 MiB, and fewPages how
// many before they are made in memory of large pages, which a system has for
// some MiB at a time.
const (
	morePages = 2700
	fewPages  = 64
)

func (m *pageMaker) page() *page {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.ready) == 0 {
		if m.last = max(1, 2*m.last); m.last > fewPages {
			m.last = min(max(m.last, mmap.LargeBytes/pageBytes+1), morePages)
		}
		m.ready = mmap.Large[page](m.last)
	}
	p := &m.ready[0]
	m.ready = m.ready[1:]
	return p
}
