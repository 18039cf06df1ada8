package filter

import (
	"maps"
	"slices"
	"strings"
)

// An argument of a function is a path or a value.
type argument struct {
	path    *path
	every   step // the path with [*] behind it, whose values length() counts
	value   any
	isValue bool
}

// function reads the ( … ) behind a name.
func (p *parser) function(tokens []token, name string, start int) ([]token, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	if functions[name] == nil {
		names := strings.Join(slices.Sorted(maps.Keys(functions)), " ")
		return nil, p.errorAt(start, "there is no function %s(); there are %s, and a name with parentheses is written ['name()']", name, names)
	}
	t := token{kind: functionToken, function: name, start: start}
	p.at++
	for p.significant() != ')' {
		a, err := p.argument(name)
		if err != nil {
			return nil, err
		}
		t.arguments = append(t.arguments, a)
		if p.significant() != ',' {
			break
		}
		p.at++
	}
	if err := p.expect(')', "or a comma behind an argument of "+name+"()"); err != nil {
		return nil, err
	}
	if name == "index" && len(t.arguments) == 0 {
		return nil, p.errorAt(start, "index() needs a number, as in index(0)")
	}
	if len(tokens) == 0 || tokens[0].kind != scanToken {
		return append(tokens, t), nil
	}
	return p.overAll(tokens, t)
}

// overAll turns $..x.sum() into $.sum($..x): behind a .. that comes first, a function is about all that was found, not about each.
func (p *parser) overAll(tokens []token, t token) ([]token, error) {
	if len(tokens) == 1 {
		return nil, p.errorAt(t.start, "%s() cannot stand right behind ..: name what it is about, as in $..value.%s()", t.function, t.function)
	}
	if len(t.arguments) > 0 {
		return nil, p.errorAt(t.start, "%s() takes no arguments here: what stands before it is its argument, because the path begins with ..", t.function)
	}
	text := tokens[len(tokens)-1].text
	t.arguments = []argument{{path: link(tokens, true, text), every: link(everything(tokens), true, text).run}}
	return []token{t}, nil
}

// everything is tokens with [*] behind them.
func everything(tokens []token) []token {
	return append(slices.Clone(tokens), token{kind: wildcardToken})
}

// argument reads one: a path, a text in double quotes, a number or an object.
func (p *parser) argument(function string) (argument, error) {
	c := p.significant()
	switch {
	case c == '$' || c == '@':
		compiled, err := p.path(arguments)
		if err != nil {
			return argument{}, err
		}
		a := argument{path: compiled, every: compiled.run}
		if !compiled.function {
			a.every = link(everything(compiled.tokens), compiled.root, compiled.text).run
		}
		return a, nil
	case function == "length" || function == "size":
		return argument{}, p.fail("%s() takes a path, found %s", function, p.found())
	case c == '"' || c == '{' || c == '-' || c >= '0' && c <= '9':
		value, err := p.literal()
		return argument{value: value, isValue: true}, err
	}
	return argument{}, p.fail("expected an argument of %s(): a path, a text in double quotes or a number; found %s", function, p.found())
}
