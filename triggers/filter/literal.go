package filter

import (
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// unescape resolves the backslashes of a text; one before any other character stands for that character. It is false for a broken \u.
func unescape(text string) (string, bool) {
	if strings.IndexByte(text, '\\') < 0 {
		return text, true
	}
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' || i+1 == len(text) {
			out.WriteByte(text[i])
			continue
		}
		i++
		switch c := text[i]; c {
		case 'n':
			out.WriteByte('\n')
		case 't':
			out.WriteByte('\t')
		case 'r':
			out.WriteByte('\r')
		case 'b':
			out.WriteByte('\b')
		case 'f':
			out.WriteByte('\f')
		case 'u':
			r, ok := hexadecimal(text[i+1:])
			if !ok {
				return "", false
			}
			i += 4
			if low, paired := hexadecimal(strings.TrimPrefix(text[i+1:], `\u`)); paired && strings.HasPrefix(text[i+1:], `\u`) {
				if whole := utf16.DecodeRune(r, low); whole != utf8.RuneError {
					r, i = whole, i+6
				}
			}
			out.WriteRune(r)
		default:
			out.WriteByte(c)
		}
	}
	return out.String(), true
}

// hexadecimal reads the four digits that text begins with.
func hexadecimal(text string) (rune, bool) {
	if len(text) < 4 {
		return 0, false
	}
	n, err := strconv.ParseUint(text[:4], 16, 16)
	return rune(n), err == nil
}

// literal reads a value that stands in the filter itself.
func (p *parser) literal() (any, error) {
	switch c := p.significant(); {
	case c == '"' || c == '\'':
		return p.quoted()
	case c == '[':
		return p.array()
	case c == '{':
		return p.object()
	case c == '-' || c >= '0' && c <= '9':
		return p.number()
	}
	for word, value := range map[string]any{"true": true, "false": false, "null": nil} {
		if rest, is := strings.CutPrefix(p.text[p.at:], word); is && (rest == "" || !letter(rest[0])) {
			p.at += len(word)
			return value, nil
		}
	}
	if letter(p.next()) {
		return nil, p.fail("expected a value: put text in quotes, as in 'terminated'")
	}
	return nil, p.fail("expected a path or a value, found %s", p.found())
}

// letter tells whether a word goes on with c.
func letter(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c >= utf8.RuneSelf
}

// number reads a number and keeps it as it is written, because a text equals it only then.
func (p *parser) number() (any, error) {
	start := p.at
	for p.at < len(p.text) && strings.IndexByte("0123456789-+.eE", p.text[p.at]) >= 0 {
		p.at++
	}
	text := p.text[start:p.at]
	if _, ok := parseDecimal(text); !ok {
		return nil, p.errorAt(start, "%q is no number: put text in quotes", text)
	}
	return json.Number(text), nil
}

// array reads [ … ].
func (p *parser) array() (any, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	p.at++
	list := []any{}
	if p.significant() == ']' {
		p.at++
		return list, nil
	}
	for {
		value, err := p.literal()
		if err != nil {
			return nil, err
		}
		list = append(list, value)
		if p.significant() == ']' {
			p.at++
			return list, nil
		}
		if err := p.expect(',', "or ] in the list"); err != nil {
			return nil, err
		}
	}
}

// object reads { … }.
func (p *parser) object() (any, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	p.at++
	object := map[string]any{}
	if p.significant() == '}' {
		p.at++
		return object, nil
	}
	for {
		if c := p.significant(); c != '"' && c != '\'' {
			return nil, p.fail("expected a name in quotes, found %s", p.found())
		}
		name, err := p.quoted()
		if err != nil {
			return nil, err
		}
		if err := p.expect(':', "behind the name"); err != nil {
			return nil, err
		}
		if object[name], err = p.literal(); err != nil {
			return nil, err
		}
		if p.significant() == '}' {
			p.at++
			return object, nil
		}
		if err := p.expect(',', "or } in the object"); err != nil {
			return nil, err
		}
	}
}
