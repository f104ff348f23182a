package symbols

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/heapdump/heapdump/internal/mmap"
	"github.com/heapdump/heapdump/internal/target"
	"github.com/heapdump/heapdump/pkg/breakpad"
	"github.com/heapdump/heapdump/pkg/minidump"
	"github.com/heapdump/heapdump/pkg/pdb"
)

// Source says what a name was read from.
type Source uint8

// The sources of names.
const (
	Export   Source = iota // the image's own export table
	PDB                    // a program database
	Breakpad               // a Breakpad symbol file
)

// String returns the source as it stands in reports.
func (s Source) String() string { return [...]string{"export", "pdb", "breakpad"}[s] }

// File is the symbol file of a module, or why it has none.
type File struct {
	Path    string // empty without one
	Source  Source
	Partial bool     // parts of it could not be read
	Why     string   // why there is none; empty with one
	Refused []string // files that were found and not taken, each with the reason
}

// symbolFile is what names are looked up in: places are RVAs.
type symbolFile interface {
	function(rva uint32) (name string, start uint32, ok bool)
	public(rva uint32) (name string, start uint32, ok bool)
	line(rva uint32) (file string, line uint32, ok bool)
	near(rva uint32, count int) []place
	partial() bool
}

// place is a symbol and where it is.
type place struct {
	rva  uint32
	name string
}

// finder looks for symbol files in folders of this machine.
type finder struct {
	folders []string
	noMmap  bool
	keep    func(io.Closer)

	mu    sync.Mutex
	lists map[string]map[string]string // what is in a folder, by its name in small letters
}

// newFinder makes the finder of a dump: its folders, then the dump's own.
func newFinder(t *target.Target) *finder {
	f := &finder{folders: t.Symbols, noMmap: t.NoMmap, keep: t.Keep, lists: map[string]map[string]string{}}
	if t.OnDisk() {
		f.folders = append(f.folders[:len(f.folders):len(f.folders)], filepath.Dir(t.Path))
	}
	return f
}

// inside returns the path of what a folder has by a name, whatever its
// capitals; empty when it has none.
func (f *finder) inside(folder, name string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	list, ok := f.lists[folder]
	if !ok {
		list = map[string]string{}
		entries, _ := os.ReadDir(folder) // what cannot be listed has none
		for _, e := range entries {
			key := strings.ToLower(e.Name())
			if _, again := list[key]; !again || e.Name() == name {
				list[key] = e.Name()
			}
		}
		f.lists[folder] = list
	}
	if found, ok := list[strings.ToLower(name)]; ok {
		return filepath.Join(folder, found)
	}
	return ""
}

// below follows names down from a folder; empty when there is no such path.
func (f *finder) below(folder string, names ...string) string {
	for _, n := range names {
		if folder = f.inside(folder, n); folder == "" {
			return ""
		}
	}
	return folder
}

// candidates are the paths where the file of a module can be in a folder, as
// symbol stores, two-tier stores and plain folders keep it.
func (f *finder) candidates(folder, name, id string) []string {
	stem := strings.TrimSuffix(name, filepath.Ext(name))
	packed := name[:len(name)-1] + "_"
	var out []string
	for _, file := range []string{name, packed, stem + ".sym"} {
		for _, names := range [][]string{{name, id, file}, {name[:min(2, len(name))], name, id, file}, {file}} {
			p := f.below(folder, names...)
			if info, err := os.Stat(p); err == nil && !info.IsDir() { // a store's folder is called like the file
				out = append(out, p)
			}
		}
	}
	return out
}

// find opens the symbol file that belongs to a module.
func (f *finder) find(c minidump.CodeView) (symbolFile, File) {
	name := base(c.PDB)
	out := File{}
	switch {
	case c.Kind == "":
		out.Why = "the dump does not say which symbol file belongs to it"
	case c.Kind != "RSDS":
		out.Why = fmt.Sprintf("its symbol file %s is not a PDB 7.00", name)
	case len(name) < 2 || !filepath.IsLocal(name) || strings.ContainsAny(name, ":\x00"):
		out.Why = "the name of its symbol file is no file name"
	}
	if out.Why != "" {
		return nil, out
	}
	for _, folder := range f.folders {
		for _, path := range f.candidates(folder, name, c.ID()) {
			s, err := f.open(path, c)
			if err == nil {
				out.Path, out.Source, out.Partial = path, sourceOf(s), s.partial()
				return s, out
			}
			out.Refused = append(out.Refused, fmt.Sprintf("%s was not taken: %v", path, err))
		}
	}
	out.Why = fmt.Sprintf("no %s in %s", name, strings.Join(f.folders, ", "))
	if len(out.Refused) > 0 {
		out.Why = strings.Join(out.Refused, "; ")
	}
	return nil, out
}

// errPacked refuses what symbol stores keep compressed.
var errPacked = errors.New("it is compressed; unpack it with expand.exe or cabextract")

// open opens one file, and lets it go when it is not the one.
func (f *finder) open(path string, c minidump.CodeView) (symbolFile, error) {
	if strings.HasSuffix(path, "_") {
		return nil, errPacked
	}
	m, err := mmap.Open(path, mmap.Options{NoMmap: f.noMmap})
	if err != nil {
		return nil, errors.New(strings.TrimPrefix(err.Error(), path+": "))
	}
	s, err := parse(path, m.Data, c)
	if _, all := s.(sym); err != nil || all { // a .sym was copied
		return s, errors.Join(err, m.Close())
	}
	f.keep(m)
	return s, nil
}

// parse reads a file and compares its identity.
func parse(path string, data []byte, c minidump.CodeView) (symbolFile, error) {
	if strings.EqualFold(filepath.Ext(path), ".sym") {
		s, err := breakpad.Open(data)
		if err != nil {
			return nil, err
		}
		return sym{s}, s.Match(c.ID())
	}
	p, err := pdb.Open(data)
	if err != nil {
		return nil, err
	}
	return database{p}, p.Match(c.GUID, c.Age)
}

func sourceOf(s symbolFile) Source {
	if _, ok := s.(sym); ok {
		return Breakpad
	}
	return PDB
}

// database is a program database as a symbolFile.
type database struct{ *pdb.File }

func (d database) function(rva uint32) (string, uint32, bool) {
	s, ok := d.Function(rva)
	return s.Name, s.RVA, ok
}

func (d database) public(rva uint32) (string, uint32, bool) {
	s, ok := d.Public(rva)
	return s.Name, s.RVA, ok
}

func (d database) line(rva uint32) (string, uint32, bool) {
	l, ok := d.Line(rva)
	return l.File, l.Line, ok
}

func (d database) near(rva uint32, count int) (out []place) {
	for _, s := range d.Near(rva, count) {
		out = append(out, place{s.RVA, s.Name})
	}
	return out
}

func (d database) partial() bool { return d.Partial() }

// sym is a Breakpad file as a symbolFile.
type sym struct{ *breakpad.File }

func (s sym) function(rva uint32) (string, uint32, bool) {
	x, ok := s.Function(rva)
	return x.Name, x.RVA, ok
}

func (s sym) public(rva uint32) (string, uint32, bool) {
	x, ok := s.Public(rva)
	return x.Name, x.RVA, ok
}

func (s sym) line(rva uint32) (string, uint32, bool) { return s.Line(rva) }

func (s sym) near(rva uint32, count int) (out []place) {
	for _, x := range s.Near(rva, count) {
		out = append(out, place{x.RVA, x.Name})
	}
	return out
}

func (s sym) partial() bool { return s.Partial() }
