package stacks

import (
	"fmt"
	"strings"
)

// usual are the modules that allocate for others: whose frames say how a block
// was allocated, not for whom. A star stands for any characters.
var usual = []string{
	"ntdll", "kernelbase", "kernel32", "verifier", "vrfcore", "vfbasics",
	"msvcrt", "msvcr*", "msvcp*", "ucrtbase", "ucrtbased", "vcruntime*", "crtdll", "mfc*", "atl*",
	"ole32", "combase", "oleaut32",
}

// allocators are the beginnings of the names of functions that a program has
// of its own but that allocate for others: operator new as a linker decorates
// it, and the C runtime's when it is linked in.
var allocators = []string{"??2@", "??_U@", "operator new", "malloc", "_malloc", "calloc", "_calloc", "realloc", "_realloc", "_heap_alloc", "_nh_malloc"}

// Skips says which frames name no owner.
type Skips struct{ modules []string }

// NewSkips skips the usual modules, and more.
func NewSkips(more []string) Skips {
	s := Skips{usual}
	for _, m := range more {
		s.modules = append(s.modules[:len(s.modules):len(s.modules)], strings.TrimSuffix(strings.ToLower(m), ".dll"))
	}
	return s
}

// Usual are the modules that are skipped unless told otherwise.
func Usual() []string { return usual }

// Owner returns the innermost frame of a stack that names an owner: the first
// in a module and function that do not allocate for others. False when there
// is none.
func Owner(frames []Frame) (Frame, bool) { return NewSkips(nil).First(frames) }

// First returns the innermost frame that names an owner.
func (s Skips) First(frames []Frame) (Frame, bool) {
	for _, f := range frames {
		if f.Module != "" && !s.module(f.Module) && !allocator(f.Name.Symbol) {
			return f, true
		}
	}
	return Frame{}, false
}

func (s Skips) module(file string) bool {
	name := strings.ToLower(file)
	if i := strings.LastIndexByte(name, '.'); i > 0 {
		name = name[:i]
	}
	for _, m := range s.modules {
		if stem, star := strings.CutSuffix(m, "*"); name == m || star && strings.HasPrefix(name, stem) && digits(name[len(stem):]) {
			return true
		}
	}
	return false
}

// digits reports whether s begins with a digit or is empty, so that mfc140u is
// a runtime and mfcviewer is not.
func digits(s string) bool { return s == "" || '0' <= s[0] && s[0] <= '9' }

func allocator(symbol string) bool {
	for _, a := range allocators {
		if strings.HasPrefix(symbol, a) {
			return true
		}
	}
	return false
}

// FrameName is a frame as people read it.
func FrameName(f Frame) string {
	if s := f.Name.Text(); s != "" {
		return s
	}
	return fmt.Sprint(f.Addr)
}
