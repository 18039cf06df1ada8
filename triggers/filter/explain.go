package filter

import (
	"encoding/json"
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
	maxShown = 80  // characters of a value
	maxNames = 256 // names in an object that is told by its names, which are sorted for that
)

// enough is how many bytes of a value are written, of which the characters that are shown are a part.
const enough = maxShown * utf8.UTFMax

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
		if len(value) > maxNames {
			fmt.Fprintf(out, "{%d names}", len(value))
			return
		}
		for i, name := range slices.Sorted(maps.Keys(value)) {
			out.WriteString([]string{"{", ","}[min(i, 1)] + encoded(cut(name)) + ":")
			if abridge(out, value[name]); out.Len() > enough {
				return
			}
		}
		out.WriteString([]string{"{}", "}"}[min(len(value), 1)])
	case string:
		out.WriteString(encoded(cut(value)))
	case json.Number:
		out.WriteString(cut(string(value)))
	default:
		out.WriteString(encoded(value))
	}
}

// cut is what there is room for of a text.
func cut(text string) string { return text[:min(len(text), enough)] }
