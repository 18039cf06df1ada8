package filter

import (
	"encoding/json"
	"errors"
	"regexp"
	"regexp/syntax"
	"strings"
)

// maxProgram bounds the instructions of a pattern: nested repetitions make thousands of a few characters.
const maxProgram = 10_000

// A pattern is a regular expression that must match a whole value.
type pattern struct {
	text    string
	expr    *regexp.Regexp
	part    *regexp.Regexp // finds it anywhere, for whoever asks why the whole does not match
	program int            // instructions
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
	parsed, err := syntax.Parse(flags+expression, syntax.Perl)
	if err != nil {
		return nil, p.errorAt(start, "the pattern cannot be used: %s; look-around, back references and possessive repetitions are left out, because they can take for ever", why(err))
	}
	program, err := syntax.Compile(parsed.Simplify())
	if err != nil || len(program.Inst) > maxProgram {
		return nil, p.errorAt(start, "the pattern is too large: repeat less in it")
	}
	whole, err := regexp.Compile(`\A(?:` + flags + expression + `)\z`)
	if err != nil {
		return nil, p.errorAt(start, "the pattern cannot be used: %s", why(err))
	}
	part, err := regexp.Compile(flags + expression)
	return &pattern{p.text[start:p.at], whole, part, len(program.Inst)}, err
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
	if err := e.step(1 + len(text)*p.program/64); err != nil {
		return false, err
	}
	return p.expr.MatchString(text), nil
}

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
