package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
)

// output is where results go: a stream, or files that are written beside their
// places and put there when all of them are written.
type output struct {
	mu    sync.Mutex
	files []tempFile
}

// tempFile is a file that is written beside its place.
type tempFile struct {
	path string
	temp *os.File
}

// open returns the writer of a result. A file that exists and is no regular
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
	f, err := createBeside(path)
	if err != nil {
		return nil, &failure{exitInput, fmt.Errorf("-o %s: cannot write there: %w", path, err)}
	}
	o.files = append(o.files, tempFile{path, f})
	return f, nil
}

// createBeside creates a file in the folder of path, by a name that nobody can know
// before: in a folder that others write to, a link by that name would lead the
// result elsewhere. The file's mode is the user's, as that of any output is.
func createBeside(path string) (*os.File, error) {
	for try := 0; ; try++ {
		name := filepath.Join(filepath.Dir(path), fmt.Sprintf(".%s.%08x.tmp", filepath.Base(path), rand.Uint32()))
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		if err == nil || !errors.Is(err, fs.ErrExist) || try == 99 {
			return f, err
		}
	}
}

// commit puts the files in their places. Those that come after one that cannot
// be are not put there either.
func (o *output) commit() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	var failed error
	for _, f := range o.files {
		name := f.temp.Name()
		err := errors.Join(f.temp.Close())
		if err == nil && failed == nil {
			err = os.Rename(name, f.path)
		}
		if err != nil && failed == nil {
			failed = &failure{exitInput, fmt.Errorf("-o %s: cannot write it: %w", f.path, err)}
		}
		if failed != nil {
			os.Remove(name)
		}
	}
	o.files = nil
	return failed
}

// abort removes what was written; after a commit it does nothing.
func (o *output) abort() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, f := range o.files {
		f.temp.Close()
		os.Remove(f.temp.Name())
	}
	o.files = nil
}

// writeFailed makes a failure of an error in writing the result.
func writeFailed(err error) error {
	if err == nil {
		return nil
	}
	return &failure{exitInput, fmt.Errorf("cannot write the result: %w", err)}
}
