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

// trace is what an explanation is made of. A nil one takes nothing down.
type trace struct {
	lines   []string
	dropped int
	depth   int
	told    map[int]*predicate // by depth, the one whose values are being told
}

// full tells whether there is no room for another line, so that nobody makes one in vain.
func (t *trace) full() bool {
	if len(t.lines) < maxLines {
		return false
	}
	t.dropped++
	return true
}

func (t *trace) add(line string) {
	t.lines = append(t.lines, strings.Repeat("  ", t.depth)+line)
}

// open begins what a predicate says of one value, and returns what close needs.
func (t *trace) open(p *predicate, item any) int {
	if t == nil {
		return -1
	}
	if t.told[t.depth] != p && !t.full() {
		t.add(p.text)
	}
	t.told[t.depth] = p
	t.depth++
	at := -1
	if !t.full() {
		at = len(t.lines)
		t.add(short(item))
	}
	t.depth++
	delete(t.told, t.depth)
	return at
}

// close puts the verdict before the value.
func (t *trace) close(at int, passed bool) {
	if t == nil {
		return
	}
	t.depth -= 2
	if at < 0 {
		return
	}
	word := "did not pass: "
	if passed {
		word = "passed: "
	}
	text := strings.TrimLeft(t.lines[at], " ")
	t.lines[at] = t.lines[at][:len(t.lines[at])-len(text)] + word + text
}

func (t *trace) say(line string) {
	if t != nil && !t.full() {
		t.add(line)
	}
}

// compared tells of a comparison with the values of its paths.
func (t *trace) compared(c *compare, left, right any, ok bool, err error) {
	if t.full() {
		return
	}
	var values []string
	for _, side := range []struct {
		operand
		value any
	}{{c.left, left}, {c.right, right}} {
		if side.path == nil {
			continue
		}
		is := side.text + " is " + short(side.value)
		if side.value == nothing {
			is = side.text + " is missing"
		}
		values = append(values, is)
	}
	line := answer(ok) + c.text
	if len(values) > 0 {
		line += " (" + strings.Join(values, ", ") + ")"
	}
	if err == nil && !ok && c.name == "=~" {
		line += partial(left, right)
	}
	t.add(line)
}

// partial says why a pattern does not match that a person would think does.
func partial(left, right any) string {
	p, is := right.(*pattern)
	if !is {
		p, is = left.(*pattern)
		left = right
	}
	switch text, isText := left.(string); {
	case !is:
		return ", which needs a pattern as in /.*john.*/i"
	case isText && p.within(text):
		return ", which must match the whole value: put .* at its ends"
	}
	return ""
}

func (t *trace) existence(text string, exists, want bool) {
	if t.full() {
		return
	}
	is := "is missing"
	if exists {
		is = "is there"
	}
	bang := ""
	if !want {
		bang = "!"
	}
	t.add(fmt.Sprintf("%s%s%s (%s %s)", answer(exists == want), bang, text, text, is))
}

func answer(ok bool) string {
	if ok {
		return "yes: "
	}
	return "no: "
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
