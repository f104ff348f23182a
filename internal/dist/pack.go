package main

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"io"
	"os"
	"slices"
	"strings"
	"time"
)

// file is a file of an archive, or an archive.
type file struct {
	name    string // with slashes
	data    []byte
	program bool // may be run
}

func (f file) mode() os.FileMode {
	if f.program {
		return 0o755
	}
	return 0o644
}

// byName returns files in the order of their names.
func byName(files []file) []file {
	return slices.SortedFunc(slices.Values(files), func(a, b file) int { return strings.Compare(a.name, b.name) })
}

// tarball packs files, which belong to nobody in particular and are all of one
// date.
func tarball(w io.Writer, files []file, date time.Time) error {
	z, err := gzip.NewWriterLevel(w, gzip.BestCompression)
	if err != nil {
		return err
	}
	t := tar.NewWriter(z)
	for _, f := range byName(files) {
		h := &tar.Header{Typeflag: tar.TypeReg, Name: f.name, Size: int64(len(f.data)), Mode: int64(f.mode()), ModTime: date, Format: tar.FormatUSTAR}
		if err := t.WriteHeader(h); err != nil {
			return err
		}
		if _, err := t.Write(f.data); err != nil {
			return err
		}
	}
	if err := t.Close(); err != nil {
		return err
	}
	return z.Close()
}

// zipped packs files for Windows.
func zipped(w io.Writer, files []file, date time.Time) error {
	z := zip.NewWriter(w)
	for _, f := range byName(files) {
		h := &zip.FileHeader{Name: f.name, Method: zip.Deflate, Modified: date}
		h.SetMode(f.mode())
		o, err := z.CreateHeader(h)
		if err != nil {
			return err
		}
		if _, err := o.Write(f.data); err != nil {
			return err
		}
	}
	return z.Close()
}
