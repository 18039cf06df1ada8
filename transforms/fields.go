package transforms

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// fields reads a mapping of arguments strictly: what was never asked for is a fault. Faults gather until done.
type fields struct {
	path        string
	values      map[string]any
	scalar      any // the arguments, when they are no mapping
	asked       []string
	faults      *ArgErrors
	conditional bool // the arguments hold a `when`
}

func newFields(args any) *fields {
	return subFields(args, "", &ArgErrors{})
}

func subFields(args any, path string, faults *ArgErrors) *fields {
	a := &fields{path: path, faults: faults}
	if values, ok := args.(map[string]any); ok {
		a.values = values
	} else {
		a.scalar = args
	}
	return a
}

func (a *fields) fault(key, format string, args ...any) {
	*a.faults = append(*a.faults, &ArgError{Path: joinPath(a.path, a.element(key)), Message: fmt.Sprintf(format, args...)})
}

// element is key as a part of a path: a key of the mapping that is no plain word is quoted, `body[".a.b"]`.
func (a *fields) element(key string) string {
	if _, ours := a.values[key]; !ours || !strings.ContainsFunc(key, func(r rune) bool { return strings.ContainsRune(`.[]"'$ `, r) }) {
		return key
	}
	return "[" + strconv.Quote(key) + "]"
}

// short lets `transform: X` stand for `transform: {key: X}`.
func (a *fields) short(key string) {
	if a.scalar != nil {
		a.values, a.scalar = map[string]any{key: a.scalar}, nil
	}
}

func (a *fields) get(key string) (any, bool) {
	a.asked = append(a.asked, key)
	v, ok := a.values[key]
	return v, ok && v != nil
}

func (a *fields) has(key string) bool { return a.values[key] != nil }

// finish refuses the keys that nobody asked for.
func (a *fields) finish() {
	if a.scalar != nil {
		a.fault("", "want a mapping, not %s", kind(a.scalar))
	}
	for _, key := range slices.Sorted(maps.Keys(a.values)) {
		if !slices.Contains(a.asked, key) {
			known := slices.Compact(slices.Sorted(slices.Values(a.asked)))
			a.fault(key, "unknown key %q%s; there are: %s", key, didYouMean(key, known), strings.Join(known, ", "))
		}
	}
}

func (a *fields) done() error {
	a.finish()
	if len(*a.faults) == 0 {
		return nil
	}
	return *a.faults
}

func (a *fields) need(keys ...string) {
	for _, key := range keys {
		if a.has(key) {
			return
		}
	}
	if len(keys) == 1 {
		a.fault("", "%s is missing", keys[0])
		return
	}
	a.fault("", "one of %s is missing", strings.Join(keys, ", "))
}

// sub returns the mapping under key, whose faults join this one's; nil when absent. The caller must finish it.
func (a *fields) sub(key string) *fields {
	v, ok := a.get(key)
	if !ok {
		return nil
	}
	return subFields(v, joinPath(a.path, a.element(key)), a.faults)
}

// subs returns one fields for each entry of the list under key; a single value counts as a list of one.
func (a *fields) subs(key string) []*fields {
	v, ok := a.get(key)
	if !ok {
		return nil
	}
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	out := make([]*fields, len(list))
	for i, one := range list {
		out[i] = subFields(one, joinPath(a.path, at(key, i, v)), a.faults)
	}
	return out
}

func (a *fields) matcher(key string) (Matcher, bool) {
	v, ok := a.get(key)
	if !ok {
		return Matcher{}, false
	}
	m, err := CompileMatcher(v)
	if err != nil {
		*a.faults = append(*a.faults, argErrors(err).under(joinPath(a.path, key))...)
	}
	return m, true
}

// filter compiles a jq program given under key; nil when the key is absent or the program faulty.
func (a *fields) filter(key string, variables ...string) *filter {
	source := a.text(key, "")
	if source == "" {
		return nil
	}
	f, err := compileFilter(source, variables...)
	if err != nil {
		a.fault(key, "%v", err)
		return nil
	}
	return f
}

func (a *fields) filters(key string) []*filter {
	var out []*filter
	for i, source := range a.texts(key) {
		f, err := compileFilter(source)
		if err != nil {
			a.fault(at(key, i, a.values[key]), "%v", err)
			continue
		}
		out = append(out, f)
	}
	return out
}

// keys returns the mapping's keys in order, for mappings whose keys are names and not words of ours.
func (a *fields) keys() []string { return slices.Sorted(maps.Keys(a.values)) }

// headerName checks a key that is itself a header's name and returns it in canonical spelling.
func (a *fields) headerName(key string) string {
	if !httpguts.ValidHeaderFieldName(key) {
		a.fault(key, "%q is no header name", key)
	}
	return http.CanonicalHeaderKey(key)
}

// canonicalPattern is http.CanonicalHeaderKey for a name that may end in *.
func canonicalPattern(name string) string {
	if prefix, many := strings.CutSuffix(name, "*"); many {
		return http.CanonicalHeaderKey(prefix) + "*"
	}
	return http.CanonicalHeaderKey(name)
}
