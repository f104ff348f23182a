package input

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// ErrTooLarge says that a compressed file grows beyond what is allowed.
var ErrTooLarge = errors.New("it decompresses to more than is allowed")

// limitOf returns how many bytes may be decompressed from a file of size bytes.
func limitOf(o Options, size uint64) uint64 {
	if o.MaxInput > 0 {
		return o.MaxInput
	}
	if size > DefaultMaxInput/MaxRatio {
		return DefaultMaxInput
	}
	return min(DefaultMaxInput, max(RatioFrom, size*MaxRatio))
}

// tooLarge is what the spill says at its limit.
func tooLarge(limit uint64) error {
	return fmt.Errorf("%w: over %d bytes; if the file can be trusted, raise --max-input or decompress it first", ErrTooLarge, limit)
}

// roomError is a failure to write the temporary file.
type roomError struct {
	dir string
	err error
}

func (e *roomError) Error() string {
	return fmt.Sprintf("decompressing into %s: %v; set TMPDIR to where there is room, or decompress the file yourself", e.dir, e.err)
}

func (e *roomError) Unwrap() error { return e.err }

// fatal reports whether an error of decompression leaves nothing to go on
// with: the limit, the user, the disk, or a file that no part can be read of.
func fatal(err error) bool {
	var room *roomError
	return errors.Is(err, ErrTooLarge) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) ||
		errors.As(err, &room) || errors.Is(err, zstd.ErrWindowSizeExceeded)
}

// failed words an error of decompression.
func (in *Input) failed(err error) error {
	var room *roomError
	switch {
	case errors.Is(err, zstd.ErrWindowSizeExceeded):
		return fmt.Errorf("the zstd data needs a window above %d MiB; decompress it first with `zstd -d --long=31`: %w", MaxWindow>>20, err)
	case errors.Is(err, ErrTooLarge), errors.As(err, &room), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	}
	return fmt.Errorf("the %s data is %s and nothing of it can be decompressed; copy the file again: %w", in.Compressed, damage(err), err)
}

// note says how far n decompressed bytes can be trusted.
func (in *Input) note(err error, n int64) string {
	if errors.Is(err, zstd.ErrCRCMismatch) || errors.Is(err, gzip.ErrChecksum) || errors.Is(err, zip.ErrChecksum) {
		return fmt.Sprintf("the %s data does not match its checksum: some of the %d bytes of the dump are wrong", in.Compressed, n)
	}
	return fmt.Sprintf("the %s data is %s after %d bytes of the dump; the rest is lost", in.Compressed, damage(err), n)
}

// damage says in a word what is wrong with compressed data.
func damage(err error) string {
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return "cut short"
	}
	return fmt.Sprintf("damaged (%v)", err)
}

// cancelled is a reader that a context can stop.
type cancelled struct {
	r   io.Reader
	ctx context.Context
}

func (c *cancelled) Read(b []byte) (int, error) {
	if c.ctx != nil && c.ctx.Err() != nil {
		return 0, c.ctx.Err()
	}
	return c.r.Read(b)
}
