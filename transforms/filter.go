package transforms

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/itchyny/gojq"
)

// What bounds a jq program: the configuration writes the program, but the vendor writes what it runs on.
const (
	filterTime   = time.Second
	filterInput  = 16 << 20
	filterOutput = 16 << 20
)

// A filter is a compiled jq program. It sees its input and its variables, and nothing else: no environment, no further
// inputs, no modules. Time is checked between two steps, so one huge step (a string doubled over and over) can overrun it.
type filter struct {
	source string
	code   *gojq.Code
	within time.Duration
}

// compileFilter compiles source, with the variables ($name) it may use. Errors say line and column.
func compileFilter(source string, variables ...string) (*filter, error) {
	query, err := gojq.Parse(source)
	if err != nil {
		return nil, fmt.Errorf("jq: %s%w", position(source, err), err)
	}
	environ := false
	code, err := gojq.Compile(query, gojq.WithVariables(variables), gojq.WithEnvironLoader(func() []string {
		environ = true
		return nil
	}))
	switch {
	case err != nil:
		return nil, fmt.Errorf("jq: %w", err)
	case environ:
		return nil, errors.New("jq: env and $ENV are not to be had here; let the connector's settings carry the value")
	}
	return &filter{source: source, code: code, within: filterTime}, nil
}

// position returns "line 2, column 7: " for a parse error, counted from 1.
func position(source string, err error) string {
	parse, ok := errors.AsType[*gojq.ParseError](err)
	if !ok {
		return ""
	}
	before := source[:min(max(0, parse.Offset-len(parse.Token)), len(source))]
	return fmt.Sprintf("line %d, column %d: ", strings.Count(before, "\n")+1, len(before)-strings.LastIndexByte(before, '\n'))
}

// run returns the single value that the program makes of doc. None or several are unreadable: choosing would be a
// guess. The error never quotes doc.
func (f *filter) run(doc any, variables ...any) (any, error) {
	ctx, cancel := context.WithTimeout(context.Background(), f.within)
	defer cancel()
	results := f.code.RunWithContext(ctx, doc, variables...)
	v, ok := results.Next()
	if !ok {
		return nil, fmt.Errorf("%w: jq %s: no result", ErrUnreadable, f.source)
	}
	if err, ok := v.(error); ok {
		return nil, f.failure(err)
	}
	if another, ok := results.Next(); ok {
		if err, ok := another.(error); ok {
			return nil, f.failure(err)
		}
		return nil, fmt.Errorf("%w: jq %s: more than one result; gather them in [ ]", ErrUnreadable, f.source)
	}
	return v, nil
}

// failure tells of an error without its text, which previews the value that it failed on.
func (f *filter) failure(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%w: jq %s: longer than %s", ErrUnreadable, f.source, f.within)
	}
	return fmt.Errorf("%w: jq %s: fails on this document (%T)", ErrUnreadable, f.source, err)
}

// text runs the program and returns a text or a number as text; ok is false for anything else, null included.
func (f *filter) text(doc any) (string, bool) {
	v, err := f.run(doc)
	if err != nil {
		return "", false
	}
	return scalarText(v)
}
