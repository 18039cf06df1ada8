package filter

import (
	"encoding/json"
	"strings"
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
			return e.same(l, r)
		}
		text := numberText(right)
		if text == "" {
			return false, nil
		}
		return e.same(l, text)
	case float64, json.Number:
		if r, is := right.(string); is {
			if !numeric(r) {
				return false, nil
			}
			right = json.Number(r)
		}
		order, ok, err := e.compareNumbers(left, right)
		return ok && order == 0, err
	case []any, map[string]any:
		return alike(e, left, right)
	}
	return scalar(left, right), nil
}

// scalar compares what has no parts and is neither a number nor a text.
func scalar(left, right any) bool {
	switch l := left.(type) {
	case nil:
		return right == nil
	case bool:
		r, is := right.(bool)
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
		return alikeLists(e, l, r, is)
	case map[string]any:
		r, is := right.(map[string]any)
		return alikeObjects(e, l, r, is)
	case float64, json.Number:
		order, ok, err := e.compareNumbers(left, right)
		return ok && order == 0, err
	case string:
		r, is := right.(string)
		if !is {
			return false, nil
		}
		return e.same(l, r)
	}
	return scalar(left, right), nil
}

func alikeLists(e *evaluation, left, right []any, ok bool) (bool, error) {
	if !ok || len(left) != len(right) {
		return false, nil
	}
	for i := range left {
		if same, err := alike(e, left[i], right[i]); !same {
			return false, err
		}
	}
	return true, nil
}

func alikeObjects(e *evaluation, left, right map[string]any, ok bool) (bool, error) {
	if !ok || len(left) != len(right) {
		return false, nil
	}
	for name := range left {
		if err := e.through(len(name)); err != nil {
			return false, err
		}
		other, has := right[name]
		if !has {
			return false, nil
		}
		if same, err := alike(e, left[name], other); !same {
			return false, err
		}
	}
	return true, nil
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
			if err := e.through(min(len(l), len(r))); err != nil {
				return false, err
			}
			return is && want(strings.Compare(l, r)), nil
		}
		if _, is := right.(string); is {
			return false, nil
		}
		order, ok, err := e.compareNumbers(left, right)
		return ok && want(order), err
	}
}
