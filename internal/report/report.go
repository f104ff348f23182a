// Package report says what a result looks like before it is text: a Document
// of typed tables, and the documents that heapdump makes of its analyses. It
// computes no number that an analysis could, and it knows no output format.
package report

// SchemaVersion is the version of the JSON and CSV contract: the second number
// grows with every new key, the first with every key that changes or goes.
const SchemaVersion = "1.3"

// Document is one result: what a command prints.
type Document struct {
	Title  string // first line of text
	Tables []Table
	Notes  []string // sentences at the end of text
	Triage *Triage  // the findings behind the tables; nil when the result has none
	// Warnings are what must be known before the numbers are trusted; text has
	// them as notes or in tables.
	Warnings []Warning
	// Pictures are for HTML alone; nil when there are none.
	Pictures *Pictures
}

// Kind is the kind of value that a column holds. Cells of any kind may be nil,
// which is "the dump does not hold it": "-" in text, null in JSON, empty in
// CSV, and never 0.
type Kind uint8

// The kinds of column.
const (
	Text    Kind = iota // string; what the dump says is escaped by the renderer
	Address             // uint64, an address in the process
	Bytes               // uint64 or int64, a number of bytes
	KiB                 // uint64 bytes; whole KiB in text, bytes in JSON
	Count               // any integer
	Percent             // float64
	Hex                 // uint64, a word of flags; in text and JSON with 0x
	Yes                 // bool
	List                // []string
	Stack               // []uint64, return addresses, innermost first; for programs
	Nested              // *Table; an array of objects in JSON, and in nothing else
)

// Column is a column of a table. Key is its name in JSON and CSV, Title its
// name in text, where \n begins a second line of the heading.
type Column struct {
	Key, Title string
	Kind       Kind
}

// Shape is the shape of a table.
type Shape uint8

// The shapes of table.
const (
	Grid   Shape = iota // rows and columns; an array of objects in JSON
	Record              // one row; lines of "title  value" in text, an object in JSON
	Values              // one column; lines in text, an array of values in JSON
)

// Media says in which kinds of output a table stands.
type Media uint8

// The media of a table.
const (
	Everywhere  Media = iota
	ForPeople         // text only: a view of numbers that stand elsewhere in JSON
	ForPrograms       // JSON and CSV only
	ForRows           // CSV and NDJSON only: rows that stand nested in JSON
)

// Table is a table of a Document.
type Table struct {
	Key, Title string
	Shape      Shape
	Media      Media
	Columns    []Column
	Rows       [][]any
	Total      []any    // a last row in text, after a rule
	Notes      []string // sentences under the table in text
	Main       bool     // what CSV holds when no other table is asked for
	Tight      bool     // text: one blank between columns, for wide tables
	Flat       bool     // JSON: the columns of a record are keys of the document itself
	Wrap       bool     // text: the lines of Values are sentences, broken to fit
	Empty      string   // what text says of a table without rows; "" leaves the table out
}

// Table returns the table with a key, false when the document has none.
func (d *Document) Table(key string) (*Table, bool) {
	for i := range d.Tables {
		if d.Tables[i].Key == key && d.Tables[i].Media != ForPeople {
			return &d.Tables[i], true
		}
	}
	return nil, false
}

// Main returns the table that CSV holds by default; nil when there is none.
func (d *Document) Main() *Table {
	for i := range d.Tables {
		if d.Tables[i].Main {
			return &d.Tables[i]
		}
	}
	return nil
}

// add appends a table.
func (d *Document) add(t ...Table) { d.Tables = append(d.Tables, t...) }
