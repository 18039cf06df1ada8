package transforms

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Compile compiles one item of a transform list: a bare name (`xml_to_json`) or a mapping with exactly one key, the
// name, whose value is the arguments (`wrap_text: {field: access_token}`). Its error is an ArgErrors; paths start with
// the transform's name.
func Compile(item any) (Func, error) {
	switch item := item.(type) {
	case string:
		return compileNamed(item, nil)
	case map[string]any:
		if len(item) == 1 {
			for name, args := range item {
				return compileNamed(name, args)
			}
		}
		return Func{}, ArgErrors{{Message: fmt.Sprintf("a transform is one key, its name, but here are %d", len(item))}}
	}
	return Func{}, ArgErrors{{Message: fmt.Sprintf("a transform is a name or a mapping with one key, not %s", kind(item))}}
}

func compileNamed(name string, args any) (Func, error) {
	build, ok := Builders[name]
	if !ok {
		names := slices.Sorted(maps.Keys(Builders))
		return Func{}, ArgErrors{{Path: name, Message: fmt.Sprintf("unknown transform %q%s; there are: %s", name, didYouMean(name, names), strings.Join(names, ", "))}}
	}
	f, err := build(args)
	if err != nil {
		return Func{}, argErrors(err).under(name)
	}
	return f, nil
}

// builder makes a catalogue entry of build: it reads `when`, lets build read the rest, refuses what neither asked for,
// and joins condition and transform. build may leave Name empty.
func builder(name string, build func(*fields) Func) func(any) (Func, error) {
	return func(args any) (Func, error) {
		a := newFields(args)
		when, conditional := a.matcher("when")
		a.conditional = conditional
		f := build(a)
		if err := a.done(); err != nil {
			return Func{}, err
		}
		f.Name = name
		if !conditional {
			return f, nil
		}
		return guard(f, when), nil
	}
}

// guard returns f behind when. The part of when that needs no body is asked first, so that a body streams past a
// transform that would not touch it.
func guard(f Func, when Matcher) Func {
	wants, apply := f.Wants, f.Apply
	f.Body = f.Body || when.Body
	f.Wants = func(m *Message) bool { return when.head(m) && (wants == nil || wants(m)) }
	f.Apply = func(m *Message) error {
		if !when.Match(m) {
			return nil
		}
		return apply(m)
	}
	return f
}

// didYouMean returns `, did you mean "x"?`-like advice for the nearest of known within an edit distance of a third of
// the word, and "" when none is near.
func didYouMean(word string, known []string) string {
	best, distance := "", max(2, len(word)/3)+1
	for _, k := range known {
		if d := editDistance(strings.ToLower(word), k); d < distance {
			best, distance = k, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %q?)", best)
}

func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
