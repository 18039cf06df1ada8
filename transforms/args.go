package transforms

import (
	"errors"
	"strings"
)

// ArgError is one fault in a transform's, matcher's or reader's arguments.
type ArgError struct {
	Path    string // where, counted from the arguments: "from", "headers[1]", "when.status"; "" is the arguments themselves
	Message string // what is wrong and what would be right
}

// Error says path and message.
func (e *ArgError) Error() string {
	if e.Path == "" {
		return e.Message
	}
	return e.Path + ": " + e.Message
}

// ArgErrors is all that is wrong with one set of arguments. Everything in this package that compiles arguments returns
// it as its error (use errors.As with a target of this type); errors.As with an *ArgError finds the first one.
type ArgErrors []*ArgError

// Error says all faults, one a line.
func (e ArgErrors) Error() string {
	lines := make([]string, len(e))
	for i, one := range e {
		lines[i] = one.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns each fault.
func (e ArgErrors) Unwrap() []error {
	all := make([]error, len(e))
	for i, one := range e {
		all[i] = one
	}
	return all
}

func (e ArgErrors) under(path string) ArgErrors {
	out := make(ArgErrors, len(e))
	for i, one := range e {
		out[i] = &ArgError{Path: joinPath(path, one.Path), Message: one.Message}
	}
	return out
}

// argErrors returns err's ArgErrors; any other error becomes one fault of the arguments as a whole.
func argErrors(err error) ArgErrors {
	if all, ok := errors.AsType[ArgErrors](err); ok {
		return all
	}
	return ArgErrors{{Message: err.Error()}}
}

func joinPath(parent, child string) string {
	switch {
	case parent == "":
		return child
	case child == "" || child[0] == '[':
		return parent + child
	}
	return parent + "." + child
}
