package cli

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// everyCommand calls do with each command that is not cobra's own.
func everyCommand(c *cobra.Command, do func(*cobra.Command)) {
	for _, x := range c.Commands() {
		if x.Name() != "help" && x.Name() != "completion" {
			do(x)
			everyCommand(x, do)
		}
	}
}

// TestHelpOfEveryCommand: each command of the first level says what it is in
// the debugger or that it is nothing there, and each has three examples that
// name it.
func TestHelpOfEveryCommand(t *testing.T) {
	a := &app{env: System()}
	everyCommand(a.root(), func(c *cobra.Command) {
		before := c.Annotations[windbgKey]
		inDebugger(c)
		after := c.Annotations[windbgKey]
		switch {
		case c.HasParent() && c.Parent().HasParent():
		case after == "":
			t.Errorf("%s: help names no equivalent in the debugger, nor says that there is none", c.CommandPath())
		case before != "" && before != after:
			t.Errorf("%s: the table of equivalents has %s, and the command says %s", c.CommandPath(), after, before)
		}
		n := 0
		for _, l := range strings.Split(c.Example, "\n") {
			if strings.Contains(l, c.CommandPath()) {
				n++
			}
		}
		if n < 3 {
			t.Errorf("%s: %d examples, and help promises three", c.CommandPath(), n)
		}
	})
}
