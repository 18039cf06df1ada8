package filter

import (
	"encoding/json"
	"errors"
	"regexp"
	"regexp/syntax"
	"strings"
	"sync"
)

// The bounds of patterns. A few characters of nested repetitions make thousands of instructions, which cost memory and, for each
// character of a value, time.
const (
	maxExpression = 1000   // bytes of one
	maxProgram    = 10_000 // instructions of all in a filter
)

// A pattern is a regular expression that must match a whole value.
type pattern struct {
	expr    *regexp.Regexp
	program int                            // instructions
	part    func() (*regexp.Regexp, error) // what matches a part of a value, made when somebody asks
}

// pattern reads /expression/flags.
func (p *parser) pattern() (*pattern, error) {
	start := p.at
	for p.at++; p.next() != '/'; p.at++ {
		if p.next() == '\\' {
			p.at++
		}
		if p.at >= len(p.text) {
			return nil, p.errorAt(start, "the pattern does not end: put a / behind it, and a \\ before each / in it")
		}
	}
	expression := p.text[start+1 : p.at]
	p.at++
	flags, err := p.flags()
	if err != nil {
		return nil, err
	}
	if len(expression) > maxExpression {
		return nil, p.errorAt(start, "the pattern is too long: write at most %d bytes", maxExpression)
	}
	parsed, err := syntax.Parse(flags+expression, syntax.Perl)
	if err != nil {
		return nil, p.errorAt(start, "the pattern cannot be used: %s; look-around, back references and possessive repetitions are left out, because they can take for ever", why(err))
	}
	program, err := syntax.Compile(parsed.Simplify())
	if err == nil {
		p.program += len(program.Inst)
	}
	if err != nil || p.program > maxProgram {
		return nil, p.errorAt(start, "the patterns of the filter are too large: repeat less in them")
	}
	compiled, err := regexp.Compile(`\A(?:` + flags + expression + `)\z`)
	if err != nil {
		return nil, p.errorAt(start, "the pattern cannot be used: %s", why(err))
	}
	part := sync.OnceValues(func() (*regexp.Regexp, error) { return regexp.Compile(flags + expression) })
	return &pattern{compiled, len(program.Inst), part}, nil
}

func why(err error) string {
	if e, ok := errors.AsType[*syntax.Error](err); ok {
		return e.Code.String() + ": " + e.Expr
	}
	return err.Error()
}

// flags reads the letters behind a pattern and writes them as RE2 does. Lines end at \n alone and letters are those of Unicode already.
func (p *parser) flags() (string, error) {
	var out strings.Builder
	for ; letter(p.next()); p.at++ {
		switch c := p.next(); c {
		case 'i', 'm', 's':
			if !strings.Contains(out.String(), string(c)) {
				out.WriteByte(c)
			}
		case 'd', 'u':
		case 'x', 'U':
			return "", p.fail("the flag %c of a pattern is not understood: there are i, m, s, d and u", c)
		default:
			return "", p.fail("%s is no flag of a pattern: there are i, m, s, d and u", p.found())
		}
	}
	if out.Len() == 0 {
		return "", nil
	}
	return "(?" + out.String() + ")", nil
}

// match holds the pattern against one value.
func (p *pattern) match(e *evaluation, value any) (bool, error) {
	text := patternText(value)
	if err := e.step(1 + (len(text)+1)*p.program/8); err != nil { // an empty text meets all of it, too
		return false, err
	}
	return p.expr.MatchString(text), nil
}

// within tells whether the pattern matches a part of the text, for whoever asks why the whole does not.
func (p *pattern) within(text string) bool {
	expr, err := p.part()
	return err == nil && len(text) < maxProgram && expr.MatchString(text)
}

// patternText is a value as a pattern meets it; what is no text, number or boolean counts as an empty text.
func patternText(value any) string {
	switch value := value.(type) {
	case string:
		return value
	case float64, json.Number:
		return numberText(value)
	case bool:
		if value {
			return "true"
		}
		return "false"
	}
	return ""
}

// matches holds a pattern against a whole value, or against each element of a list. What is no text counts as an empty one.
func matches(e *evaluation, left, right any) (bool, error) {
	p, is := right.(*pattern)
	value := left
	if other, also := left.(*pattern); also {
		if is {
			return false, nil
		}
		p, value, is = other, right, true
	}
	if !is {
		return false, nil
	}
	list, many := value.([]any)
	if !many {
		return p.match(e, value)
	}
	for _, one := range list {
		if ok, err := p.match(e, one); ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}
