package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// cost is what one run took.
type cost struct {
	cpu, wall time.Duration
	first     time.Duration // until the first line of output; only with line
	anon      int64         // peak RssAnon in KiB; 0 where the system does not tell
}

// measure runs a command with its output thrown away; with line it waits for
// the first line of it, which costs the command some of its time.
func measure(args []string, env []string, line bool) (cost, error) {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return cost{}, err
	}
	defer null.Close()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdout, cmd.Env = null, append(os.Environ(), env...)
	var out io.ReadCloser
	if line {
		cmd.Stdout = nil
		if out, err = cmd.StdoutPipe(); err != nil {
			return cost{}, err
		}
	}
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return cost{}, err
	}
	var c cost
	var peak atomic.Int64
	done := make(chan struct{})
	go watch(cmd.Process.Pid, &peak, done)
	if line {
		r := bufio.NewReader(out)
		if _, err := r.ReadString('\n'); err == nil {
			c.first = time.Since(start)
		}
		_, _ = io.Copy(io.Discard, r) // an error of it is the command's, which Wait returns
	}
	err = cmd.Wait()
	close(done)
	s := cmd.ProcessState
	c.cpu, c.wall, c.anon = s.UserTime()+s.SystemTime(), time.Since(start), peak.Load()
	return c, err
}

// watch keeps the greatest RssAnon that the process shows.
func watch(pid int, peak *atomic.Int64, done chan struct{}) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		if text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid)); err == nil {
			if _, after, ok := strings.Cut(string(text), "RssAnon:"); ok {
				var kib int64
				if _, err := fmt.Sscan(after, &kib); err == nil {
					peak.Store(max(peak.Load(), kib))
				}
			}
		}
		select {
		case <-done:
			return
		case <-tick.C:
		}
	}
}

// cool drops a file from the system's cache, with GNU dd; false where that
// cannot be done.
func cool(path string) bool {
	return exec.Command("dd", "if="+path, "iflag=nocache", "count=0").Run() == nil
}

// median returns the median of each figure over the runs; of memory the peak.
func median(costs []cost) cost {
	var m cost
	pick := func(of func(cost) time.Duration) time.Duration {
		var all []time.Duration
		for _, c := range costs {
			all = append(all, of(c))
		}
		slices.Sort(all)
		return all[len(all)/2]
	}
	for _, c := range costs {
		m.anon = max(m.anon, c.anon)
	}
	m.cpu = pick(func(c cost) time.Duration { return c.cpu })
	m.wall = pick(func(c cost) time.Duration { return c.wall })
	m.first = pick(func(c cost) time.Duration { return c.first })
	return m
}
