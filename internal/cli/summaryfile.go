package cli

import (
	"bytes"
	"fmt"
	"os"

	"github.com/heapdump/heapdump/internal/render"
	"github.com/heapdump/heapdump/internal/report"
	"github.com/heapdump/heapdump/internal/thousands"
)

// maxSummary is what GitHub takes of a step's summary: 1 MiB. More of it is
// refused whole.
const maxSummary = 1 << 20

// appendSummary appends the result as Markdown to the summary of a step of
// GitHub Actions, cut so that all of the file is taken. Elsewhere it does
// nothing.
func (a *app) appendSummary(d *report.Document) error {
	path := a.env.Getenv("GITHUB_STEP_SUMMARY")
	if path == "" {
		return nil
	}
	var text bytes.Buffer
	if err := render.Write(&text, d, render.Options{Format: render.FormatMarkdown, Human: a.flags.human}); err != nil {
		return writeFailed(err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o666)
	if err != nil {
		return writeFailed(fmt.Errorf("--summary: %w", err))
	}
	st, err := f.Stat()
	if err == nil {
		cut := cutSummary(text.Bytes(), maxSummary-int(min(st.Size(), maxSummary)))
		if len(cut) == 0 {
			a.note("--summary: the summary of this step is full (GitHub takes 1 MiB), and nothing was added to it")
		}
		_, err = f.Write(cut)
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return writeFailed(fmt.Errorf("--summary: %w", err))
	}
	return nil
}

// cutSummary cuts Markdown behind a line so that room bytes hold it, and says
// that it did; nothing is left where not even that has room.
func cutSummary(text []byte, room int) []byte {
	if len(text) <= room {
		return text
	}
	note := fmt.Sprintf("\n**Cut: the summary of a step holds 1 MiB, and this one had %s bytes.**\n", thousands.Grouped(uint64(len(text))))
	if room < len(note) {
		return nil
	}
	text = text[:room-len(note)]
	return append(text[:bytes.LastIndexByte(text, '\n')+1:bytes.LastIndexByte(text, '\n')+1], note...)
}
