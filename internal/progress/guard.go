package progress

import (
	"fmt"
	"runtime/debug"
)

// Panic is a panic of a goroutine that its caller waits for, as an error: one
// that is not caught there ends the whole process, whoever waits.
type Panic struct {
	Value any
	Stack []byte // of the goroutine
}

// Error names the value.
func (p *Panic) Error() string { return fmt.Sprintf("internal error: %v", p.Value) }

// Guard makes a function for a goroutine return a panic of work as a *Panic.
func Guard(work func() error) func() error {
	return func() (err error) {
		defer func() {
			if v := recover(); v != nil {
				err = &Panic{v, debug.Stack()}
			}
		}()
		return work()
	}
}
