package filter

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// A SyntaxError says where a text is no filter, and what to do about it.
type SyntaxError struct {
	Position int // of the character, from 1
	Message  string
}

// Error implements error.
func (e *SyntaxError) Error() string { return fmt.Sprintf("position %d: %s", e.Position, e.Message) }

// blanks are what may stand between the parts of a predicate.
const blanks = " \t\r\n"

// relational are the characters of operators, which end a path in a predicate.
const relational = "<>=~!"

// A place is where a path stands, which says what ends it.
type place int

const (
	whole     place = iota // the filter's own path: the end of the text
	inside                 // in a predicate: a blank, an operator or a parenthesis
	arguments              // in a function's arguments: a comma or a parenthesis
)

// parser reads a text from left to right.
type parser struct {
	text      string
	at        int
	before    int // blanks before the text
	unwritten int // bytes at the start of the text that nobody has written
	depth     int
	program   int // instructions of all patterns
}

// errorAt is a fault at a byte of the text.
func (p *parser) errorAt(at int, format string, args ...any) error {
	position := p.before + 1
	if at > p.unwritten {
		position += utf8.RuneCountInString(p.text[p.unwritten:min(at, len(p.text))])
	}
	return &SyntaxError{Position: position, Message: fmt.Sprintf(format, args...)}
}

// fail is a fault at the character that comes next.
func (p *parser) fail(format string, args ...any) error { return p.errorAt(p.at, format, args...) }

// enter goes one level down; the caller leaves it.
func (p *parser) enter() error {
	if p.depth++; p.depth > MaxDepth {
		return p.fail("the filter is nested too deep: write at most %d levels", MaxDepth)
	}
	return nil
}

func (p *parser) leave() { p.depth-- }

// blanks goes on to the next character that is none.
func (p *parser) blanks() {
	for p.at < len(p.text) && strings.IndexByte(blanks, p.text[p.at]) >= 0 {
		p.at++
	}
}

// next is the character that comes next; 0 is the end.
func (p *parser) next() byte {
	if p.at < len(p.text) {
		return p.text[p.at]
	}
	return 0
}

// significant is the next character that is no blank.
func (p *parser) significant() byte {
	p.blanks()
	return p.next()
}

// take goes past the word if it comes next.
func (p *parser) take(word string) bool {
	if !strings.HasPrefix(p.text[p.at:], word) {
		return false
	}
	p.at += len(word)
	return true
}

// expect goes past c, which must be the next character that is no blank.
func (p *parser) expect(c byte, why string) error {
	if p.significant() != c {
		return p.fail("expected %q %s, found %s", c, why, p.found())
	}
	p.at++
	return nil
}

// found names what comes next.
func (p *parser) found() string {
	if p.at >= len(p.text) {
		return "the end"
	}
	r, _ := utf8.DecodeRuneInString(p.text[p.at:])
	return fmt.Sprintf("%q", r)
}

// quoted reads a text in quotes of either kind, whose opening one comes next.
func (p *parser) quoted() (string, error) {
	quote, start := p.text[p.at], p.at
	for p.at++; p.at < len(p.text); p.at++ {
		switch p.text[p.at] {
		case '\\':
			p.at++
		case quote:
			p.at++
			text, ok := unescape(p.text[start+1 : p.at-1])
			if !ok {
				return "", p.errorAt(start, "the text has a \\u that is not followed by four hexadecimal digits")
			}
			return text, nil
		}
	}
	p.at = len(p.text)
	return "", p.errorAt(start, "the text in quotes does not end: put a %c behind it", quote)
}
