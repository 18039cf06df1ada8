package filter

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf16"
)

// An operator compares two values.
type operator func(e *evaluation, left, right any) (bool, error)

// operators are those of Jayway's language, by their text.
var operators = map[string]operator{
	"==":       equal,
	"!=":       not(equal),
	"===":      sameKind,
	"!==":      not(sameKind),
	"<":        ordered(func(order int) bool { return order < 0 }),
	"<=":       ordered(func(order int) bool { return order <= 0 }),
	">":        ordered(func(order int) bool { return order > 0 }),
	">=":       ordered(func(order int) bool { return order >= 0 }),
	"=~":       matches,
	"in":       in,
	"nin":      not(in),
	"contains": contains,
	"subsetof": subset,
	"allof":    func(e *evaluation, left, right any) (bool, error) { return subset(e, right, left) },
	"all":      func(e *evaluation, left, right any) (bool, error) { return subset(e, right, left) },
	"anyof":    anyOf,
	"noneof":   noneOf,
	"size":     size,
	"empty":    empty,
	"type":     func(*evaluation, any, any) (bool, error) { return false, errType },
}

// What makes a predicate false that an operator stands in.
var (
	errType    = &unfitError{"type compares classes of Java, which no text of a filter can name: it is never true"}
	errNoList  = &unfitError{"the operator needs a list at its right, and subsetof, anyof and noneof one at their left, too"}
	errBoolean = &unfitError{"empty needs true or false at its right"}
)

func not(o operator) operator {
	return func(e *evaluation, left, right any) (bool, error) {
		ok, err := o(e, left, right)
		return !ok && err == nil, err
	}
}

// equal is Jayway's ==: what stands at the left decides how a number and a text are compared, as numbers or as texts.
func equal(e *evaluation, left, right any) (bool, error) {
	switch l := left.(type) {
	case string:
		if r, is := right.(string); is {
			return l == r, e.step(len(l) / 64)
		}
		text := numberText(right)
		return text != "" && l == text, nil
	case float64, json.Number:
		if r, is := right.(string); is {
			right = json.Number(r)
		}
		order, ok := compareNumbers(left, right)
		return ok && order == 0, nil
	case []any, map[string]any:
		return alike(e, left, right)
	}
	return scalar(left, right), nil
}

// scalar compares what has no parts and is no number.
func scalar(left, right any) bool {
	switch l := left.(type) {
	case nil:
		return right == nil
	case bool:
		r, is := right.(bool)
		return is && l == r
	case string:
		r, is := right.(string)
		return is && l == r
	}
	return false
}

// alike compares lists and objects part by part.
func alike(e *evaluation, left, right any) (bool, error) {
	if err := e.step(1); err != nil {
		return false, err
	}
	switch l := left.(type) {
	case []any:
		r, is := right.([]any)
		if !is || len(l) != len(r) {
			return false, nil
		}
		for i := range l {
			if same, err := alike(e, l[i], r[i]); !same {
				return false, err
			}
		}
		return true, nil
	case map[string]any:
		r, is := right.(map[string]any)
		if !is || len(l) != len(r) {
			return false, nil
		}
		for name := range l {
			other, has := r[name]
			if !has {
				return false, nil
			}
			if same, err := alike(e, l[name], other); !same {
				return false, err
			}
		}
		return true, nil
	case float64, json.Number:
		order, ok := compareNumbers(left, right)
		return ok && order == 0, nil
	}
	return scalar(left, right), nil
}

// sameKind is ===: equal, and text is no number.
func sameKind(e *evaluation, left, right any) (bool, error) {
	_, l := left.(string)
	_, r := right.(string)
	if l != r {
		return false, nil
	}
	return equal(e, left, right)
}

// ordered compares two numbers, or two texts by their characters: dates of ISO 8601 come in their order.
func ordered(want func(order int) bool) operator {
	return func(e *evaluation, left, right any) (bool, error) {
		if l, is := left.(string); is {
			r, is := right.(string)
			return is && want(strings.Compare(l, r)), e.step(len(l) / 64)
		}
		if _, is := right.(string); is {
			return false, nil
		}
		order, ok := compareNumbers(left, right)
		return ok && want(order), nil
	}
}

// has tells whether one of the list equals value.
func has(e *evaluation, value any, list []any) (bool, error) {
	for _, one := range list {
		if err := e.step(1); err != nil {
			return false, err
		}
		if ok, err := equal(e, value, one); ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}

// listed is value as a list. An object is none, which makes the operator false; anything else makes the predicate false.
func listed(value any) (list []any, ok bool, err error) {
	switch value := value.(type) {
	case []any:
		return value, true, nil
	case map[string]any:
		return nil, false, nil
	}
	return nil, false, errNoList
}

func in(e *evaluation, left, right any) (bool, error) {
	list, ok, err := listed(right)
	if !ok {
		return false, err
	}
	return has(e, left, list)
}

// contains is about a part of a text, or an element of a list.
func contains(e *evaluation, left, right any) (bool, error) {
	switch l := left.(type) {
	case string:
		r, is := right.(string)
		return is && strings.Contains(l, r), e.step(len(l) / 64)
	case []any:
		return has(e, right, l)
	}
	return false, nil
}

// sets are both sides as lists.
func sets(left, right any) (l, r []any, ok bool, err error) {
	if r, ok, err = listed(right); ok {
		l, ok, err = listed(left)
	}
	return l, r, ok, err
}

func subset(e *evaluation, left, right any) (bool, error) {
	l, r, ok, err := sets(left, right)
	for i := 0; ok && err == nil && i < len(l); i++ {
		ok, err = has(e, l[i], r)
	}
	return ok && err == nil, err
}

func anyOf(e *evaluation, left, right any) (bool, error) {
	l, r, ok, err := sets(left, right)
	if !ok {
		return false, err
	}
	for _, one := range l {
		if found, err := has(e, one, r); found || err != nil {
			return found, err
		}
	}
	return false, nil
}

// noneOf is not the opposite of anyOf: both are false of what is no list.
func noneOf(e *evaluation, left, right any) (bool, error) {
	if _, _, ok, err := sets(left, right); !ok {
		return false, err
	}
	found, err := anyOf(e, left, right)
	return !found && err == nil, err
}

func size(_ *evaluation, left, right any) (bool, error) {
	want, is := number(right)
	if !is {
		return false, nil
	}
	switch l := left.(type) {
	case string:
		return units(l) == int64(want), nil
	case []any:
		return int64(len(l)) == int64(want), nil
	}
	return false, nil
}

// units counts the characters of a text as Java does: two for those beyond the first 65,536.
func units(text string) (n int64) {
	for _, r := range text {
		n += int64(utf16.RuneLen(r))
	}
	return n
}

// empty is about texts and lists. Of an object it is an error, as in Jayway, which then reads nothing at all.
func empty(_ *evaluation, left, right any) (bool, error) {
	length := 0
	switch l := left.(type) {
	case string:
		length = len(l)
	case []any:
		length = len(l)
	case map[string]any:
		return false, fmt.Errorf("empty cannot be asked of an object: name a text or a list before it")
	default:
		return false, nil
	}
	want, is := right.(bool)
	if !is {
		return false, errBoolean
	}
	return (length == 0) == want, nil
}

// matches holds a pattern against a whole value, or against each element of a list. What is no text counts as an empty one.
func matches(e *evaluation, left, right any) (bool, error) {
	p, is := right.(*pattern)
	value := left
	if other, also := left.(*pattern); also {
		if is {
			return false, nil
		}
		p, value, is = other, right, true
	}
	if !is {
		return false, nil
	}
	list, many := value.([]any)
	if !many {
		return p.match(e, value)
	}
	for _, one := range list {
		if ok, err := p.match(e, one); ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}
