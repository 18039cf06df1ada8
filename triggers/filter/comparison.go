package filter

import (
	"slices"
	"strings"
)

// absent is the value of a path that leads nowhere. It equals nothing, not even itself.
type absent struct{}

// nothing is absent as any, made once.
var nothing any = absent{}

// An operand is a side of a comparison: a path, or a value.
type operand struct {
	text  string
	path  *path
	value any
}

// side reads a path or a value.
func (p *parser) side() (operand, error) {
	c := p.significant()
	start := p.at
	var o operand
	var err error
	switch c {
	case '$', '@':
		o.path, err = p.path(inside)
	case '/':
		o.value, err = p.pattern()
	default:
		o.value, err = p.literal()
	}
	o.text = p.text[start:p.at]
	return o, err
}

// comparison reads PATH, VALUE OPERATOR VALUE, or !PATH, whose path begins here.
func (p *parser) comparison(not bool, start int) (test, error) {
	left, err := p.side()
	if err != nil {
		return nil, err
	}
	behind := p.at
	if c := p.significant(); c == ')' || c == 0 || c == ']' || c == '&' || c == '|' {
		if left.path == nil {
			return nil, p.errorAt(start, "a value alone is no predicate: compare it with a path, as in @.attribute == 'department'")
		}
		p.at = behind
		return existence(left, !not), nil
	}
	at := p.at
	name := p.operator()
	operator := operators[name]
	if operator == nil {
		return nil, p.unknown(at, name)
	}
	if not {
		return nil, p.errorAt(start, "a ! before a comparison has no effect in Jayway: write !( … ) around it, or the opposite operator")
	}
	p.blanks()
	at = p.at
	right, err := p.side()
	if err != nil {
		return nil, err
	}
	if _, is := right.value.(*pattern); is && name != "=~" {
		return nil, p.errorAt(at, "a pattern goes with =~ only")
	}
	return compared(&compare{strings.TrimRight(p.text[start:p.at], blanks), left, right, name, operator}), nil
}

// operator reads an operator: those of signs, or a word up to the next blank, in any case.
func (p *parser) operator() string {
	start := p.at
	if strings.IndexByte(relational, p.next()) >= 0 {
		for p.at < len(p.text) && strings.IndexByte(relational, p.next()) >= 0 {
			p.at++
		}
		return p.text[start:p.at]
	}
	for p.at < len(p.text) && strings.IndexByte(blanks+")]", p.next()) < 0 {
		p.at++
	}
	return strings.ToLower(p.text[start:p.at])
}

func (p *parser) unknown(at int, name string) error {
	switch name {
	case "=":
		return p.errorAt(at, "write == instead of =")
	case "and":
		return p.errorAt(at, "write && instead of and")
	case "or":
		return p.errorAt(at, "write || instead of or")
	}
	names := make([]string, 0, len(operators))
	for name := range operators {
		names = append(names, name)
	}
	slices.Sort(names)
	return p.errorAt(at, "%q is no operator; there are %s (and a word needs blanks around it)", name, strings.Join(names, " "))
}

// A compare is a comparison as it was read.
type compare struct {
	text        string
	left, right operand
	name        string
	operator    operator
}

// compared compiles a comparison.
func compared(c *compare) test {
	return func(e *evaluation) (bool, error) {
		if err := e.step(1); err != nil {
			return false, err
		}
		left, err := c.left.get(e)
		if err != nil {
			return false, err
		}
		right, err := c.right.get(e)
		if err != nil {
			return false, err
		}
		ok, err := c.operator(e, left, right)
		if e.trace != nil {
			e.trace.compared(c, left, right, ok, err)
		}
		return ok, err
	}
}

// get is the operand's value, or nothing.
func (o *operand) get(e *evaluation) (any, error) {
	if o.path == nil {
		return o.value, nil
	}
	value, err := o.path.read(e, e.item)
	if err != nil && missing(err) {
		return nothing, nil
	}
	return value, err
}

// existence compiles a check that a path leads somewhere, or does not.
func existence(o operand, want bool) test {
	return func(e *evaluation) (bool, error) {
		exists, err := o.path.exists(e)
		if e.trace != nil && err == nil {
			e.trace.existence(o.text, exists, want)
		}
		return exists == want && err == nil, err
	}
}
