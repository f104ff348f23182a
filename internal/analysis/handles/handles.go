// Package handles counts the open handles of a process, puts their rights and
// objects into words, and looks for the memory that holds their numbers.
package handles

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/diag"
	"github.com/heapdump/heapdump/pkg/minidump"
)

// Unnamed is the type of a handle whose type is not known, as debuggers print
// it; Handle.Untyped says why.
const Unnamed = "None"

// Handle is one open handle.
type Handle struct {
	minidump.Handle
	Threads Names // of the process, for what is known of the object
	Held    *Held // where its number stands in memory; nil when it was not looked for
}

// TypeName returns the type of the object, Unnamed when it is not known.
func (h *Handle) TypeName() string { return typeName(h.Type) }

func typeName(t string) string {
	if t == "" {
		return Unnamed
	}
	return t
}

// Untyped says why the type of the handle's object is not known; empty when it
// is. Writers leave out what the kernel did not tell them: MiniDumpWriteDump
// has zeros for the whole handle then, Crashpad the access mask that it has
// from elsewhere (seen in Windows 10 and 11).
func (h *Handle) Untyped() string {
	switch {
	case h.Type != "":
		return ""
	case h.TypeAt != 0:
		return fmt.Sprintf("its name, at the file offset %#x, cannot be read", h.TypeAt)
	case h.GrantedAccess == 0 && h.HandleCount == 0 && h.PointerCount == 0:
		return "the dump's writer recorded the number alone: no type, access or counts"
	}
	return "the dump's writer recorded no type (TypeNameRva is 0)"
}

// The attributes of a handle (ntdef.h, OBJ_*).
const (
	attributeProtect = 0x1
	attributeInherit = 0x2
)

// Inherit reports whether child processes inherit the handle.
func (h *Handle) Inherit() bool { return h.Attributes&attributeInherit != 0 }

// Protect reports whether the handle is protected from being closed.
func (h *Handle) Protect() bool { return h.Attributes&attributeProtect != 0 }

// TypeCount is how many handles there are of a type.
type TypeCount struct {
	Type  string
	Count int
}

// Result is the handles of a dump.
type Result struct {
	Listed   bool   // the dump has a HandleData stream
	Declared uint64 // handles that the stream's header promises
	Read     int    // handles that could be read of it
	Handles  []Handle
	ByType   []TypeCount // of Handles, the most frequent first
	Inverted bool        // pointer counts hold the references that Windows 8 and later give a handle in advance
	Problems []diag.Problem
	Dropped  int
	Search   *Search // nil when numbers were not looked for
}

// firstInverted is the build of Windows 8.
const firstInverted = 9200

// Filter says which handles are wanted; the zero Filter takes all.
type Filter struct {
	Handle uint64 // the handle itself; 0, which no handle is, for any
	Type   string // name of the type, any case
	Name   string // a part of the object's name, any case
	Mask   uint32 // rights that it must have all
	Rights string // a word of its rights, any case
}

// Match reports whether the handle passes.
func (f Filter) Match(h *Handle) bool {
	if f.Handle != 0 && f.Handle != h.Handle.Handle ||
		f.Type != "" && !strings.EqualFold(f.Type, h.TypeName()) ||
		f.Name != "" && !strings.Contains(strings.ToLower(h.Name), strings.ToLower(f.Name)) ||
		h.GrantedAccess&f.Mask != f.Mask {
		return false
	}
	return f.Rights == "" || slices.ContainsFunc(append(Rights(h.Type, h.GrantedAccess), rights(h.Type, h.GrantedAccess)...),
		func(w string) bool { return strings.EqualFold(w, f.Rights) })
}

// Take reads the handles that pass the filter, in the stream's order.
func Take(t *target.Target, f Filter) *Result {
	var list diag.List
	r := &Result{Inverted: t.Build() >= firstInverted}
	if raw, ok := t.File.Raw(minidump.HandleDataStream); ok {
		r.Listed = true
		if len(raw) >= 12 {
			r.Declared = uint64(binary.LittleEndian.Uint32(raw[8:]))
		}
	}
	names := Names{}
	for _, th := range t.File.Threads(nil) {
		names[th.ID] = th.Name
	}
	all := t.File.Handles(list.Add)
	r.Read = len(all)
	for _, h := range all {
		if x := (Handle{Handle: h, Threads: names}); f.Match(&x) {
			r.Handles = append(r.Handles, x)
		}
	}
	r.Problems, r.Dropped = list.Problems, list.Dropped
	r.ByType = count(r.Handles)
	return r
}

// count counts by type, the most frequent first.
func count(all []Handle) []TypeCount {
	n := map[string]int{}
	for i := range all {
		n[all[i].TypeName()]++
	}
	out := make([]TypeCount, 0, len(n))
	for t, c := range n {
		out = append(out, TypeCount{t, c})
	}
	slices.SortFunc(out, func(a, b TypeCount) int { return cmp.Or(b.Count-a.Count, cmp.Compare(a.Type, b.Type)) })
	return out
}
