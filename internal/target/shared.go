package target

import (
	"errors"
	"io"
	"sync"
)

// shared is what several analyses of one dump have in common.
type shared struct {
	mu   sync.Mutex
	made map[any]func() any
	kept []io.Closer
}

// Shared returns what make made at the first call with key: what several
// analyses need and is dear to make, such as the names of addresses. It may
// be called by several goroutines at once.
func (t *Target) Shared(key any, make func() any) any {
	t.shared.mu.Lock()
	once, ok := t.shared.made[key]
	if !ok {
		if t.shared.made == nil {
			t.shared.made = map[any]func() any{}
		}
		once = sync.OnceValue(make)
		t.shared.made[key] = once
	}
	t.shared.mu.Unlock()
	return once()
}

// Keep closes c with the target.
func (t *Target) Keep(c io.Closer) {
	t.shared.mu.Lock()
	defer t.shared.mu.Unlock()
	t.shared.kept = append(t.shared.kept, c)
}

// OnDisk reports whether the dump is a file, whose folder may have more of it.
func (t *Target) OnDisk() bool { return t.in != nil }

func (s *shared) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var err error
	for _, c := range s.kept {
		err = errors.Join(err, c.Close())
	}
	s.kept = nil
	return err
}
