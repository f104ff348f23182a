package undname

import (
	"strconv"
	"strings"
)

// symbol is a decorated name made readable.
type symbol struct {
	full string // the declaration
	name string // the qualified name
}

// symbol reads a decorated name.
func (p *parser) symbol() symbol {
	if !p.take("?") {
		p.fail()
		return symbol{}
	}
	if p.take("?_C") {
		s := p.literal()
		return symbol{s, s}
	}
	if strings.HasPrefix(p.s, "?_") || strings.HasPrefix(p.s, "?__") {
		if s, ok := p.special(); ok {
			return s
		}
	}
	n := p.qualify(p.own())
	if p.bad {
		return symbol{}
	}
	return p.encoding(n)
}

// tables are the compiler's own tables of a class.
var tables = map[string]string{"7": "`vftable'", "8": "`vbtable'", "S": "`local vftable'", "R4": "`RTTI Complete Object Locator'"}

// special reads what the compiler makes of its own accord: tables, run-time
// type information, guards and initializers.
func (p *parser) special() (symbol, bool) {
	rest := p.s[2:]
	for code, word := range tables {
		if strings.HasPrefix(rest, code) {
			p.s = rest[len(code):]
			return p.table(word), true
		}
	}
	switch {
	case p.take("?_R0"):
		t := p.typ()
		if !p.take("@8") {
			p.fail()
		}
		s := p.join(t.text(""), " `RTTI Type Descriptor'")
		return symbol{s, s}, true
	case p.take("?_R1"):
		return p.baseDescriptor(), true
	case p.take("?_R2"):
		return p.untyped("`RTTI Base Class Array'"), true
	case p.take("?_R3"):
		return p.untyped("`RTTI Class Hierarchy Descriptor'"), true
	case p.take("?_9"):
		return p.vcall(), true
	case p.take("?_B"):
		return p.guard("`local static guard'"), true
	case p.take("?__J"):
		return p.guard("`local static thread guard'"), true
	case p.take("?__E"):
		return p.initializer("`dynamic initializer for '"), true
	case p.take("?__F"):
		return p.initializer("`dynamic atexit destructor for '"), true
	}
	return symbol{}, false
}

// table reads the class, and for which of its bases the table is.
func (p *parser) table(word string) symbol {
	n := p.qualify(name{text: word})
	if !p.take("6") && !p.take("7") {
		p.fail()
		return symbol{}
	}
	cv, _ := p.qualifiers()
	if cv != "" {
		cv += " "
	}
	full := p.join(cv, n.text)
	if !p.take("@") {
		full = p.join(full, "{for `", p.typeName(), "'}")
		if !p.take("@") {
			p.fail()
		}
	}
	return symbol{full, n.text}
}

func (p *parser) untyped(word string) symbol {
	n := p.qualify(name{text: word})
	if !p.take("8") {
		p.fail()
	}
	return symbol{n.text, n.text}
}

// signed reads a number with its sign, as text.
func (p *parser) signed() string {
	n, negative := p.number()
	s := strconv.FormatUint(n, 10)
	if negative {
		return "-" + s
	}
	return s
}

func (p *parser) baseDescriptor() symbol {
	var at []string
	for range 4 {
		at = append(at, p.signed())
	}
	return p.untyped(p.join("`RTTI Base Class Descriptor at (", strings.Join(at, ", "), ")'"))
}

func (p *parser) vcall() symbol {
	n := p.qualify(name{text: "`vcall'"})
	if !p.take("$B") {
		p.fail()
		return symbol{}
	}
	at := p.signed()
	if !p.take("A") {
		p.fail()
	}
	convention := conventions[p.next()]
	if convention == "" {
		p.fail()
	}
	text := p.join(n.text, "{", at, ", {flat}}")
	return symbol{p.join("[thunk]: ", convention, " ", text), text}
}

func (p *parser) guard(word string) symbol {
	n := p.qualify(name{text: word})
	if !p.take("4IA") && !p.take("5") {
		p.fail()
		return symbol{}
	}
	if p.s != "" {
		at, _ := p.number()
		if at > 0 {
			n.text = p.join(n.text, "{", strconv.FormatUint(at, 10), "}")
		}
	}
	return symbol{n.text, n.text}
}

// initializer reads the function that makes or destroys a variable.
func (p *parser) initializer(word string) symbol {
	var of string
	if strings.HasPrefix(p.s, "?") {
		of = p.nested()
		p.take("@")
		if !p.take("@") {
			p.take("@")
		}
	} else {
		of = p.qualify(p.own()).text
	}
	n := name{text: p.join(word, of, "''")}
	return p.encoding(n)
}

// literal reads a string literal, "??_C" being consumed: @_0 or @_1 (two-byte
// characters), the length with its end, a checksum, and the first characters.
func (p *parser) literal() string {
	wide := false
	switch {
	case p.take("@_0"):
	case p.take("@_1"):
		wide = true
	default:
		p.fail()
		return ""
	}
	length, _ := p.number()
	if i := strings.IndexByte(p.s, '@'); i >= 0 {
		p.s = p.s[i+1:]
	} else {
		p.fail()
	}
	var b []byte
	for !p.take("@") {
		if p.bad || len(b) > maxName {
			p.fail()
			return ""
		}
		b = append(b, p.char())
	}
	prefix, unit := "", 1
	if wide {
		prefix, unit = "L", 2
	}
	dots := ""
	if length > uint64(len(b)) {
		dots = "..."
	} else if len(b) >= unit {
		b = b[:len(b)-unit] // the end
	}
	return p.join(prefix, "\"", quote(b, unit), "\"", dots)
}

// char reads one byte of a literal.
func (p *parser) char() byte {
	if !p.take("?") {
		return p.next()
	}
	if p.take("$") {
		hi, lo := p.next()-'A', p.next()-'A'
		if hi > 15 || lo > 15 {
			p.fail()
		}
		return hi<<4 | lo
	}
	c := p.next()
	switch {
	case digit(c):
		return ",/\\:. \n\t'-"[c-'0']
	case c >= 'a' && c <= 'z':
		return c - 'a' + 0xe1
	case c >= 'A' && c <= 'Z':
		return c - 'A' + 0xc1
	}
	p.fail()
	return 0
}

// quote writes characters as in a C string.
func quote(b []byte, unit int) string {
	var out strings.Builder
	for i := 0; i+unit <= len(b); i += unit {
		c := uint64(b[i])
		if unit == 2 {
			c = uint64(b[i])<<8 | uint64(b[i+1])
		}
		switch c {
		case '\n':
			out.WriteString(`\n`)
		case '\t':
			out.WriteString(`\t`)
		case '\r':
			out.WriteString(`\r`)
		case '"', '\\', '\'':
			out.WriteByte('\\')
			out.WriteByte(byte(c))
		default:
			if c >= 0x20 && c < 0x7f {
				out.WriteByte(byte(c))
			} else {
				out.WriteString(`\x` + strings.ToUpper(strconv.FormatUint(c, 16)))
			}
		}
	}
	return out.String()
}
