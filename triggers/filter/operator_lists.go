package filter

import (
	"fmt"
	"strings"
	"unicode/utf16"
)

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
		if err := e.search(l, r); err != nil {
			return false, err
		}
		return is && strings.Contains(l, r), nil
	case []any:
		return has(e, right, l)
	}
	return false, nil
}

// search counts what it takes to look for a part of a text. Texts can be made for which strings.Contains compares the whole part at each place.
func (e *evaluation) search(text, part string) error {
	places := len(text) - len(part)
	if places < 0 {
		return nil
	}
	return e.through(len(text) + places*(len(part)/chunk))
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

func size(e *evaluation, left, right any) (bool, error) {
	want, is, err := e.number(right)
	if !is || err != nil {
		return false, err
	}
	switch l := left.(type) {
	case string:
		if err := e.through(len(l)); err != nil {
			return false, err
		}
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
