package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
)

// output is where the result goes: a stream, or a file that is written beside
// its place and put there when all of it is written.
type output struct {
	mu   sync.Mutex
	path string
	temp *os.File
}

// open returns the writer of the result. A file that exists and is no regular
// one (a device, a pipe) is written to directly.
func (o *output) open(path string, stdout io.Writer) (io.Writer, error) {
	if path == "" || path == "-" {
		return stdout, nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if st, err := os.Stat(path); err == nil && !st.Mode().IsRegular() {
		if st.IsDir() {
			return nil, usagef("-o %s: it is a directory", path)
		}
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return nil, writeFailed(err)
		}
		return f, nil
	}
	name := filepath.Join(filepath.Dir(path), fmt.Sprintf(".%s.%d.tmp", filepath.Base(path), os.Getpid()))
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o666)
	if err != nil {
		return nil, &failure{exitInput, fmt.Errorf("-o %s: cannot write there: %w", path, err)}
	}
	o.path, o.temp = path, f
	return f, nil
}

// commit puts the file in its place.
func (o *output) commit() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.temp == nil {
		return nil
	}
	name := o.temp.Name()
	err := errors.Join(o.temp.Close())
	if err == nil {
		err = os.Rename(name, o.path)
	}
	o.temp = nil
	if err != nil {
		os.Remove(name)
		return &failure{exitInput, fmt.Errorf("-o %s: cannot write it: %w", o.path, err)}
	}
	return nil
}

// abort removes what was written; after a commit it does nothing.
func (o *output) abort() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.temp == nil {
		return
	}
	o.temp.Close()
	os.Remove(o.temp.Name())
	o.temp = nil
}

// writeFailed makes a failure of an error in writing the result.
func writeFailed(err error) error {
	if err == nil {
		return nil
	}
	return &failure{exitInput, fmt.Errorf("cannot write the result: %w", err)}
}
