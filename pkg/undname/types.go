package undname

import (
	"strconv"
	"strings"
)

// typ is a type as it is written round a name: int (*, )[3].
type typ struct {
	left, right string
	pointer     bool // left ends in a pointer or reference: no blank before the name
	level       bool // what it points to is a function or an array
}

// text is the type with a declarator in it.
func (t typ) text(declarator string) string {
	if declarator == "" {
		return t.left + t.right
	}
	if t.pointer {
		return t.left + declarator + t.right
	}
	return t.left + " " + declarator + t.right
}

var plainTypes = map[byte]string{
	'X': "void", 'D': "char", 'C': "signed char", 'E': "unsigned char", 'F': "short", 'G': "unsigned short", 'H': "int", 'I': "unsigned int",
	'J': "long", 'K': "unsigned long", 'M': "float", 'N': "double", 'O': "long double",
}

var longTypes = map[byte]string{
	'N': "bool", 'J': "__int64", 'K': "unsigned __int64", 'W': "wchar_t", 'Q': "char8_t", 'S': "char16_t", 'U': "char32_t",
	'L': "__int128", 'M': "unsigned __int128", 'P': "auto",
}

// typ reads a type.
func (p *parser) typ() typ {
	if !p.enter() {
		return typ{}
	}
	defer p.leave()
	switch {
	case p.take("$$T"):
		return typ{left: "std::nullptr_t"}
	case p.take("$$Q"):
		return p.pointer("&&", "")
	case p.take("$$R"):
		return p.pointer("&&", " volatile")
	case p.take("$$A"):
		return p.functionType()
	case p.take("$$B"):
		return p.typ()
	case p.take("$$C"):
		cv, _ := p.qualifiers()
		return p.qualified(p.typ(), cv)
	case p.take("?<auto>@@"):
		return typ{left: "<auto>"}
	case p.take("?"):
		cv, _ := p.qualifiers()
		return p.qualified(p.typ(), cv)
	case p.take("W"):
		if c := p.next(); c < '0' || c > '7' {
			p.fail()
		}
		return typ{left: p.join("enum ", p.typeName())}
	}
	return p.letterType()
}

// letterType reads a type that begins with a letter of its own.
func (p *parser) letterType() typ {
	c := p.next()
	switch c {
	case 'T':
		return typ{left: p.join("union ", p.typeName())}
	case 'U':
		return typ{left: p.join("struct ", p.typeName())}
	case 'V':
		return typ{left: p.join("class ", p.typeName())}
	case 'A':
		return p.pointer("&", "")
	case 'B':
		return p.pointer("&", " volatile")
	case 'P':
		return p.pointer("*", "")
	case 'Q':
		return p.pointer("*", "const")
	case 'R':
		return p.pointer("*", "volatile")
	case 'S':
		return p.pointer("*", "const volatile")
	case 'Y':
		return p.array()
	case '_':
		if s, ok := longTypes[p.next()]; ok {
			return typ{left: s}
		}
	}
	if s, ok := plainTypes[c]; ok {
		return typ{left: s}
	}
	p.fail()
	return typ{}
}

// qualified adds const and volatile behind a type.
func (p *parser) qualified(t typ, cv string) typ {
	if cv == "" || strings.HasSuffix(t.left, "*"+cv) || strings.HasSuffix(t.left, " "+cv) { // said twice, it is written once
		return t
	}
	if t.pointer {
		t.left = p.join(t.left, cv)
	} else {
		t.left = p.join(t.left, " ", cv)
	}
	t.pointer = false
	return t
}

// qualifiers reads const and volatile; member says that a class's name
// follows, as of a pointer to a member.
func (p *parser) qualifiers() (cv string, member bool) {
	c := p.next()
	if c >= 'Q' && c <= 'T' {
		member = true
		c -= 'Q' - 'A'
	}
	switch c {
	case 'A':
		return "", member
	case 'B':
		return "const", member
	case 'C':
		return "volatile", member
	case 'D':
		return "const volatile", member
	}
	p.fail()
	return "", false
}

// extended reads what stands between a pointer's kind and what it points to:
// E (64 bits, not written), F and I.
func (p *parser) extended() string {
	out := ""
	for {
		switch {
		case p.take("E"):
		case p.take("F"):
			out = p.join(out, " __unaligned")
		case p.take("I"):
			out = p.join(out, " __restrict")
		default:
			return out
		}
	}
}

// pointer reads what a pointer or reference points to.
func (p *parser) pointer(mark, cv string) typ {
	ext := p.extended()
	if strings.Contains(ext, "__unaligned") {
		ext = strings.ReplaceAll(ext, " __unaligned", "")
		mark = "__unaligned " + mark
	}
	switch {
	case p.take("6"), p.take("7"):
		return p.toFunction(p.functionType0(""), p.join(mark, cv, ext))
	case p.take("8"), p.take("9"):
		class := p.typeName()
		suffix := p.thisQualifiers()
		return p.toFunction(p.functionType0(suffix), p.join(class, "::", mark, cv, ext))
	}
	if cv == "" {
		ext = strings.TrimPrefix(ext, " ")
	}
	inner, member := p.qualifiers()
	if member {
		mark = p.join(p.typeName(), "::", mark)
	}
	t := p.qualified(p.typ(), inner)
	mark = p.join(mark, cv, ext)
	switch {
	case t.level: // of an array
		return typ{left: p.join(t.left, " (", mark), right: p.join(")", t.right), pointer: cv == "" && ext == ""}
	case t.pointer:
		t.left = p.join(t.left, mark)
	default:
		t.left = p.join(t.left, " ", mark)
	}
	t.pointer = cv == "" && ext == ""
	return t
}

// toFunction makes a pointer to a function.
func (p *parser) toFunction(f function, mark string) typ {
	return typ{left: p.join(f.result.left, " (", f.convention, " ", mark), right: p.join(")", f.params, f.result.right), pointer: strings.HasSuffix(mark, "*") || strings.HasSuffix(mark, "&")}
}

// functionType reads a type of a function itself, as templates take it.
func (p *parser) functionType() typ {
	suffix := ""
	switch {
	case p.take("6"):
	case p.take("8@@"):
		suffix = p.thisQualifiers()
	default:
		p.fail()
	}
	f := p.functionType0(suffix)
	return typ{left: p.join(f.result.left, " ", f.convention), right: p.join(f.params, f.result.right)}
}

// array reads the dimensions and the element's type.
func (p *parser) array() typ {
	n, negative := p.number()
	if negative || n == 0 || n > maxDepth {
		p.fail()
		return typ{}
	}
	dims := ""
	for range n {
		d, _ := p.number()
		dims = p.join(dims, "[", strconv.FormatUint(d, 10), "]")
	}
	cv := ""
	if p.take("$$C") {
		cv, _ = p.qualifiers()
	}
	t := p.qualified(p.typ(), cv)
	return typ{left: t.left, right: p.join(dims, t.right), level: true, pointer: t.pointer}
}

// arguments reads a template's arguments up to their '@', in their brackets.
func (p *parser) arguments() string {
	var out []string
	for !p.take("@") {
		if p.bad {
			return ""
		}
		if p.take("$$V") || p.take("$$$V") || p.take("$$Z") || p.take("$S") {
			continue
		}
		out = append(out, p.argument())
	}
	return p.join("<", p.join(strings.Join(out, ", ")), ">")
}

func (p *parser) argument() string {
	switch {
	case p.take("$0"):
		n, negative := p.number()
		if negative {
			return "-" + strconv.FormatUint(n, 10)
		}
		return strconv.FormatUint(n, 10)
	case p.take("$1"):
		return p.join("&", p.nested())
	case p.take("$E"):
		return p.nested()
	case p.take("$$Y"):
		return p.typeName()
	case digit(p.peek()):
		return p.typeBackref().text("")
	}
	before := len(p.s)
	t := p.typ()
	p.rememberType(t, before-len(p.s))
	return t.text("")
}

// nested reads a symbol inside another name.
func (p *parser) nested() string {
	if !p.enter() {
		return ""
	}
	defer p.leave()
	return p.symbol().full
}

func (p *parser) typeBackref() typ {
	i := int(p.next() - '0')
	if i >= len(p.types) {
		p.fail()
		return typ{}
	}
	return p.types[i]
}

// rememberType keeps a parameter's type for back references, if that was
// longer than they are.
func (p *parser) rememberType(t typ, length int) {
	if length > 1 && len(p.types) < maxBackrefs {
		p.types = append(p.types, t)
	}
}
