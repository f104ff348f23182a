package target

import "github.com/heapdump/heapdump/pkg/process"

// Source returns what pkg/process reads on: memory, threads and the width of
// their TEBs.
func (t *Target) Source() process.Source {
	src := process.Source{Space: t.Space, Bits: t.File.Arch().Bits()}
	for _, th := range t.File.Threads(nil) {
		src.Threads = append(src.Threads, process.Thread{ID: th.ID, TEB: th.TEB})
	}
	return src
}
