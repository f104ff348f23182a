// Package undname turns the decorated names of Microsoft's C++ compiler
// (?f@C@@QAEXXZ, .?AVC@@) into declarations. It is written from the public
// descriptions of the scheme and checked against llvm-undname, whose spelling
// it keeps. Names of any length and nonsense end in an error, in a time that
// grows with the length of the name alone.
package undname

import (
	"errors"
	"strings"
)

const (
	// maxName is the longest name that is read, in bytes. Microsoft's compiler
	// ends names at 4,096; others' are longer.
	maxName = 1 << 14
	// maxText bounds what a name can become, in bytes, and with it what its
	// back references can multiply.
	maxText = 1 << 16
	// maxWork bounds all text that is made on the way, in bytes.
	maxWork = 1 << 20
	// maxDepth bounds types within types.
	maxDepth = 64
	// maxBackrefs is how many names and how many types a name can refer back
	// to: the references are digits.
	maxBackrefs = 10
)

// ErrName says that the text is no decorated name, or one of a kind that is
// not known here.
var ErrName = errors.New("no decorated name of Microsoft's C++ compiler that is understood")

// Symbol returns the declaration of a decorated name, which begins with '?':
// "public: void __thiscall C::f(void)".
func Symbol(name string) (string, error) {
	p, err := newParser(name, "?")
	if err != nil {
		return "", err
	}
	s := p.symbol()
	return p.done(s.full)
}

// Name returns the qualified name of a decorated name alone, without types of
// parameters and results: "C::f".
func Name(name string) (string, error) {
	p, err := newParser(name, "?")
	if err != nil {
		return "", err
	}
	s := p.symbol()
	return p.done(s.name)
}

// Class returns the name of a type descriptor's class, ".?AVC@ns@@", without
// its kind: "ns::C".
func Class(name string) (string, error) {
	p, err := newParser(name, ".?A")
	if err != nil {
		return "", err
	}
	p.take(".?A")
	t := p.typ()
	kind, text, ok := strings.Cut(t.left, " ")
	if !ok || kind != "class" && kind != "struct" && kind != "union" && kind != "enum" || t.right != "" {
		return "", ErrName
	}
	return p.done(text)
}

// parser reads one name.
type parser struct {
	s     string // what is left
	bad   bool
	depth int
	work  int
	names []string // back references
	types []typ
}

func newParser(name, prefix string) (*parser, error) {
	if len(name) > maxName || !strings.HasPrefix(name, prefix) {
		return nil, ErrName
	}
	return &parser{s: name}, nil
}

// done returns the text, unless something was wrong or is left.
func (p *parser) done(text string) (string, error) {
	if p.bad || p.s != "" || text == "" {
		return "", ErrName
	}
	return text, nil
}

// fail ends the parse: what is left is gone.
func (p *parser) fail() { p.bad, p.s = true, "" }

// join makes text, within the bounds.
func (p *parser) join(parts ...string) string {
	n := 0
	for _, x := range parts {
		n += len(x)
	}
	p.work += n
	if n > maxText || p.work > maxWork {
		p.fail()
		return ""
	}
	return strings.Join(parts, "")
}

// enter counts a level of nesting; leave must follow.
func (p *parser) enter() bool {
	if p.depth++; p.depth > maxDepth {
		p.fail()
	}
	return !p.bad
}

func (p *parser) leave() { p.depth-- }

// take consumes a prefix if it is there.
func (p *parser) take(prefix string) bool {
	if strings.HasPrefix(p.s, prefix) {
		p.s = p.s[len(prefix):]
		return true
	}
	return false
}

// next consumes a character; 0 at the end, which is a failure.
func (p *parser) next() byte {
	if p.s == "" {
		p.fail()
		return 0
	}
	c := p.s[0]
	p.s = p.s[1:]
	return c
}

// peek returns the next character, 0 at the end.
func (p *parser) peek() byte {
	if p.s == "" {
		return 0
	}
	return p.s[0]
}

// number reads an encoded number: 0 to 9 for 1 to 10, or hexadecimal digits A
// to P up to '@'; a '?' before it is a minus.
func (p *parser) number() (n uint64, negative bool) {
	negative = p.take("?")
	if c := p.peek(); c >= '0' && c <= '9' {
		p.next()
		return uint64(c-'0') + 1, negative
	}
	for range 17 {
		c := p.next()
		switch {
		case c == '@':
			return n, negative
		case c >= 'A' && c <= 'P':
			n = n<<4 | uint64(c-'A')
		default:
			p.fail()
			return 0, false
		}
	}
	p.fail()
	return 0, false
}

// remember keeps a name for back references, each once.
func (p *parser) remember(name string) {
	if len(p.names) >= maxBackrefs {
		return
	}
	for _, n := range p.names {
		if n == name {
			return
		}
	}
	p.names = append(p.names, name)
}
