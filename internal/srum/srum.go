// Package srum reads SRUDB.dat, the database of the System Resource Usage
// Monitor of Windows 8 and later: which programs used how much processor,
// disk and network, by the hour. It knows no dump.
//
// The database is an ESE file. www.velocidex.com/golang/go-ese, which stands
// behind this package alone, supplies the file header, the headers of pages and
// their tags. Its catalogue and row readers are not used: they panic on damaged
// files, print to standard output what they cannot decode, take the fill of a
// NULL column (0x2a2a2a2a) for a number, count rows that are deleted, and check
// neither the checksum of a page nor whose page it is. The rest of the library prints nothing while its
// variables Debug and DebugWalk are false, as they are.
package srum

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"www.velocidex.com/golang/go-ese/parser"
)

// MaxFile is the most bytes that a database may have. Those of machines have
// some megabytes to a hundred; the file is read whole.
const MaxFile = 1 << 30

// The tables of SRUM by their GUIDs.
const (
	AppIDs       = "SruDbIdMapTable"
	AppResources = "{D10CA2FE-6FCF-4F6D-848E-B2E99266FA89}" // cycles, input and output of programs
	NetworkData  = "{973F5D5C-1D90-4944-BE8E-24B94231A174}" // bytes sent and received
	AppTimeline  = "{5C8CF1C7-7257-4F13-B223-970EF5939312}" // spans of running, focus and input
	Connectivity = "{DD6636C4-8929-4683-974E-22C046A43763}" // connections to networks
	Energy       = "{FEE4E14F-02A9-4550-B5CE-5FA2DA202E37}" // battery
)

// ErrNotESE says that a file is no ESE database.
var ErrNotESE = errors.New("not an ESE database")

// State is the state in the header of the database.
type State uint32

// The states (JET_dbstate): whether the engine wrote the file out before it
// let go of it. A file copied from a running system is dirty: its newest rows
// may still stand in the log files (SRU*.log), which are not read.
const (
	Dirty State = 2
	Clean State = 3
)

// String says the state in a word.
func (s State) String() string {
	switch s {
	case Dirty:
		return "dirty"
	case Clean:
		return "clean"
	}
	return fmt.Sprintf("state %d", uint32(s))
}

// DB is a database in memory.
type DB struct {
	Path     string
	Size     uint64
	PageSize uint64
	State    State
	Verified bool     // pages have been compared with their checksums
	Catalog  Coverage // what could be read of the list of tables
	Copied   bool     // the list is damaged, and its copy, which is whole, was read

	ese    *parser.ESEContext
	data   []byte
	tables map[string]*table
}

// Coverage is what could be read of one table.
type Coverage struct {
	Table   string
	Present bool   // the catalogue has it
	Rows    int    // rows read
	BadRows int    // rows whose parts do not add up
	Deleted int    // rows that are marked as deleted, and left out
	Pages   int    // pages read
	Bad     int    // pages that are damaged or not in the file
	Why     string // what is wrong with the first of them; empty when nothing is
}

// Damaged reports whether something of the table could not be read.
func (c Coverage) Damaged() bool { return c.Bad > 0 || c.BadRows > 0 || c.Why != "" }

func (c *Coverage) bad(format string, args ...any) {
	c.Bad++
	if c.Why == "" {
		c.Why = fmt.Sprintf(format, args...)
	}
}

// Open reads the database in a file.
func Open(ctx context.Context, path string) (*DB, error) {
	st, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%s: no such file; copy C:\\Windows\\System32\\sru\\SRUDB.dat from the machine of the dump", path)
	case err != nil:
		return nil, fmt.Errorf("%s: %w", path, err)
	case st.IsDir():
		return nil, fmt.Errorf("%s: it is a directory; name the file SRUDB.dat in it", path)
	case !st.Mode().IsRegular():
		return nil, fmt.Errorf("%s: it is no regular file", path)
	case st.Size() > MaxFile:
		return nil, fmt.Errorf("%s: it has %d bytes, and at most %d are read", path, st.Size(), MaxFile)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	db, err := Parse(ctx, data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	db.Path = path
	return db, nil
}

// Parse reads the header and the list of tables of a database. It returns
// ErrNotESE for what is none, and the error of the context when it ends.
func Parse(ctx context.Context, data []byte) (db *DB, err error) {
	defer contain(&err)
	const header = 0x100
	if len(data) < header {
		return nil, fmt.Errorf("%w: %d bytes are too few", ErrNotESE, len(data))
	}
	if m := binary.LittleEndian.Uint32(data[4:]); m != 0x89abcdef {
		return nil, fmt.Errorf("%w: the signature is %#x and not 0x89abcdef", ErrNotESE, m)
	}
	ese, err := parser.NewESEContext(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotESE, err)
	}
	db = &DB{Size: uint64(len(data)), PageSize: uint64(ese.PageSize), data: data, ese: ese, Verified: ese.IsSmallPage()}
	db.State = State(binary.LittleEndian.Uint32(data[0x34:])) // JET_dbstate stands there in every format
	return db, db.readCatalog(ctx)
}

// contain makes an error of a panic of the library.
func contain(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("the database is damaged: its reader stopped with %v", p)
	}
}
