package input

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/zstd"
)

// zipMember returns the contents of the one member of a zip.
func (in *Input) zipMember(data []byte) (io.ReadCloser, error) {
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return in.cutZip(data, err)
	}
	z.RegisterDecompressor(zstd.ZipMethodWinZip, zstd.ZipDecompressor(
		zstd.WithDecoderMaxWindow(MaxWindow), zstd.WithDecoderLowmem(true), zstd.WithDecoderConcurrency(1)))
	var files []*zip.File
	for _, f := range z.File {
		if !strings.HasSuffix(f.Name, "/") {
			files = append(files, f)
		}
	}
	if len(files) != 1 {
		return nil, manyMembers(files)
	}
	f := files[0]
	in.Member = f.Name
	if f.Flags&1 != 0 {
		return nil, fmt.Errorf("the zip's member %q is encrypted; extract it first", f.Name)
	}
	r, err := f.Open()
	if err != nil {
		return nil, fmt.Errorf("the zip's member %q (compression method %d): %w; extract it first", f.Name, f.Method, err)
	}
	return r, nil
}

// manyMembers says which members a zip has when it has not just one.
func manyMembers(files []*zip.File) error {
	if len(files) == 0 {
		return fmt.Errorf("the zip has no file in it")
	}
	const most = 5
	var names []string
	for _, f := range files[:min(len(files), most)] {
		name := f.Name
		if len(name) > 80 {
			name = name[:80] + "…"
		}
		names = append(names, fmt.Sprintf("%q", name))
	}
	list := strings.Join(names, ", ")
	if len(files) > most {
		list += fmt.Sprintf(" and %d more", len(files)-most)
	}
	return fmt.Errorf("the zip has %d files where one is expected: %s; extract the dump first", len(files), list)
}

// cutZip reads a zip whose directory, which stands at its end, is not there:
// the first member by its local header (APPNOTE 4.3.7), as far as it goes.
func (in *Input) cutZip(data []byte, cause error) (io.ReadCloser, error) {
	le := binary.LittleEndian
	if len(data) < 30 || le.Uint32(data) != 0x04034b50 {
		return nil, fmt.Errorf("the zip is damaged; copy it again: %w", cause)
	}
	flags, method := le.Uint16(data[6:]), le.Uint16(data[8:])
	name, extra := int(le.Uint16(data[26:])), int(le.Uint16(data[28:]))
	if 30+name+extra > len(data) || flags&1 != 0 {
		return nil, fmt.Errorf("the zip is cut short; copy it again: %w", cause)
	}
	in.Member = string(data[30:][:name])
	body := bytes.NewReader(data[30+name+extra:])
	switch method {
	case zip.Deflate:
		return &cut{flate.NewReader(body)}, nil
	case zip.Store:
		return &cut{io.NopCloser(body)}, nil
	}
	return nil, fmt.Errorf("the zip is cut short, and its compression method is %d; copy it again: %w", method, cause)
}

// cut is a stream that is known to be incomplete, whatever its decoder says.
type cut struct{ io.ReadCloser }

func (c *cut) Read(b []byte) (int, error) {
	n, err := c.ReadCloser.Read(b)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}
