package load

import (
	"slices"
	"strings"
	"time"

	"github.com/heapdump/heapdump/internal/srum"
)

// Program is what a dump says of the program and of its own time; what is empty
// or 0 is not known.
type Program struct {
	Image   string    // path of the program's file
	Command string    // command line
	Link    uint32    // link time in the PE header, or the hash that stands there
	Written time.Time // when the dump was written, UTC
	MHz     uint32    // the processor's frequency
}

// name is the file name of the program, in small letters.
func (p Program) name() string { return base(strings.ToLower(p.Image)) }

// base is a path behind its last backslash.
func base(path string) string { return path[strings.LastIndexAny(path, `\/`)+1:] }

// Match is an identifier of SRUM and what ties it to the program.
type Match struct {
	ID          int64
	Name        string
	Why         string
	Rows        int       // in the tables of programs
	After       int       // of them, about time after the dump
	First, Last time.Time // of them; zero for none

	rank   int
	cycles uint64
}

// How an identifier relates to the program: those up to byApp are it.
const (
	byPath = iota
	byBuild
	byApp
	otherBuild
	otherFolder
	otherService
	ofPackage
	similar
	busiest
	unrelated
)

// whys are the words for them.
func why(rank int) string {
	return [...]string{"same path", "same name and link time", "--app", "same name, another build", "same name, another folder",
		"same program, another service", "the program's package", "similar name", "among the busiest", ""}[rank]
}

// spelling is an identifier's name taken apart.
type spelling struct {
	path  string   // without the volume, in small letters; empty when there is none
	name  string   // of the program's file, in small letters
	link  string   // link time as it is written there
	words []string // in brackets: the group and the name of a service
}

// spell takes a name apart. A real sample has these forms:
//
//	\Device\HarddiskVolume3\Windows\System32\svchost.exe [netsvcs] [Schedule]
//	!!svchost.exe!2037/07/18:06:45:20!15eca![netsvcs] [Schedule]
//	Package_1.0_x64__id!App!Program.exe!2015/03/26:00:00:00!11763!
//	Package_1.0_x64__id
func spell(a srum.App) spelling {
	s := strings.ToLower(a.Name)
	var out spelling
	if i := strings.Index(s, "["); i >= 0 && (strings.HasSuffix(s[:i], " ") || strings.HasSuffix(s[:i], "!")) {
		for _, w := range strings.FieldsFunc(s[i:], func(r rune) bool { return r == '[' || r == ']' }) {
			if w = strings.TrimSpace(w); w != "" {
				out.words = append(out.words, w)
			}
		}
		s = strings.TrimSuffix(s[:i], " ")
	}
	if parts := strings.Split(s, "!"); len(parts) >= 5 {
		out.name, out.link = parts[2], parts[3]
		return out
	}
	if strings.HasPrefix(s, `\`) {
		out.path, out.name = tail(s), base(s)
	}
	return out
}

// tail is a path without its volume: C:\a\b and \Device\HarddiskVolume3\a\b
// are \a\b. Empty when there is no folder in it.
func tail(path string) string {
	s := strings.ToLower(path)
	s = strings.TrimPrefix(strings.TrimPrefix(s, `\\?\`), `\??\`)
	switch {
	case strings.HasPrefix(s, `\device\`):
		s = s[len(`\device\`):]
		i := strings.IndexByte(s, '\\')
		if i < 0 {
			return ""
		}
		return s[i:]
	case len(s) > 2 && s[1] == ':' && s[2] == '\\':
		return s[2:]
	}
	return ""
}

// relate ranks an identifier.
func (p Program) relate(a srum.App) int {
	s, own := spell(a), p.name()
	if own == "" {
		return unrelated
	}
	switch {
	case s.name == own && s.path != "" && s.path == tail(p.Image), s.name == own && s.link != "" && s.link == p.linkTime():
		if !p.serves(s.words) {
			return otherService
		}
		if s.path != "" {
			return byPath
		}
		return byBuild
	case s.name == own && s.path != "":
		return otherFolder
	case s.name == own:
		return otherBuild
	case a.Kind == srum.Package && strings.Contains(strings.ToLower(p.Image), `\`+packageName(a.Name)+`\`):
		return ofPackage
	case alike(s.name, own) || a.Kind == srum.Service && alike(strings.ToLower(a.Name), own):
		return similar
	}
	return unrelated
}

// packageName is the full name of a package, in small letters.
func packageName(name string) string {
	name, _, _ = strings.Cut(strings.ToLower(name), "!")
	return name
}

// serves reports whether the command line names the group and the service of an
// identifier: svchost.exe -k netsvcs -s Schedule.
func (p Program) serves(words []string) bool {
	args := strings.Fields(strings.ToLower(p.Command))
	for _, w := range words {
		if !slices.Contains(args, w) {
			return false
		}
	}
	return true
}

// linkTime is the link time as SRUM writes it; empty when it is not known.
func (p Program) linkTime() string {
	if p.Link == 0 {
		return ""
	}
	return time.Unix(int64(p.Link), 0).UTC().Format("2006/01/02:15:04:05")
}

// alike reports whether one name without its extension holds the other.
func alike(a, b string) bool {
	a, b = strings.TrimSuffix(a, ".exe"), strings.TrimSuffix(b, ".exe")
	return len(a) >= 4 && len(b) >= 4 && (strings.Contains(a, b) || strings.Contains(b, a))
}
