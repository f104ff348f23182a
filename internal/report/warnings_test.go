package report

import (
	"reflect"
	"testing"
)

// TestFinish: the warnings of the dumps come first, what both say stands once,
// and coverage is added only where the document has none.
func TestFinish(t *testing.T) {
	d := &Document{}
	d.Warn("guess", []string{"A guess.", "Another."})
	d.Finish([]Warning{{"odd", "The file is odd.", "app.dmp"}, {"guess", "A guess.", ""}, {"odd", "The file is odd.", "app.dmp"}}, []string{"No stacks."})
	table, ok := d.Table("warnings")
	if !ok {
		t.Fatal("no warnings")
	}
	want := [][]any{{"odd", "The file is odd.", "app.dmp"}, {"guess", "A guess.", nil}, {"guess", "Another.", nil}}
	if !reflect.DeepEqual(table.Rows, want) {
		t.Errorf("warnings are %v", table.Rows)
	}
	if len(d.Notes) != 2 {
		t.Errorf("notes are %q", d.Notes)
	}
	c, ok := d.Table("coverage")
	if !ok || !reflect.DeepEqual(c.Rows, [][]any{{"No stacks."}}) {
		t.Errorf("coverage is %v", c.Rows)
	}
	d.Finish(nil, []string{"Once more."})
	n := 0
	for _, x := range d.Tables {
		if x.Key == "coverage" {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%d tables of coverage", n)
	}
}
