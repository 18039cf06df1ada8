package triggers

import (
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// Misfit is one thing in which a document does not fit a schema.
type Misfit struct {
	Path    string // such as changes[0].attribute; "" for the document as a whole
	Problem string // reads on from the path, and quotes no value but those that the schema names
}

// below is the path of the misfit below another.
func (m Misfit) below(path string) string {
	if m.Path == "" || m.Path[0] == '[' {
		return path + m.Path
	}
	return path + "." + m.Path
}

// Misfits are all of them.
type Misfits []Misfit

// Error names all of them in one line.
func (ms Misfits) Error() string {
	all := make([]string, len(ms))
	for i, m := range ms {
		if all[i] = m.Problem; m.Path != "" {
			all[i] = m.Path + ": " + m.Problem
		}
	}
	return strings.Join(all, "; ")
}

// misfits are the innermost causes of what a validator found, in the order of their places.
func misfits(found *jsonschema.ValidationError) Misfits {
	var out Misfits
	for _, leaf := range leaves(found) {
		out = append(out, Misfit{dotted(leaf.InstanceLocation), problem(leaf)})
	}
	slices.SortStableFunc(out, func(a, b Misfit) int { return strings.Compare(a.Path, b.Path) })
	return slices.Compact(out)
}

// leaves are the causes that explain the others. Of alternatives, those count whose type the document has, so that of an object that may be
// null one learns what is wrong within it and not that it is not null.
func leaves(e *jsonschema.ValidationError) (out []*jsonschema.ValidationError) {
	if len(e.Causes) == 0 {
		return []*jsonschema.ValidationError{e}
	}
	for _, cause := range e.Causes {
		out = append(out, leaves(cause)...)
	}
	switch e.ErrorKind.(type) {
	case *kind.OneOf, *kind.AnyOf:
		here := len(e.InstanceLocation)
		right := slices.DeleteFunc(slices.Clone(out), func(l *jsonschema.ValidationError) bool {
			_, wrong := l.ErrorKind.(*kind.Type)
			return wrong && len(l.InstanceLocation) == here
		})
		if len(right) > 0 {
			return right
		}
		return []*jsonschema.ValidationError{noneOf(out)}
	}
	return out
}

// noneOf joins the complaints of alternatives that all want another type.
func noneOf(all []*jsonschema.ValidationError) *jsonschema.ValidationError {
	joined, want := *all[0], kind.Type{}
	for _, one := range all {
		if k, ok := one.ErrorKind.(*kind.Type); ok {
			want.Got, want.Want = k.Got, append(want.Want, k.Want...)
		}
	}
	joined.ErrorKind = &want
	return &joined
}

// problem says what is wrong without the value that is: a payload may hold what nobody else is to read.
func problem(e *jsonschema.ValidationError) string {
	switch k := e.ErrorKind.(type) {
	case *kind.Type:
		return "is " + k.Got + ", must be " + strings.Join(k.Want, " or ")
	case *kind.Required:
		return "lacks " + strings.Join(k.Missing, ", ")
	case *kind.Enum:
		return "must be " + oneOf(k.Want)
	case *kind.Const:
		return "must be " + encoded(k.Want)
	case *kind.Format:
		return "must be a " + k.Want
	case *kind.AdditionalProperties:
		return "has members that it must not have: " + strings.Join(k.Properties, ", ")
	case *kind.Pattern:
		return "must match " + k.Want
	case *kind.OneOf, *kind.AnyOf, *kind.Not, *kind.Group, *kind.FalseSchema:
		return "fits none of the alternatives, or too many"
	case *kind.MinLength, *kind.MaxLength, *kind.MinItems, *kind.MaxItems, *kind.Contains, *kind.MinProperties, *kind.MaxProperties:
		return e.ErrorKind.LocalizedString(message.NewPrinter(language.English))
	}
	return "breaks the rule " + strings.Join(e.ErrorKind.KeywordPath(), ".")
}

func oneOf(values []any) string {
	all := make([]string, len(values))
	for i, v := range values {
		all[i] = encoded(v)
	}
	return strings.Join(all, " or ")
}

// dotted writes a place as faults of a configuration do.
func dotted(place []string) string {
	var b strings.Builder
	for _, step := range place {
		if _, err := strconv.Atoi(step); err == nil {
			b.WriteString("[" + step + "]")
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		b.WriteString(step)
	}
	return b.String()
}
