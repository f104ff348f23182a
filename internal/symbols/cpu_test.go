//go:build unix

package symbols_test

import (
	"syscall"
	"testing"
	"time"

	"github.com/heapdump/heapdump/internal/symbols"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/memory"
)

// processor is the processor time that the process has used.
func processor(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkProcessorTime is what loading the exports of 200 modules and a
// lookup among them take of the processor, which a busy machine does not
// change as it does the time of the wall clock.
func BenchmarkProcessorTime(b *testing.B) {
	tg, err := target.Parse("test.dmp", many(200).Build().Dump.Bytes())
	if err != nil {
		b.Fatal(err)
	}
	const lookups = 1 << 20
	var load, find time.Duration
	n := 0
	for b.Loop() {
		start := processor(b)
		s := symbols.New(tg)
		for i := range 200 {
			s.Find(0x7ff000001010 + memory.Addr(i)*0x100000)
		}
		load += processor(b) - start
		start = processor(b)
		for i := range lookups {
			s.Find(0x7ff000001000 + memory.Addr(i%200)*0x100000 + memory.Addr(i*31%0x5000))
		}
		find += processor(b) - start
		n++
	}
	b.ReportMetric(float64(load.Milliseconds())/float64(n), "cpu-ms/load")
	b.ReportMetric(float64(find.Nanoseconds())/float64(n)/lookups, "cpu-ns/lookup")
	b.ReportMetric(0, "ns/op")
}
