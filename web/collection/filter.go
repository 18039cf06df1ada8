package collection

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// mostNested bounds the parentheses and the nots within each other, so that a filter cannot spend the stack.
const mostNested = 64

// operators are those of the standard, of which a collection supports some. They are case-sensitive.
var operators = []string{"eq", "ne", "gt", "ge", "lt", "le", "co", "sw", "in", "ca", "pr", "isnull"}

// compares are the operators that a Field can name. What they get is in lower case.
var compares = map[string]func(have, want string) bool{
	"eq": func(have, want string) bool { return have == want },
	"ne": func(have, want string) bool { return have != want },
	"gt": func(have, want string) bool { return have > want },
	"ge": func(have, want string) bool { return have >= want },
	"lt": func(have, want string) bool { return have < want },
	"le": func(have, want string) bool { return have <= want },
	"co": strings.Contains,
	"sw": strings.HasPrefix,
}

// parser reads a filter: not binds more closely than and, and more closely than or.
type parser[T any] struct {
	rest   string
	fields []Field[T]
	nested int
}

// parse compiles a filter.
func parse[T any](text string, fields []Field[T]) (func(T) bool, error) {
	p := &parser[T]{rest: text, fields: fields}
	keep, err := p.or()
	if err != nil {
		return nil, err
	}
	if p.skip(); p.rest != "" {
		return nil, fmt.Errorf("%q stands behind the end; expressions are joined by and, or", short(p.rest))
	}
	return keep, nil
}

func (p *parser[T]) or() (func(T) bool, error) {
	left, err := p.and()
	for err == nil && p.word("or") {
		var right func(T) bool
		if right, err = p.and(); err == nil {
			left = either(left, right)
		}
	}
	return left, err
}

func (p *parser[T]) and() (func(T) bool, error) {
	left, err := p.not()
	for err == nil && p.word("and") {
		var right func(T) bool
		if right, err = p.not(); err == nil {
			left = both(left, right)
		}
	}
	return left, err
}

func either[T any](a, b func(T) bool) func(T) bool {
	return func(item T) bool { return a(item) || b(item) }
}
func both[T any](a, b func(T) bool) func(T) bool {
	return func(item T) bool { return a(item) && b(item) }
}

func (p *parser[T]) not() (func(T) bool, error) {
	if p.nested++; p.nested > mostNested {
		return nil, fmt.Errorf("more than %d expressions stand within each other", mostNested)
	}
	defer func() { p.nested-- }()
	if p.word("not") {
		inner, err := p.not()
		return func(item T) bool { return !inner(item) }, err
	}
	if p.skip(); !strings.HasPrefix(p.rest, "(") {
		return p.comparison()
	}
	p.rest = p.rest[1:]
	inner, err := p.or()
	if err != nil {
		return nil, err
	}
	if p.skip(); !strings.HasPrefix(p.rest, ")") {
		return nil, errors.New("a parenthesis is not closed")
	}
	p.rest = p.rest[1:]
	return inner, nil
}

// comparison is a field, an operator and a text in double quotes.
func (p *parser[T]) comparison() (func(T) bool, error) {
	name, op := p.name(), p.name()
	i := slices.IndexFunc(p.fields, func(f Field[T]) bool { return f.Name == name && len(f.Ops) > 0 })
	switch {
	case name == "":
		return nil, fmt.Errorf("a field is wanted before %q", short(p.rest))
	case i < 0:
		return nil, fmt.Errorf("%q cannot be filtered by here; %s", short(name), choice(p.fields, func(f Field[T]) bool { return len(f.Ops) > 0 }))
	case !slices.Contains(operators, op):
		return nil, fmt.Errorf("%q is no operator; they are in lower case: %s", short(op), strings.Join(p.fields[i].Ops, ", "))
	case !slices.Contains(p.fields[i].Ops, op):
		return nil, fmt.Errorf("%s does not go with operator %s; it goes with %s", name, op, strings.Join(p.fields[i].Ops, ", "))
	}
	want, err := p.text()
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", name, op, err)
	}
	value, fits, want := p.fields[i].Value, compares[op], strings.ToLower(want)
	return func(item T) bool { return fits(strings.ToLower(value(item)), want) }, nil
}

func (p *parser[T]) skip() { p.rest = strings.TrimLeft(p.rest, " \t\r\n") }

// name takes a word.
func (p *parser[T]) name() string {
	p.skip()
	end := strings.IndexAny(p.rest, " \t\r\n()\"")
	if end < 0 {
		end = len(p.rest)
	}
	word := p.rest[:end]
	p.rest = p.rest[end:]
	return word
}

// word takes a word if it is the one.
func (p *parser[T]) word(want string) bool {
	before := p.rest
	if p.name() == want {
		return true
	}
	p.rest = before
	return false
}

// text takes a text in double quotes, in which \" and \\ are escapes.
func (p *parser[T]) text() (string, error) {
	if p.skip(); !strings.HasPrefix(p.rest, `"`) {
		return "", errors.New("a text in double quotes must follow")
	}
	var b strings.Builder
	for i := 1; i < len(p.rest); i++ {
		switch c := p.rest[i]; {
		case c == '"':
			p.rest = p.rest[i+1:]
			return b.String(), nil
		case c == '\\' && i+1 < len(p.rest) && (p.rest[i+1] == '"' || p.rest[i+1] == '\\'):
			i++
			b.WriteByte(p.rest[i])
		default:
			b.WriteByte(c)
		}
	}
	return "", errors.New("a double quote is not closed")
}

// short is the beginning of what a client wrote, for an error.
func short(text string) string {
	const most = 40
	if len(text) > most {
		return strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}
