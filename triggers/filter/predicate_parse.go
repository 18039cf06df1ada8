package filter

import (
	"strings"
)

// A predicate is what stands in [?( … )].
type predicate struct {
	text      string
	test      test
	primitive *unfitError // it stands on a value that is neither a list nor an object
}

// A test tells whether the evaluation's item passes.
type test func(e *evaluation) (bool, error)

// predicate reads ?( … ); the bracket before it is at start.
func (p *parser) predicate(start int) (*predicate, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	p.at++
	if p.significant() != '(' {
		return nil, p.fail("expected ( behind the ?: write [?( … )]")
	}
	p.at++
	t, err := p.either()
	if err != nil {
		return nil, err
	}
	if err := p.closing(); err != nil {
		return nil, err
	}
	text := p.text[start:p.at] + "]"
	return &predicate{text, t, &unfitError{text + " stands on a value that is neither a list nor an object"}}, nil
}

// closing reads the parenthesis that ends an expression, and knows what people write there instead.
func (p *parser) closing() error {
	switch rest := strings.ToLower(p.text[p.at:]); {
	case p.significant() == ')':
		p.at++
		return nil
	case strings.HasPrefix(strings.TrimLeft(rest, blanks), "and "):
		return p.fail("write && instead of and")
	case strings.HasPrefix(strings.TrimLeft(rest, blanks), "or "):
		return p.fail("write || instead of or")
	case p.next() == ']' || p.next() == 0:
		return p.fail("a parenthesis is open: close it with )")
	}
	return p.fail("expected ), && or ||, found %s", p.found())
}

// either reads tests with || between them.
func (p *parser) either() (test, error) {
	tests, err := p.joined("||", p.both)
	if err != nil || len(tests) == 1 {
		return only(tests), err
	}
	return func(e *evaluation) (bool, error) {
		for _, t := range tests {
			if ok, err := t(e); ok || err != nil {
				return ok, err
			}
		}
		return false, nil
	}, nil
}

// both reads tests with && between them.
func (p *parser) both() (test, error) {
	tests, err := p.joined("&&", p.operand)
	if err != nil || len(tests) == 1 {
		return only(tests), err
	}
	return func(e *evaluation) (bool, error) {
		for _, t := range tests {
			if ok, err := t(e); !ok || err != nil {
				return false, err
			}
		}
		return true, nil
	}, nil
}

func only(tests []test) test {
	if len(tests) == 0 {
		return nil
	}
	return tests[0]
}

func (p *parser) joined(operator string, read func() (test, error)) (tests []test, err error) {
	for {
		t, err := read()
		if err != nil {
			return nil, err
		}
		tests = append(tests, t)
		p.blanks()
		if !p.take(operator) {
			return tests, nil
		}
	}
}

// operand reads ( … ), ! before one, or a comparison.
func (p *parser) operand() (test, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	start := p.at
	switch p.significant() {
	case '!':
		p.at++
		if c := p.significant(); c == '$' || c == '@' {
			return p.comparison(true, p.at)
		}
		t, err := p.operand()
		if err != nil {
			return nil, err
		}
		return negated(t), nil
	case '(':
		p.at++
		t, err := p.either()
		if err != nil {
			return nil, err
		}
		return t, p.closing()
	case ')':
		return nil, p.errorAt(start, "the predicate is empty: write a comparison, such as @.attribute == 'department'")
	}
	return p.comparison(false, p.at)
}

func negated(t test) test {
	return func(e *evaluation) (bool, error) {
		ok, err := t(e)
		return !ok && err == nil, err
	}
}
