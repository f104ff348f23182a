package cli

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
)

// onlyADump accepts the arguments [DUMP].
func onlyADump(cmd *cobra.Command, args []string) error {
	if len(args) > 1 {
		return usagef("%d arguments, and one dump is read at a time: %s", len(args), strings.Join(args, " "))
	}
	return nil
}

// anAddressAndADump accepts the arguments ADDR [DUMP].
func anAddressAndADump(cmd *cobra.Command, args []string) error {
	switch {
	case len(args) == 0:
		return usagef("no address given: heapdump %s", cmd.Use)
	case len(args) > 2:
		return usagef("%d arguments, and one address and one dump are read: heapdump %s", len(args), cmd.Use)
	}
	return nil
}

// dumpFile chooses the dump: the argument, else $HEAPDUMP_FILE, else the only
// *.dmp in the working directory, which is then named on stderr.
func (a *app) dumpFile(args []string) (string, error) {
	if len(args) > 0 {
		return args[0], nil
	}
	if f := a.env.Getenv("HEAPDUMP_FILE"); f != "" {
		return f, nil
	}
	entries, err := os.ReadDir(a.env.Dir)
	if err != nil {
		return "", usagef("no dump given, and the working directory cannot be read: %w", err)
	}
	var found []string
	for _, e := range entries {
		if !e.IsDir() && strings.EqualFold(filepath.Ext(e.Name()), ".dmp") {
			found = append(found, e.Name())
		}
	}
	switch len(found) {
	case 1:
		a.note("reading %s, the only *.dmp here", found[0])
		return filepath.Join(a.env.Dir, found[0]), nil
	case 0:
		return "", usagef("no dump given: name one, set HEAPDUMP_FILE, or go to a directory with one *.dmp in it")
	}
	return "", usagef("no dump given, and there are %d *.dmp here (%s): name one", len(found), strings.Join(found[:min(3, len(found))], ", "))
}

// addressAndDump takes apart the arguments ADDR [DUMP], in either order.
func (a *app) addressAndDump(args []string) (address, dump string, err error) {
	if len(args) == 2 && !a.looksLikeHeap(args[0]) && a.looksLikeHeap(args[1]) {
		args = []string{args[1], args[0]}
	}
	if len(args) == 1 && !a.looksLikeHeap(args[0]) {
		if _, err := os.Stat(args[0]); err == nil {
			return "", "", usagef("%s is a file; write the address before it: ADDR %s", args[0], args[0])
		}
	}
	dump, err = a.dumpFile(args[1:])
	return args[0], dump, err
}

func (a *app) looksLikeHeap(s string) bool {
	_, err := ParseAddr(s, true)
	return err == nil || s == "process"
}

// notTheDump refuses an output file that is the dump itself.
func (a *app) notTheDump(path string) error {
	if a.flags.output == "" && len(a.also) == 0 {
		return nil
	}
	in, err := os.Stat(path)
	if err != nil {
		return nil
	}
	is := func(output string) bool {
		out, err := os.Stat(output)
		return err == nil && os.SameFile(in, out)
	}
	if is(a.flags.output) {
		return usagef("-o %s is the dump itself", a.flags.output)
	}
	for _, x := range a.also {
		if is(x.path) {
			return usagef("--also writes to %s, which is the dump itself", x.path)
		}
	}
	return nil
}
