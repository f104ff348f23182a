package undname

import (
	"strconv"
	"strings"
)

// name is a name with its scopes, as far as it is known before its type.
type name struct {
	text       string // qualified
	scope      string // its scopes alone
	structor   string // "" or "~": a constructor or destructor, named by its scope
	conversion bool   // operator T, where T is the result's type
}

// operators by their code after '?', then those after "?_" and "?__".
var operators = map[string]string{
	"2": "operator new", "3": "operator delete", "4": "operator=", "5": "operator>>", "6": "operator<<", "7": "operator!", "8": "operator==", "9": "operator!=",
	"A": "operator[]", "C": "operator->", "D": "operator*", "E": "operator++", "F": "operator--", "G": "operator-", "H": "operator+", "I": "operator&",
	"J": "operator->*", "K": "operator/", "L": "operator%", "M": "operator<", "N": "operator<=", "O": "operator>", "P": "operator>=", "Q": "operator,",
	"R": "operator()", "S": "operator~", "T": "operator^", "U": "operator|", "V": "operator&&", "W": "operator||", "X": "operator*=", "Y": "operator+=", "Z": "operator-=",
	"_0": "operator/=", "_1": "operator%=", "_2": "operator>>=", "_3": "operator<<=", "_4": "operator&=", "_5": "operator|=", "_6": "operator^=",
	"_D": "`vbase dtor'", "_E": "`vector deleting dtor'", "_F": "`default ctor closure'", "_G": "`scalar deleting dtor'", "_H": "`vector ctor iterator'",
	"_I": "`vector dtor iterator'", "_J": "`vector vbase ctor iterator'", "_K": "`virtual displacement map'", "_L": "`eh vector ctor iterator'",
	"_M": "`eh vector dtor iterator'", "_N": "`eh vector vbase ctor iterator'", "_O": "`copy ctor closure'", "_T": "`local vftable ctor closure'",
	"_U": "operator new[]", "_V": "operator delete[]",
	"__A": "`managed vector ctor iterator'", "__B": "`managed vector dtor iterator'", "__C": "`EH vector copy ctor iterator'", "__D": "`EH vector vbase copy ctor iterator'",
	"__G": "`vector copy ctor iterator'", "__H": "`vector vbase copy constructor iterator'", "__I": "`managed vector copy constructor iterator'", "__L": "operator co_await", "__M": "operator<=>",
}

// operator reads an operator's code, the '?' before it being consumed.
func (p *parser) operator() (n name) {
	switch {
	case p.take("0"):
		return name{structor: " "}
	case p.take("1"):
		return name{structor: "~"}
	case p.take("B"):
		return name{text: "operator", conversion: true}
	case p.take("__K"):
		return name{text: p.join("operator \"\"", p.simple())}
	}
	for _, n := range [...]int{1, 2, 3} {
		if len(p.s) >= n {
			if text, ok := operators[p.s[:n]]; ok {
				p.s = p.s[n:]
				return name{text: text}
			}
		}
	}
	p.fail()
	return name{}
}

// simple reads a name up to its '@', without remembering it.
func (p *parser) simple() string {
	i := strings.IndexByte(p.s, '@')
	if i <= 0 {
		p.fail()
		return ""
	}
	s := p.s[:i]
	p.s = p.s[i+1:]
	return s
}

// backref reads a digit that stands for a name.
func (p *parser) backref() string {
	i := int(p.next() - '0')
	if i >= len(p.names) {
		p.fail()
		return ""
	}
	return p.names[i]
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

// own reads the name itself, innermost.
func (p *parser) own() name {
	switch {
	case digit(p.peek()):
		return name{text: p.backref()}
	case p.take("?$"):
		return p.template(false)
	case p.take("?"):
		return p.operator()
	}
	s := p.simple()
	p.remember(s)
	return name{text: s}
}

// template reads a template's name and arguments, "?$" being consumed. Inside
// it back references begin anew.
func (p *parser) template(remember bool) name {
	if !p.enter() {
		return name{}
	}
	defer p.leave()
	names, types := p.names, p.types
	p.names, p.types = nil, nil
	n := p.own()
	args := p.arguments()
	p.names, p.types = names, types
	if n.structor != "" || n.conversion {
		n.text += args // the scope has the name; only its arguments are here
		return n
	}
	n.text = p.join(n.text, args)
	if remember {
		p.remember(n.text)
	}
	return n
}

// scopePiece reads one scope round a name.
func (p *parser) scopePiece() string {
	switch {
	case digit(p.peek()):
		return p.backref()
	case p.take("?$"):
		return p.template(true).text
	case p.take("?A"):
		// Its key is not written; two of them would be two names.
		_, rest, ok := strings.Cut(p.s, "@")
		if !ok {
			p.fail()
		}
		p.s = rest
		if len(p.names) < maxBackrefs {
			p.names = append(p.names, "`anonymous namespace'")
		}
		return "`anonymous namespace'"
	case p.take("?"):
		n, negative := p.number()
		if negative || !p.take("?") || !p.enter() {
			p.fail()
			return ""
		}
		defer p.leave()
		s := p.symbol()
		return p.join("`", s.full, "'::`", strconv.FormatUint(n, 10), "'")
	}
	s := p.simple()
	p.remember(s)
	return s
}

// qualify reads the scopes of a name up to their end.
func (p *parser) qualify(n name) name {
	var pieces []string
	for !p.take("@") {
		if p.bad || len(pieces) > maxDepth {
			p.fail()
			return name{}
		}
		pieces = append(pieces, p.scopePiece())
	}
	for i := range len(pieces) / 2 {
		pieces[i], pieces[len(pieces)-1-i] = pieces[len(pieces)-1-i], pieces[i]
	}
	n.scope = p.join(strings.Join(pieces, "::"))
	if n.structor != "" {
		if len(pieces) == 0 {
			p.fail()
			return name{}
		}
		n.text = strings.TrimSpace(n.structor) + pieces[len(pieces)-1] + n.text
	}
	if n.scope != "" {
		n.text = p.join(n.scope, "::", n.text)
	}
	return n
}

// typeName reads the qualified name of a type.
func (p *parser) typeName() string {
	var n name
	switch {
	case digit(p.peek()):
		n.text = p.backref()
	case p.take("?$"):
		n = p.template(true)
	default:
		n.text = p.scopePiece()
	}
	return p.qualify(n).text
}
