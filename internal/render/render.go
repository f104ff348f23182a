// Package render turns a report.Document into text, Markdown, JSON, CSV, SARIF or JUnit, and streams
// of blocks into the same and NDJSON. It knows no dump: only tables and rows.
package render

import (
	"bufio"
	"fmt"
	"io"

	"github.com/heapdump/heapdump/internal/report"
)

// Format is an output format.
type Format uint8

// The formats.
const (
	FormatText Format = iota
	FormatJSON
	FormatCSV
	FormatNDJSON // a stream of blocks, or the rows of one table
	FormatMarkdown
	FormatSARIF // of findings, for code scanning
	FormatJUnit // of findings, as tests
	FormatHTML  // a page, which package html renders
)

// Options say how a document is rendered.
type Options struct {
	Format Format
	Color  bool   // text: escape sequences for titles
	Human  bool   // text: bytes with KiB, MiB, GiB
	Table  string // CSV, NDJSON: key of the table, empty for the document's main one

	// Written is how many of the document's first tables, with its title, were
	// written as text before the rest of it was known; 0 when none was.
	Written int
}

// Write renders a document.
func Write(w io.Writer, d *report.Document, o Options) error {
	bw := bufio.NewWriterSize(w, 64<<10)
	var err error
	switch o.Format {
	case FormatText:
		writeText(bw, d, o)
	case FormatJSON:
		writeJSON(bw, d)
	case FormatCSV:
		err = writeCSV(bw, d, o.Table)
	case FormatNDJSON:
		err = writeNDJSON(bw, d, o.Table)
	case FormatMarkdown:
		writeMarkdown(bw, d, o)
	case FormatSARIF:
		err = writeSARIF(bw, d)
	case FormatJUnit:
		err = writeJUnit(bw, d)
	default:
		err = fmt.Errorf("no document has this format")
	}
	if err != nil {
		return err
	}
	return bw.Flush()
}
