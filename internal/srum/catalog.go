package srum

import (
	"context"
	"fmt"
	"slices"
	"unicode/utf16"
)

// The catalogue is a table of its own, at a fixed place and with fixed columns,
// and so is its copy, MSysObjectsShadow: in a real SRUDB.dat and in every other
// database that was looked at they stand here.
const (
	catalogPage   = 4
	catalogObject = 2
	shadowPage    = 24
	shadowObject  = 3

	catalogTable  = 1
	catalogColumn = 2
)

// catalogColumns are the columns of MSysObjects. A row has as many of the fixed
// ones as its first byte says: databases of 2021 have up to 12, one of 2024 (of
// BITS, revision 300) has a thirteenth of 8 bytes, a FILETIME by its looks.
func catalogColumns() []column {
	out := []column{}
	for i, s := range []struct {
		name string
		typ  uint32
		size int
	}{{"ObjidTable", typeLong, 4}, {"Type", typeShort, 2}, {"Id", typeLong, 4}, {"ColtypOrPgnoFDP", typeLong, 4}, {"SpaceUsage", typeLong, 4},
		{"Flags", typeLong, 4}, {"PagesOrLocale", typeLong, 4}, {"RootFlag", 1, 1}, {"RecordOffset", typeShort, 2}, {"LCMapFlags", typeLong, 4},
		{"KeyMost", typeUShort, 2}, {"LVChunkMax", typeLong, 4}, {"", typeLongLong, 8}} {
		out = append(out, column{uint32(i + 1), s.name, s.typ, s.size})
	}
	return append(out, column{id: firstVariable, name: "Name"})
}

// table is a table of the catalogue.
type table struct {
	name         string
	object, root uint32
	columns      []column
}

// readCatalog reads the tables and their columns; of a damaged catalogue from the
// copy as well. Columns are joined to tables by the number of the object, not by
// their order.
func (d *DB) readCatalog(ctx context.Context) error {
	d.tables = map[string]*table{}
	columns := map[uint32]map[uint32]column{}
	var err error
	d.Catalog, err = d.readObjects(ctx, &table{name: "MSysObjects", object: catalogObject, root: catalogPage, columns: catalogColumns()}, columns)
	if err == nil && d.Catalog.Damaged() {
		var copied Coverage
		copied, err = d.readObjects(ctx, &table{name: "MSysObjectsShadow", object: shadowObject, root: shadowPage, columns: catalogColumns()}, columns)
		d.Copied = !copied.Damaged()
	}
	for _, t := range d.tables {
		for _, c := range columns[t.object] {
			t.columns = append(t.columns, c)
		}
		slices.SortFunc(t.columns, func(a, b column) int { return int(a.id) - int(b.id) })
	}
	return err
}

// readObjects adds what one of the two catalogues lists.
func (d *DB) readObjects(ctx context.Context, t *table, columns map[uint32]map[uint32]column) (Coverage, error) {
	return d.rows(ctx, t, []string{"ObjidTable", "Type", "Id", "ColtypOrPgnoFDP", "SpaceUsage", "Name"}, func(v []Value) {
		for _, x := range v {
			if !x.Known {
				return
			}
		}
		object, name := uint32(v[0].Int), string(v[5].Bytes)
		switch v[1].Int {
		case catalogTable:
			d.tables[name] = &table{name: name, object: object, root: uint32(v[3].Int)}
		case catalogColumn:
			if size := v[4].Int; v[2].Int > 0 && size >= 0 && size < 1<<16 {
				if columns[object] == nil {
					columns[object] = map[uint32]column{}
				}
				columns[object][uint32(v[2].Int)] = column{uint32(v[2].Int), name, uint32(v[3].Int), int(size)}
			}
		}
	})
}

// Rows calls visit with the cells of the named columns for every row of a table
// that can be read, in no order, and says what could not. The values are
// overwritten by the next row. The error is that of the context, or says that
// the reader gave up.
func (d *DB) Rows(ctx context.Context, name string, columns []string, visit func([]Value)) (c Coverage, err error) {
	t := d.tables[name]
	if t == nil {
		return Coverage{Table: name}, nil
	}
	return d.rows(ctx, t, columns, visit)
}

func (d *DB) rows(ctx context.Context, t *table, names []string, visit func([]Value)) (c Coverage, err error) {
	c = Coverage{Table: t.name, Present: true}
	defer func() {
		// The library is asked for page headers and tags only, all within the file; a
		// panic of it would cost this table and no other.
		if p := recover(); p != nil {
			c.bad("the reader stopped: %v", p)
		}
	}()
	wanted := make([]int, len(t.columns))
	missing := slices.Clone(names)
	for i, col := range t.columns {
		wanted[i] = slices.Index(names, col.name)
		missing = slices.DeleteFunc(missing, func(s string) bool { return s == col.name })
	}
	if len(missing) > 0 {
		c.Why = fmt.Sprintf("it has no column %s", missing[0])
	}
	large := !d.ese.IsSmallPage() && d.ese.IsExtendedPageRevision()
	values := make([]Value, len(names))
	err = d.walk(ctx, t.root, t.object, &c, func(raw []byte) {
		r, ok := split(raw, t.columns, large)
		if !ok {
			c.BadRows++
			return
		}
		c.Rows++
		r.values(t.columns, wanted, values)
		visit(values)
	})
	if c.BadRows > 0 && c.Why == "" {
		c.Why = fmt.Sprintf("%d rows do not fit the table's columns", c.BadRows)
	}
	return c, err
}

// Kind is what an identifier of SruDbIdMapTable names.
type Kind int64

// The kinds of identifier, as the real sample shows them.
const (
	Program Kind = 0 // a path, or !!name!link time!checksum![group] [service]
	Service Kind = 1
	Package Kind = 2 // of the Store, or one of its programs
	User    Kind = 3 // a SID
)

// App is an entry of SruDbIdMapTable that is no user.
type App struct {
	ID   int64
	Kind Kind
	Name string // as it is written there
}

// Apps reads the programs that the tables name by number.
func (d *DB) Apps(ctx context.Context) ([]App, Coverage, error) {
	var out []App
	lost := 0
	c, err := d.Rows(ctx, AppIDs, []string{"IdType", "IdIndex", "IdBlob"}, func(v []Value) {
		if v[0].Known && v[0].Int == int64(User) || v[2].Null {
			return // identifier 1 of a real SRUDB.dat has no name: rows of no program
		}
		if !v[0].Known || !v[1].Known || !v[2].Known {
			lost++
			return
		}
		out = append(out, App{v[1].Int, Kind(v[0].Int), text(v[2].Bytes)})
	})
	if c.BadRows += lost; lost > 0 && c.Why == "" {
		c.Why = fmt.Sprintf("%d names are stored in a way that is not read", lost)
	}
	slices.SortFunc(out, func(a, b App) int { return int(a.ID - b.ID) })
	return out, c, err
}

// text is UTF-16 up to its end or its NUL.
func text(b []byte) string {
	u := make([]uint16, 0, len(b)/2)
	for ; len(b) >= 2; b = b[2:] {
		w := uint16(b[0]) | uint16(b[1])<<8
		if w == 0 {
			break
		}
		u = append(u, w)
	}
	return string(utf16.Decode(u))
}
