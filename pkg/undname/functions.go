package undname

import "strings"

// function is a function's type.
type function struct {
	result     typ
	hasResult  bool
	convention string
	params     string // in their brackets, and what follows them
}

var conventions = map[byte]string{
	'A': "__cdecl", 'B': "__cdecl", 'C': "__pascal", 'D': "__pascal", 'E': "__thiscall", 'F': "__thiscall", 'G': "__stdcall", 'H': "__stdcall",
	'I': "__fastcall", 'J': "__fastcall", 'M': "__clrcall", 'N': "__clrcall", 'O': "__eabi", 'P': "__eabi", 'Q': "__vectorcall",
}

// functionType0 reads convention, result and parameters; suffix follows them.
func (p *parser) functionType0(suffix string) function {
	var f function
	f.convention = conventions[p.next()]
	if f.convention == "" {
		p.fail()
	}
	if !p.take("@") {
		f.hasResult = true
		f.result = p.typ()
	}
	f.params = p.join("(", p.parameters(), ")", suffix)
	if p.take("_E") {
		f.params = p.join(f.params, " noexcept")
	} else if !p.take("Z") {
		p.fail()
	}
	return f
}

// parameters reads the types of parameters.
func (p *parser) parameters() string {
	if p.take("X") {
		return "void"
	}
	var out []string
	for !p.take("@") {
		switch {
		case p.bad:
			return ""
		case p.take("Z"):
			return p.join(strings.Join(append(out, "..."), ", "))
		case digit(p.peek()):
			out = append(out, p.typeBackref().text(""))
			p.join(out[len(out)-1]) // counts as work
			continue
		}
		before := len(p.s)
		t := p.typ()
		p.rememberType(t, before-len(p.s))
		out = append(out, t.text(""))
	}
	return p.join(strings.Join(out, ", "))
}

// thisQualifiers reads what a member function demands of its object.
func (p *parser) thisQualifiers() string {
	out, ref := "", ""
	for {
		switch {
		case p.take("E"):
		case p.take("F"):
			out = p.join(out, " __unaligned")
		case p.take("I"):
			out = p.join(out, " __restrict")
		case p.take("G"):
			ref = " &"
		case p.take("H"):
			ref = " &&"
		default:
			if cv, _ := p.qualifiers(); cv != "" {
				out = p.join(" ", cv, out)
			}
			return out + ref
		}
	}
}

// encoding reads what follows a name: the type of a variable or function.
func (p *parser) encoding(n name) symbol {
	c := p.next()
	switch {
	case c >= '0' && c <= '4':
		return p.variable(n, c)
	case c == '9': // extern "C"
		return symbol{n.text, n.text}
	case c == '$':
		return p.displaced(n)
	case c >= 'A' && c <= 'Z':
		return p.function(n, c-'A')
	}
	p.fail()
	return symbol{}
}

var access = [...]string{"private: ", "protected: ", "public: "}

// variable reads a variable's type.
func (p *parser) variable(n name, kind byte) symbol {
	prefix := ""
	if kind <= '2' {
		prefix = access[kind-'0'] + "static "
	}
	t := p.typ()
	pointer := strings.HasSuffix(t.left, "*") || strings.HasSuffix(t.left, "&") || strings.HasSuffix(t.left, "const") && strings.Contains(t.left, "*")
	if pointer {
		p.extended()
	}
	cv, member := p.qualifiers()
	if member {
		p.typeName()
	}
	if !pointer {
		t = p.qualified(t, cv)
	}
	return symbol{full: p.join(prefix, t.text(n.text)), name: n.text}
}

// function reads a function's type; kind is its place in the alphabet: six
// kinds of each access, then functions outside classes.
func (p *parser) function(n name, kind byte) symbol {
	prefix, suffix := "", ""
	if kind < 24 {
		prefix = access[kind/8]
		switch kind % 8 / 2 {
		case 1:
			prefix += "static "
		case 2:
			prefix += "virtual "
		case 3:
			adjust := p.signed()
			n.text = p.join(n.text, "`adjustor{", adjust, "}'")
			prefix = "[thunk]: " + prefix + "virtual "
		}
		if kind%8/2 != 1 {
			suffix = p.thisQualifiers()
		}
	}
	return p.declare(n, prefix, suffix)
}

// displaced reads the type of a thunk for a virtual base: vtordisp.
func (p *parser) displaced(n name) symbol {
	ex := p.take("R")
	c := p.next()
	if c < '0' || c > '5' {
		p.fail()
		return symbol{}
	}
	prefix := "[thunk]: " + access[(c-'0')/2] + "virtual "
	word, count := "`vtordisp{", 2
	if ex {
		word, count = "`vtordispex{", 4
	}
	var numbers []string
	for range count {
		numbers = append(numbers, p.signed())
	}
	n.text = p.join(n.text, word, strings.Join(numbers, ", "), "}'")
	return p.declare(n, prefix, p.thisQualifiers())
}

// declare writes a function's declaration.
func (p *parser) declare(n name, prefix, suffix string) symbol {
	f := p.functionType0(suffix)
	if n.conversion {
		n.text = p.join(n.text, " ", f.result.text(""))
	}
	declarator := p.join(f.convention, " ", n.text, f.params)
	if f.hasResult {
		declarator = p.join(f.result.left, " ", declarator, f.result.right)
	}
	return symbol{full: p.join(prefix, declarator), name: n.text}
}
