// Package html renders a document as one page that needs nothing else: no
// network, no other file, and without its script still every table. All that
// a dump says is escaped twice, for terminals as everywhere and for HTML, and
// the page's content-security policy lets nothing run but its own script.
package html

import (
	"encoding/json"
	"io"
	"strings"

	"github.com/heapdump/heapdump/internal/render"
	"github.com/heapdump/heapdump/internal/report"
)

// Limit is the size beyond which no page grows, in bytes, whatever the dump.
const Limit = 5 << 20

// room says how much of what a page may hold, in bytes and rows.
type room struct {
	pictures int // bytes of the pictures' data
	tables   int // bytes of all tables
	findings int // bytes of the findings in full
	rows     int // rows of one table
}

// rooms are tried in turn until the page is small enough.
var rooms = []room{
	{1500 << 10, 2 << 20, 1 << 20, 5000},
	{500 << 10, 1 << 20, 512 << 10, 1000},
	{0, 512 << 10, 256 << 10, 200},
}

// Write renders the document. The page never exceeds Limit: what has no room
// is left out, the largest tables' last rows first, and the page says so.
func Write(w io.Writer, d *report.Document, o render.Options) error {
	var b []byte
	for _, r := range rooms {
		p := &page{doc: d, o: o, room: r}
		if b = p.make(); len(b) <= Limit {
			break
		}
	}
	_, err := w.Write(b)
	return err
}

// page is a page on its way.
type page struct {
	buf
	doc      *report.Document
	o        render.Options
	room     room
	sections []section // for the list of contents
	pictures []json.RawMessage
	ids      int
}

// section is an entry of the list of contents.
type section struct{ id, title string }

func (p *page) make() []byte {
	var body page
	body.doc, body.o, body.room = p.doc, p.o, p.room
	if p.doc.Triage != nil {
		body.triage(p.doc.Triage)
	} else {
		body.document()
	}
	p.head()
	p.contents(body.sections)
	p.raw(`<main id="main">`)
	p.b = append(p.b, body.b...)
	p.raw("</main></div>")
	p.foot()
	p.data(body.pictures)
	p.raw("<script>" + script + "</script>\n</body></html>\n")
	return p.b
}

// head is all up to the contents.
func (p *page) head() {
	p.raw("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n")
	p.raw(`<meta http-equiv="Content-Security-Policy" content="` + policy() + `">` + "\n")
	p.raw(`<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">` +
		`<meta name="referrer" content="no-referrer"><meta name="robots" content="noindex">` + "\n<title>")
	p.text(title(p.doc) + " · heapdump")
	p.raw("</title>\n<style>" + style + "</style></head>\n<body><a class=\"skip\" href=\"#main\">Skip to the result</a>\n")
	p.raw(`<header class="top"><div class="brand"><span class="mark" aria-hidden="true"></span><span>heapdump</span></div><h1>`)
	p.text(title(p.doc))
	p.raw(`</h1><div class="switches" id="switches"></div></header>` + "\n" + `<div class="page">`)
}

// title is the document's, or a word for one that has none.
func title(d *report.Document) string {
	if d.Title == "" {
		return "Result"
	}
	return d.Title
}

func (p *page) contents(list []section) {
	p.raw(`<nav class="toc" aria-label="Contents"><ol>`)
	for _, s := range list {
		p.raw(`<li><a href="#` + s.id + `">`)
		p.text(s.title)
		p.raw("</a></li>")
	}
	p.raw("</ol></nav>")
}

// brief is a heading without what explains it.
func brief(heading string) string {
	for _, end := range []string{" (", ": ", ", "} {
		if s, _, ok := strings.Cut(heading, end); ok && len(heading) > 30 {
			heading = s
		}
	}
	return heading
}

// foot ends the page: what made it, and the licences of what is in it.
func (p *page) foot() {
	p.raw(`<footer class="foot"><p>Made by heapdump`)
	if t := p.doc.Triage; t != nil && t.Version != "" {
		p.raw(" ")
		p.text(t.Version)
	}
	p.raw(`. This page is one file and asks nothing of the network. Sizes are bytes; KiB, MiB and GiB are powers of 1024.</p>` +
		`<details><summary>Licences of the parts of this page</summary><pre tabindex="0">`)
	p.raw(markup.Replace(licences) + "</pre></details></footer>\n")
}

// open begins a section with a heading, and files it in the contents.
func (p *page) open(id, heading, short string) {
	p.sections = append(p.sections, section{id, short})
	p.raw(`<section class="card" id="` + id + `" aria-labelledby="` + id + `-h"><h2 id="` + id + `-h">`)
	p.text(heading)
	p.raw("</h2>")
}

func (p *page) shut() { p.raw("</section>\n") }
