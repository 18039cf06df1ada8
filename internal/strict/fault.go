package strict

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Fault is one thing wrong with a document: where, at which key, what is wrong and what would be right.
type Fault struct {
	File    string // as given to Parse, or "environment NAME" for a value that Override set
	Line    int    // from 1; 0 when the place has no line, as an environment variable has none
	Column  int    // from 1, in characters; 0 with Line 0
	Key     string // dotted, with indexes: routes[2].response[0].jq; empty for the document as a whole
	Message string // reads on from the key: "is a list, must be a number"
}

// String returns "file:line:column: key: message". The position is left out when Line is 0, the key when it is empty.
func (f Fault) String() string {
	var b strings.Builder
	b.WriteString(f.File)
	if f.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", f.Line, f.Column)
	}
	if f.Key != "" {
		b.WriteString(": " + f.Key)
	}
	b.WriteString(": " + f.Message)
	return b.String()
}

// Error returns the text of String, so that one Fault can travel as an error.
func (f Fault) Error() string { return f.String() }

// Faults are all the faults of one or more documents. As an error they read one to a line.
type Faults []Fault

// Error returns one line for each fault, ordered by file, line and column, each fault once.
func (fs Faults) Error() string {
	var lines []string
	for _, f := range fs.sorted() {
		lines = append(lines, f.String())
	}
	return strings.Join(lines, "\n")
}

// Err returns the ordered faults as an error, or nil when there are none. Return it rather than fs itself: an empty
// Faults in an error interface would not be nil.
func (fs Faults) Err() error {
	if len(fs) == 0 {
		return nil
	}
	return fs.sorted()
}

// Unwrap returns each fault as an error, for errors.As.
func (fs Faults) Unwrap() []error {
	errs := make([]error, len(fs))
	for i, f := range fs {
		errs[i] = f
	}
	return errs
}

// sorted returns an ordered copy of fs without repetitions; nil for none.
func (fs Faults) sorted() Faults {
	if len(fs) == 0 {
		return nil
	}
	ordered := slices.Clone(fs)
	slices.SortStableFunc(ordered, func(a, b Fault) int {
		return cmp.Or(
			cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column),
			cmp.Compare(a.Key, b.Key), cmp.Compare(a.Message, b.Message),
		)
	})
	return slices.Compact(ordered)
}
