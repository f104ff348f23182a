package html

import (
	"encoding/json"
	"strconv"

	"github.com/heapdump/heapdump/internal/report"
	"github.com/heapdump/heapdump/internal/thousands"
)

// picturesOf writes the places that the script draws in, and beside each the
// same numbers as a table.
func (p *page) picturesOf(x *report.Pictures, of string) {
	data := dataOf(x)
	if len(data) > p.room.pictures {
		p.notes([]string{"The pictures are left out: the page would be too large with them. A page of this dump alone has them."})
		return
	}
	p.room.pictures -= len(data)
	k := strconv.Itoa(len(p.pictures))
	p.pictures = append(p.pictures, data)
	if x.Space != nil {
		p.picture("space"+k, x.Space.Title, of, func(name string) {
			p.drawn("treemap", k, name)
			p.notes(x.Space.Notes)
			p.treeTable(x.Space, name, true)
		})
	}
	if len(x.Maps) > 0 {
		p.picture("maps"+k, "What the pages of each heap hold", of, func(name string) {
			p.drawn("maps", k, name)
			p.mapTable(x, name)
		})
	}
	if x.Stacks != nil {
		p.picture("stacks"+k, x.Stacks.Title, of, func(name string) {
			p.drawn("flame", k, name)
			p.notes(x.Stacks.Notes)
			p.treeTable(x.Stacks, name, false)
		})
	}
	p.notes(x.Notes)
}

// picture frames one: a section of its own, or a part of a dump's.
func (p *page) picture(id, title, of string, body func(name string)) {
	if of != "" {
		p.raw(`<div class="part"><h3>`)
		p.text(title)
		p.raw("</h3>")
		body(title + " of " + of)
		p.raw("</div>")
		return
	}
	p.open(id, title, title)
	body(title)
	p.shut()
}

// drawn is the place of a picture.
func (p *page) drawn(kind, k, name string) {
	p.raw(`<div class="pic" data-pic="` + kind + `" data-of="` + k + `" data-name="`)
	p.text(name)
	p.raw(`"><p class="nojs">The picture needs JavaScript; the table below has its numbers.</p></div>`)
}

// Most rows of the tables beside pictures.
const altRows = 60

// treeTable is a tree as a table: its nodes from the top, with where they are.
func (p *page) treeTable(t *report.Tree, name string, space bool) {
	list := report.Table{Columns: []report.Column{{Title: "Part"}, {Title: "Within"}, {Title: "Bytes", Kind: report.Bytes}}}
	if space {
		list.Columns = append(list.Columns, report.Column{Title: "Reserved", Kind: report.Bytes})
	}
	list.Columns = append(list.Columns, report.Column{Title: "Blocks", Kind: report.Count})
	type place struct {
		n      *report.TreeNode
		within string
	}
	level := []place{{&t.Root, ""}}
	for len(level) > 0 && len(list.Rows) < altRows {
		var next []place
		for _, x := range level {
			for i := range x.n.Children {
				c := &x.n.Children[i]
				row := []any{c.Name, x.within, c.Bytes}
				if space {
					row = append(row, c.Reserved)
				}
				var blocks any
				if c.Blocks > 0 {
					blocks = c.Blocks
				}
				if list.Rows = append(list.Rows, append(row, blocks)); len(list.Rows) == altRows {
					break
				}
				within := c.Name
				if x.within != "" {
					within = x.within + " › " + c.Name
				}
				next = append(next, place{c, within})
			}
		}
		level = next
	}
	list.Notes = []string{"All: " + thousands.Grouped(t.Root.Bytes) + " bytes. The parts of the top levels, the largest first; the picture has the rest."}
	p.alternative(&list, name)
}

// mapTable is the maps as a table: what each heap holds.
func (p *page) mapTable(x *report.Pictures, name string) {
	list := report.Table{Columns: []report.Column{{Title: "Heap"}}}
	for _, c := range report.MapClasses {
		list.Columns = append(list.Columns, report.Column{Title: upper(c[1]), Kind: report.Bytes})
	}
	for i := range x.Maps {
		row := []any{x.Maps[i].Name}
		for _, n := range x.Maps[i].Sums {
			row = append(row, n)
		}
		list.Rows = append(list.Rows, row)
	}
	p.alternative(&list, name)
}

func upper(s string) string {
	if s != "" && s[0] >= 'a' && s[0] <= 'z' {
		return string(s[0]-'a'+'A') + s[1:]
	}
	return s
}

func (p *page) alternative(t *report.Table, name string) {
	p.raw(`<details class="alt"><summary>The same as a table</summary>`)
	p.table(t, name)
	p.raw("</details>")
}

// node is a report.TreeNode as the script reads it. Evidence and kinds are
// places in lists, since many nodes have the same.
type node struct {
	Name     string `json:"n"`
	Kind     string `json:"k,omitempty"`
	Class    string `json:"c,omitempty"`
	Bytes    uint64 `json:"b"`
	Reserved uint64 `json:"r,omitempty"` // where it is not b
	Blocks   int    `json:"x,omitempty"`
	Evidence string `json:"e,omitempty"`
	Rest     bool   `json:"o,omitempty"`
	Children []node `json:"s,omitempty"`
}

func nodeOf(t *report.TreeNode) node {
	n := node{Name: visible(t.Name), Kind: t.Kind, Class: t.Class, Bytes: t.Bytes, Blocks: t.Blocks, Evidence: visible(t.Evidence), Rest: t.Rest}
	if t.Reserved != t.Bytes {
		n.Reserved = t.Reserved
	}
	for i := range t.Children {
		n.Children = append(n.Children, nodeOf(&t.Children[i]))
	}
	return n
}

// heapMap is a report.HeapMap as the script reads it: of each run the number
// of its cells, then a class and its bytes, for every class that has some.
type heapMap struct {
	Name  string    `json:"n"`
	Cell  uint64    `json:"c"`
	Parts []mapPart `json:"p"`
	Notes []string  `json:"o,omitempty"`
}

type mapPart struct {
	Start string     `json:"a"`
	Bytes uint64     `json:"b"`
	Kind  string     `json:"k"`
	Runs  [][]uint64 `json:"r"`
}

func mapOf(m *report.HeapMap) heapMap {
	out := heapMap{Name: visible(m.Name), Cell: m.Cell, Notes: m.Notes}
	for _, x := range m.Parts {
		part := mapPart{Start: "0x" + strconv.FormatUint(x.Start, 16), Bytes: x.Bytes, Kind: x.Kind}
		for _, r := range x.Runs {
			run := []uint64{uint64(r.Cells)}
			for c, n := range r.Bytes {
				if n > 0 {
					run = append(run, uint64(c), n)
				}
			}
			part.Runs = append(part.Runs, run)
		}
		out.Parts = append(out.Parts, part)
	}
	return out
}

// drawing is the pictures of one dump as the script reads them.
type drawing struct {
	Space  *node     `json:"space,omitempty"`
	Stacks *node     `json:"stacks,omitempty"`
	Maps   []heapMap `json:"maps,omitempty"`
}

// dataOf is the numbers of one dump's pictures. encoding/json escapes <, >, &
// and the two line separators, so that nothing in it can end the element that
// it stands in.
func dataOf(x *report.Pictures) json.RawMessage {
	var d drawing
	if x.Space != nil {
		n := nodeOf(&x.Space.Root)
		d.Space = &n
	}
	if x.Stacks != nil {
		n := nodeOf(&x.Stacks.Root)
		d.Stacks = &n
	}
	for i := range x.Maps {
		d.Maps = append(d.Maps, mapOf(&x.Maps[i]))
	}
	return marshal(d)
}

// marshal is json.Marshal of what is numbers and strings, which cannot fail.
func marshal(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

// data writes the numbers of the pictures.
func (p *page) data(all []json.RawMessage) {
	if all == nil {
		all = []json.RawMessage{}
	}
	p.raw(`<script type="application/json" id="data">`)
	p.b = append(p.b, marshal(struct {
		Classes  [len(report.MapClasses)][2]string `json:"classes"`
		Pictures []json.RawMessage                 `json:"pictures"`
	}{report.MapClasses, all})...)
	p.raw("</script>\n")
}
