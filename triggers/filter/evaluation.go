package filter

import (
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"sync"
)

// ErrMissing is what errors of a path wrap that leads nowhere in a document.
var ErrMissing = errors.New("not in the document")

// ErrSteps ends an evaluation that takes too long.
var ErrSteps = fmt.Errorf("the filter needs more than %d steps for this document: take out a .. or a *, or name the path", MaxSteps)

// A missingError says which path leads nowhere. It is made when the filter is compiled, since events that lack a property are common.
type missingError struct{ path string }

func (e *missingError) Error() string { return e.path + " is not in the document" }
func (e *missingError) Unwrap() error { return ErrMissing }

// An unfitError is of a path or an operand that does not fit what the document has there. As with a missing path, the predicate around
// it is false, whatever else stands in it.
type unfitError struct{ message string }

func (e *unfitError) Error() string { return e.message }

// unfit tells whether err makes the predicate around it false. Every other error ends the evaluation.
func unfit(err error) bool {
	if _, is := err.(*unfitError); is { //nolint:errorlint // made here and never wrapped; errors.As would cost on every event
		return true
	}
	return missing(err)
}

// missing tells whether err is of a path that leads nowhere.
func missing(err error) bool {
	_, is := err.(*missingError) //nolint:errorlint // made here and never wrapped; errors.As would cost on every event
	return is
}

// chunk is how many bytes of a text are gone through in one step.
const chunk = 64

// evaluation is one run of a filter over a document.
type evaluation struct {
	root  any   // $
	item  any   // @
	left  int   // steps
	stack []any // what paths have selected; a path's own are those above its mark
	// require makes a property that is missing behind a * or a predicate a path that leads nowhere: a check for existence asks for it in
	// all of them.
	require bool
	trace   *trace // nil unless somebody wants an explanation
}

var evaluations = sync.Pool{New: func() any { return &evaluation{} }}

func begin(doc any) *evaluation {
	e := evaluations.Get().(*evaluation)
	e.root, e.item, e.left = doc, doc, MaxSteps
	return e
}

// end gives e back without the document, and without a stack that one odd event has made large.
func (e *evaluation) end() {
	stack := e.stack[:cap(e.stack)]
	if len(stack) > 1024 {
		stack = nil
	}
	clear(stack)
	*e = evaluation{stack: stack[:0]}
	evaluations.Put(e)
}

// step counts n steps.
func (e *evaluation) step(n int) error {
	if e.left -= n; e.left < 0 {
		return ErrSteps
	}
	return nil
}

// through counts going through so many bytes of texts. Whoever does that calls it first, since a text may be nearly all of a document.
func (e *evaluation) through(bytes int) error { return e.step(bytes / chunk) }

// same compares two texts.
func (e *evaluation) same(a, b string) (bool, error) {
	if len(a) != len(b) {
		return false, nil
	}
	if err := e.through(len(a)); err != nil {
		return false, err
	}
	return a == b, nil
}

// names are those in an object, in their order. To sort them each is read about as often as their number has binary digits.
func (e *evaluation) names(object map[string]any) ([]string, error) {
	if err := e.step(len(object)); err != nil {
		return nil, err
	}
	names, bytes := make([]string, 0, len(object)), 0
	for name := range object {
		names = append(names, name)
		bytes += len(name)
	}
	if err := e.through(bytes * bits.Len(uint(len(names)))); err != nil {
		return nil, err
	}
	slices.Sort(names)
	return names, nil
}

// accept tells whether a predicate lets item pass.
func (e *evaluation) accept(p *predicate, item any) (bool, error) {
	if err := e.step(1); err != nil {
		return false, err
	}
	outer := e.item
	e.item = item
	opened := e.trace.open(p, item)
	passed, err := p.test(e)
	if err != nil && unfit(err) {
		if e.trace != nil {
			e.trace.say(err.Error())
		}
		passed, err = false, nil
	}
	e.trace.close(opened, passed)
	e.item = outer
	return passed, err
}
