package transforms

import "slices"

// Query is a jq program that somebody else than a transform runs: an aggregation reads a vendor's rows by it. It sees its input and its
// variables, and nothing else. It is safe for concurrent use.
type Query struct {
	filter    *filter
	variables int
}

// CompileQuery compiles source, with the names of the variables ("$key") that it may use. The error says line and column.
func CompileQuery(source string, variables ...string) (*Query, error) {
	f, err := compileFilter(source, variables...)
	if err != nil {
		return nil, err
	}
	return &Query{filter: f, variables: len(variables)}, nil
}

// String is the program as written.
func (q *Query) String() string { return q.filter.source }

// Value runs the program on doc, a document as encoding/json decodes it (UseNumber or not), with the values of its variables in the order
// of their names; those left out at the end are null. It returns the single result. None, several or a failure are errors that never
// quote the document.
func (q *Query) Value(doc any, values ...any) (any, error) {
	if missing := q.variables - len(values); missing > 0 {
		values = append(slices.Clone(values), make([]any, missing)...)
	}
	return q.filter.run(doc, values...)
}

// Text is Value of a program that gives a text or a number; ok is false for anything else, an empty text and null included.
func (q *Query) Text(doc any, values ...any) (text string, ok bool) {
	v, err := q.Value(doc, values...)
	if err != nil {
		return "", false
	}
	return scalarText(v)
}
