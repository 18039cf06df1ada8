package filter

import (
	"strconv"
	"strings"
)

// path reads a path, whose $ or @ comes next, and compiles it.
func (p *parser) path(where place) (*path, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	start := p.at
	p.at++
	if c := p.next(); where == whole && c != 0 && c != '.' && c != '[' {
		return nil, p.fail("expected '.' or '[' behind the %c, found %s", p.text[start], p.found())
	}
	var tokens []token
	for !p.ended(where) {
		if at := len(tokens) - 1; at >= 0 && tokens[at].kind == functionToken {
			return nil, p.fail("nothing can stand behind %s(): it gives a value", tokens[at].function)
		}
		var err error
		switch p.next() {
		case '[':
			tokens, err = p.bracket(tokens)
		case '.':
			tokens, err = p.dot(tokens, where)
		default:
			err = p.fail("expected '.' or '[', found %s", p.found())
		}
		if err != nil {
			return nil, err
		}
		tokens[len(tokens)-1].text = p.written(start)
	}
	return link(tokens, p.text[start] == '$', p.written(start)), nil
}

// written is the text from start to here, as a person wrote it.
func (p *parser) written(start int) string { return p.text[start:p.at] }

// ended tells whether the path is over.
func (p *parser) ended(where place) bool {
	c := p.next()
	switch {
	case c == 0 || where == whole:
		return p.at >= len(p.text)
	case where == inside:
		return c == ')' || strings.IndexByte(blanks+relational, c) >= 0
	}
	return c == ')' || c == ',' || strings.IndexByte(blanks, c) >= 0
}

// dot reads .name, .function(), .* and the .. before one of them or before a bracket.
func (p *parser) dot(tokens []token, where place) ([]token, error) {
	start := p.at
	p.at++
	if p.take(".") {
		tokens = append(tokens, token{kind: scanToken, start: start})
	}
	switch c := p.next(); {
	case c == '.':
		return nil, p.fail("there are at most two dots in a row")
	case p.ended(where):
		return nil, p.errorAt(start, "a path must not end with a dot: put a name or a * behind it, or take it out")
	case c == '[':
		return p.bracket(tokens)
	case c == '*':
		p.at++
		return append(tokens, token{kind: wildcardToken, start: start}), nil
	}
	return p.name(tokens, where)
}

// name reads a name without quotes, or a function.
func (p *parser) name(tokens []token, where place) ([]token, error) {
	start := p.at
	for !p.ended(where) && strings.IndexByte(".[(", p.next()) < 0 {
		if where == whole && strings.IndexByte(blanks, p.next()) >= 0 {
			return nil, p.fail("a blank ends no path: write ['my name'] for a name with blanks, and [?( … )] around a comparison")
		}
		if rest := p.text[p.at:]; where == inside && (strings.HasPrefix(rest, "&&") || strings.HasPrefix(rest, "||")) {
			return nil, p.fail("put a blank before %s: without one it is part of the name", rest[:2])
		}
		p.at++
	}
	name := p.text[start:p.at]
	if name == "" {
		return nil, p.fail("expected a name, found %s", p.found())
	}
	if p.next() != '(' {
		return append(tokens, token{kind: propertyToken, names: []string{name}, start: start}), nil
	}
	return p.function(tokens, name, start)
}

// bracket reads [ … ].
func (p *parser) bracket(tokens []token) ([]token, error) {
	t, err := token{start: p.at}, error(nil)
	p.at++
	switch c := p.significant(); {
	case c == '"' || c == '\'':
		t.kind = propertyToken
		t.names, err = p.names()
	case c == '*':
		t.kind = wildcardToken
		p.at++
	case c == '?':
		t.kind = filterToken
		t.predicate, err = p.predicate(t.start)
	case c == '-' || c == ':' || c >= '0' && c <= '9':
		err = p.positions(&t)
	case c == '(':
		err = p.fail("a script in [( … )] is not understood: the last element is [-1]")
	default:
		err = p.fail("expected a name in quotes, a number, a slice, * or ?( … ) in the brackets, found %s", p.found())
	}
	if err == nil {
		err = p.expect(']', "to close the bracket")
	}
	return append(tokens, t), err
}

// names reads 'a', 'b'.
func (p *parser) names() (names []string, err error) {
	for {
		if c := p.significant(); c != '"' && c != '\'' {
			return nil, p.fail("expected a name in quotes, found %s", p.found())
		}
		name, err := p.quoted()
		if err != nil {
			return nil, err
		}
		names = append(names, name)
		if p.significant() != ',' {
			return names, nil
		}
		p.at++
	}
}

// positions reads the inside of [0], [0, 2], [-1] and of slices. The third number of a slice is read and has no effect: so it is in Jayway.
func (p *parser) positions(t *token) error {
	start := p.at
	for p.at < len(p.text) && strings.IndexByte("0123456789-:, ", p.text[p.at]) >= 0 {
		p.at++
	}
	text := p.text[start:p.at]
	if strings.Contains(text, ":") {
		t.kind = sliceToken
		return p.slice(t, start, strings.Split(strings.TrimSpace(text), ":"))
	}
	t.kind = indexToken
	for part := range strings.SplitSeq(text, ",") {
		n, err := strconv.ParseInt(strings.TrimSpace(part), 10, 32)
		if err != nil {
			return p.errorAt(start, "%q is no list of positions: write [0], [-1] or [0, 2]", text)
		}
		t.positions = append(t.positions, int(n))
	}
	return nil
}

func (p *parser) slice(t *token, start int, parts []string) error {
	var bounds [3]*int
	for i, part := range parts {
		if part == "" && i < len(bounds) {
			continue
		}
		n, err := strconv.ParseInt(part, 10, 32)
		if err != nil || i >= len(bounds) {
			return p.errorAt(start, "%q is no slice: write [0:2], [2:] or [-1:]", strings.Join(parts, ":"))
		}
		bounds[i] = new(int(n))
	}
	t.from, t.to = bounds[0], bounds[1]
	if t.from == nil && t.to == nil {
		return p.errorAt(start, "a slice needs a start or an end: write [0:2], [2:], [:2] or [-1:], and [*] for all")
	}
	return nil
}
