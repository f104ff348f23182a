package progress

import (
	"errors"
	"fmt"
	"runtime"
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
		debug.SetPanicOnFault(true) // of this goroutine, which reads a mapped file
		defer func() {
			if v := recover(); v != nil {
				err = &Panic{v, debug.Stack()}
			}
		}()
		return work()
	}
}

// Vanished reports whether v, which a panic had or a [Panic] is, says that
// mapped memory could not be read: the file was shortened since it was mapped,
// or its disk fails. It is known only in goroutines that asked for it with
// debug.SetPanicOnFault, as Guard does; elsewhere it ends the process.
func Vanished(v any) bool {
	if err, ok := v.(error); ok {
		var p *Panic
		if errors.As(err, &p) {
			v = p.Value
		}
	}
	fault, ok := v.(interface {
		runtime.Error
		Addr() uintptr
	})
	return ok && fault.Addr() != 0
}
