// Package filter decides whether an event is told to a subscriber: it compiles the filters of SailPoint's event triggers, which are
// paths in the dialect of Jayway JsonPath 2.9, and evaluates them on decoded JSON.
//
// The dialect is not RFC 9535 and no Go library speaks it: a predicate that stands on an object is about that object itself, a
// regular expression must match the whole value, a number equals the text of it, and what is missing differs from null. A filter is
// written by whoever may subscribe and runs for every event, so it is bounded: in length and nesting when it is compiled, in steps when it
// runs, and its regular expressions are RE2, which cannot backtrack. Steps grow with the length of what is read, since one text may be nearly
// all of a document; BenchmarkWorst measures what they come to.
//
// A text is parsed once into closures; a Filter is then read-only and safe for concurrent use.
package filter

import (
	"errors"
	"strings"
)

// The bounds of a filter. What a person writes stays far below them.
const (
	MaxLength = 8192      // bytes of text
	MaxDepth  = 32        // predicates, parentheses, arguments and literals inside each other
	MaxSteps  = 1_000_000 // values visited or compared in one evaluation, and bytes of texts by the chunk, which take less than a second
)

// A Filter is a compiled filter.
type Filter struct {
	text string
	path *path
}

// Compile reads the text of a filter. Its error is a *SyntaxError.
func Compile(text string) (*Filter, error) {
	if len(text) > MaxLength {
		return nil, &SyntaxError{Position: MaxLength + 1, Message: "the filter is too long: write at most 8192 bytes"}
	}
	trimmed := strings.Trim(text, blanks)
	if trimmed == "" {
		return nil, &SyntaxError{Position: 1, Message: "the filter is empty: write a path such as $.identity.name"}
	}
	p := &parser{text: trimmed, before: strings.Index(text, trimmed)}
	if trimmed[0] != '$' && trimmed[0] != '@' {
		p.text, p.unwritten = "$."+trimmed, 2
	}
	compiled, err := p.path(whole)
	if err != nil {
		return nil, err
	}
	return &Filter{text: trimmed, path: compiled}, nil
}

// String is the text that was compiled.
func (f *Filter) String() string { return f.text }

// Definite tells whether the path leads to one value at most; otherwise it gives a list.
func (f *Filter) Definite() bool { return f.path.definite }

// Match tells whether the filter lets doc pass: its path is there and is neither null nor false, or gives a list that is not empty.
// A path that is not there is no error. An error is one of evaluation: too many steps, or a function or operator that cannot take
// the value that it met; such an event does not match. What is ErrSteps says nothing of whether it would.
func (f *Filter) Match(doc any) (bool, error) {
	e := begin(doc)
	defer e.end()
	value, found, err := f.path.top(e)
	if err != nil {
		return false, wrong(err)
	}
	return found && value != nil && value != false, nil
}

// Read returns what the path leads to: one value when it is definite, else a list, which is empty when there is nothing. Errors of a
// path that is not there satisfy errors.Is(err, ErrMissing).
func (f *Filter) Read(doc any) (value any, definite bool, err error) {
	e := begin(doc)
	defer e.end()
	value, err = f.path.read(e, doc)
	return value, f.path.definite, err
}

// Check answers what validate-filter asks: whether doc would pass, whether text is a path at all, and whether that path leads to
// something in doc.
func Check(text string, doc any) (isValid, isValidJSONPath, isPathExist bool) {
	f, err := Compile(text)
	if err != nil {
		return false, false, false
	}
	isValid, isPathExist = f.check(doc)
	return isValid, true, isPathExist
}

// check is what Check asks of a filter that is compiled.
func (f *Filter) check(doc any) (matches, exists bool) {
	e := begin(doc)
	defer e.end()
	value, found, err := f.path.top(e)
	if err != nil || !found {
		return false, false
	}
	return value != nil && value != false, true
}

// wrong is nil for what only says that the document has no such place.
func wrong(err error) error {
	if errors.Is(err, ErrMissing) {
		return nil
	}
	if _, unfit := errors.AsType[*unfitError](err); unfit {
		return nil
	}
	return err
}
