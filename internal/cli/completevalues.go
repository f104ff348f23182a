package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/heapdump/heapdump/internal/analysis/attrib"
	"github.com/heapdump/heapdump/internal/analysis/delta"
	"github.com/heapdump/heapdump/internal/analysis/refs"
	"github.com/heapdump/heapdump/internal/analysis/structure"
	"github.com/heapdump/heapdump/internal/analysis/vmmap"
	"github.com/heapdump/heapdump/internal/finding"
	"github.com/heapdump/heapdump/internal/gate"
	"github.com/heapdump/heapdump/internal/pick"
)

// values lists the values of a flag.
type values func(cmd *cobra.Command, args []string) []string

// valuesOf returns what lists the values of a command's flag, nil where they
// are no known set; single says that the flag takes one of them only, else
// several with commas between.
func (a *app) valuesOf(c *cobra.Command, f *pflag.Flag) (list values, single bool) {
	fixed := func(words ...string) values { return func(*cobra.Command, []string) []string { return words } }
	_, several := f.Value.(pflag.SliceValue)
	single = !several
	switch f.Name {
	case "format":
		return a.formatWords, true
	case "style":
		return a.styleWords, true
	case "color", "crt":
		return fixed("auto", "always", "never"), true
	case "summary":
		if f.Value.Type() == "string" {
			return fixed("auto", "never"), true
		}
	case "table":
		return func(cmd *cobra.Command, _ []string) []string { return tables()[cmd.Name()] }, true
	case "heap":
		return func(cmd *cobra.Command, args []string) []string {
			return append(a.heapWords(cmd, args), "all\tevery heap", "process\tthe process heap")
		}, single
	case "fail-on":
		return fixed(conditions()...), false
	case "severity":
		return fixed(finding.Severities()...), true
	case "roots":
		return fixed(rootWords()...), single
	case "layout":
		return fixed(structure.Families()...), true
	case "bits":
		return fixed("32", "64"), true
	}
	return a.valuesByCommand(c.Name(), f.Name), single
}

// valuesByCommand are those of flags that mean different things in different
// commands.
func (a *app) valuesByCommand(command, flag string) values {
	fixed := func(words ...string) values { return func(*cobra.Command, []string) []string { return words } }
	switch command + " " + flag {
	case "owners by":
		return fixed(attrib.Names()...)
	case "diff by":
		return fixed(append(attrib.Names(), delta.ByUsage, delta.ByHandles)...)
	case "retained by":
		return fixed("block", "root", "type")
	case "stat sort":
		return fixed("bytes", "blocks", "size")
	case "walk sort":
		return fixed("addr", "size", "user_size", "-addr", "-size", "-user_size")
	case "address usage":
		return fixed(lower(vmmap.UsageNames())...)
	case "address state":
		return fixed("commit", "reserve", "free")
	case "address type":
		return fixed("private", "mapped", "image")
	case "address protect":
		return fixed("noaccess", "readonly", "readwrite", "writecopy", "execute", "execute_read", "execute_readwrite", "execute_writecopy", "guard", "nocache", "writecombine")
	case "handles type":
		return a.typeWords
	}
	switch flag {
	case "state":
		return fixed(pick.StateNames()...)
	case "origin":
		return fixed(pick.OriginNames()...)
	}
	return nil
}

// conditions are the beginnings of expressions for --fail-on.
func conditions() []string {
	var out []string
	for _, f := range gate.Figures() {
		name := f.Name
		if f.Unit != gate.Count {
			name += ">"
		}
		out = append(out, name+"\t"+f.Help)
	}
	for _, s := range finding.Severities() {
		out = append(out, "severity>="+s)
	}
	for _, r := range finding.Rules() {
		out = append(out, r.ID+"\t"+r.Title)
	}
	return append(out, "never\tno condition")
}

// rootWords are the kinds of root, and each with a minus.
func rootWords() []string {
	out := refs.KindNames()
	for _, k := range refs.KindNames() {
		out = append(out[:len(out):len(out)], "-"+k)
	}
	return out
}

// lower is a list in lower case, without what stands in angle brackets.
func lower(list []string) []string {
	var out []string
	for _, s := range list {
		out = append(out, strings.Trim(strings.ToLower(s), "<>"))
	}
	return out
}

// hexWord writes a number as addresses are written.
func hexWord(n uint64) string { return fmt.Sprintf("0x%x", n) }

// tables are the tables that --table knows, by command. A test compares them
// with what the commands make.
func tables() map[string][]string {
	const dumped = "dump "
	words := map[string]string{
		"info":      dumped + "file process system streams pebs answers problems",
		"summary":   dumped + "memory memory_states memory_types memory_protections heaps problems",
		"heaps":     dumped + "heaps problems",
		"heap":      dumped + "heap thresholds counters lock front_end segments uncommitted_ranges virtual_blocks free_lists free_entries tags states problems creation_stack lock_creation_stack",
		"find":      dumped + "find layers crt page_heap_block light_page_heap stack_trace stack_frames neighbours region critical_section section_creator problems",
		"ln":        dumped + "ln symbols",
		"check":     dumped + "checked findings finding_blocks detected locks_held not_checked",
		"address":   dumped + "regions address_space usage type state protect largest kinds address also referrers",
		"handles":   dumped + "counts by_type search handles problems",
		"leaks":     dumped + "busy unreachable sets groups suspects roots confidence leaked",
		"retained":  dumped + "retained",
		"why":       dumped + "why path",
		"refs":      dumped + "block in out",
		"modules":   dumped + "modules sections problems symbol_files",
		"threads":   dumped + "threads problems stacks frames",
		"exception": dumped + "exception assertion instruction operands registers registers_32 problems stacks frames",
		"hex":       dumped + "bytes words",
		"peb":       dumped + "pebs loader variables problems",
		"teb":       dumped + "tebs",
		"dt":        dumped + "structure types fields",
		"triage":    "dumps groups findings",
		"stat":      dumped + "total sizes",
		"owners":    dumped + "total groups",
		"search":    dumped + "searched hits",
		"stack":     dumped + "stacks frames",
		"diff":      "sides total rows usage handle_types forecasts",
		"show":      "findings figures",
		"windbg":    "equivalents",
		"config":    "config settings",
	}
	out := map[string][]string{}
	for c, list := range words {
		out[c] = append(strings.Fields(list), "coverage", "warnings") // every result has them
	}
	return out
}
