package filter

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// The bounds of an explanation, which a person reads.
const (
	maxLines = 200
	maxShown = 80 // characters of a value
)

// Explain says in plain words whether the filter matches doc and why: for each predicate what was tried, and for each comparison the
// values that met. Comparisons that && or || made needless are not in it.
func (f *Filter) Explain(doc any) string {
	e := begin(doc)
	defer e.end()
	t := &trace{told: map[int]*predicate{}}
	e.trace = t
	value, err := f.path.read(e, doc)
	verdict := "It matches: "
	switch list, _ := value.([]any); {
	case errors.Is(err, ErrMissing):
		verdict = "It does not match: " + err.Error() + "."
	case err != nil:
		verdict = "It does not match, because it failed: " + err.Error() + "."
	case f.path.definite && (value == nil || value == false):
		verdict = fmt.Sprintf("It does not match: %s is %s.", f.path.text, short(value))
	case f.path.definite:
		verdict += fmt.Sprintf("%s is %s.", f.path.text, short(value))
	case len(list) == 0:
		verdict = "It does not match: " + f.path.text + " selects nothing."
	case len(list) == 1:
		verdict += f.path.text + " selects 1 value."
	default:
		verdict += fmt.Sprintf("%s selects %d values.", f.path.text, len(list))
	}
	lines := append([]string{verdict}, t.lines...)
	if t.dropped > 0 {
		lines = append(lines, fmt.Sprintf("(%d more lines are left out)", t.dropped))
	}
	return strings.Join(lines, "\n") + "\n"
}

// short is a value as JSON, cut. What is cut off is not encoded first, since it may be the whole document.
func short(value any) string {
	var out strings.Builder
	abridge(&out, value)
	if text := out.String(); utf8.RuneCountInString(text) > maxShown {
		return string([]rune(text)[:maxShown]) + "…"
	}
	return out.String()
}

// abridge writes value as JSON until there is enough of it.
func abridge(out *strings.Builder, value any) {
	const enough = maxShown * utf8.UTFMax
	switch value := value.(type) {
	case []any:
		for i, one := range value {
			out.WriteString([]string{"[", ","}[min(i, 1)])
			if abridge(out, one); out.Len() > enough {
				return
			}
		}
		out.WriteString([]string{"[]", "]"}[min(len(value), 1)])
	case map[string]any:
		for i, name := range slices.Sorted(maps.Keys(value)) {
			out.WriteString([]string{"{", ","}[min(i, 1)] + encoded(name) + ":")
			if abridge(out, value[name]); out.Len() > enough {
				return
			}
		}
		out.WriteString([]string{"{}", "}"}[min(len(value), 1)])
	case string:
		if len(value) > enough {
			value = value[:enough]
		}
		out.WriteString(encoded(value))
	default:
		out.WriteString(encoded(value))
	}
}
