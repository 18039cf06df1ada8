// Package collection reads the parameters that every collection of SailPoint's API takes (limit, offset, count, filters and sorters), and
// picks from a list what they ask for. What a collection may be filtered and sorted by is a table of Fields; what is not in it is refused,
// because a filter that is silently left out shows too much.
package collection

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// mostItems is how many items a page has at most, and has when the client does not say.
const mostItems = 250

// Field is something that a collection can be filtered or sorted by.
type Field[T any] struct {
	Name  string
	Ops   []string // of filters, in lower case: eq, ge, le …; none: no filter may name it
	Sorts bool
	Value func(T) string // texts are compared without case, and in the order of their bytes
}

// Query is what a client wants of a collection.
type Query[T any] struct {
	Limit, Offset int
	Count         bool // the total is wanted too
	keep          func(T) bool
	order         func(a, b T) int // nil: as they come
}

// Read reads the parameters of a query. An error is a sentence for the client.
func Read[T any](values url.Values, fields []Field[T]) (q Query[T], err error) {
	q.keep = func(T) bool { return true }
	if q.Limit, err = number(values, "limit", mostItems); err != nil {
		return q, err
	}
	if q.Limit > mostItems {
		return q, fmt.Errorf("limit must be %d at most", mostItems)
	}
	if q.Offset, err = number(values, "offset", 0); err != nil {
		return q, err
	}
	if q.Count, err = boolean(values, "count"); err != nil {
		return q, err
	}
	if text := values.Get("filters"); text != "" {
		if q.keep, err = parse(text, fields); err != nil {
			return q, fmt.Errorf("filters: %w", err)
		}
	}
	if text := values.Get("sorters"); text != "" {
		if q.order, err = sorter(text, fields); err != nil {
			return q, fmt.Errorf("sorters: %w", err)
		}
	}
	return q, nil
}

// Of is the page of all that is asked for, and how many items pass the filters.
func (q Query[T]) Of(all []T) (page []T, total int) {
	page = make([]T, 0, min(len(all), q.Limit))
	for _, item := range all {
		if q.keep(item) {
			page = append(page, item)
		}
	}
	if q.order != nil {
		slices.SortStableFunc(page, q.order)
	}
	total = len(page)
	page = page[min(q.Offset, total):]
	return page[:min(q.Limit, len(page))], total
}

func number(values url.Values, name string, otherwise int) (int, error) {
	text := values.Get(name)
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%s must be a whole number that is not negative", name)
	}
	return int(n), nil
}

func boolean(values url.Values, name string) (bool, error) {
	switch strings.ToLower(values.Get(name)) {
	case "", "false":
		return false, nil
	case "true":
		return true, nil
	}
	return false, fmt.Errorf("%s must be true or false", name)
}

// sorter reads field names with commas between them; one with - before it sorts downwards.
func sorter[T any](text string, fields []Field[T]) (func(a, b T) int, error) {
	var orders []func(a, b T) int
	for name := range strings.SplitSeq(text, ",") {
		name, down := strings.CutPrefix(strings.TrimSpace(name), "-")
		i := slices.IndexFunc(fields, func(f Field[T]) bool { return f.Sorts && f.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("%q cannot be sorted by here; %s", name, choice(fields, func(f Field[T]) bool { return f.Sorts }))
		}
		sign := 1
		if down {
			sign = -1
		}
		orders = append(orders, func(a, b T) int { return sign * compare(fields[i].Value(a), fields[i].Value(b)) })
	}
	return func(a, b T) int {
		for _, order := range orders {
			if n := order(a, b); n != 0 {
				return n
			}
		}
		return 0
	}, nil
}

// compare is the order of texts without regard to case.
func compare(a, b string) int { return cmp.Compare(strings.ToLower(a), strings.ToLower(b)) }

// choice says which fields there are instead.
func choice[T any](fields []Field[T], fits func(Field[T]) bool) string {
	var names []string
	for _, f := range fields {
		if fits(f) {
			names = append(names, f.Name)
		}
	}
	if len(names) == 0 {
		return "nothing can"
	}
	return "choose of " + strings.Join(names, ", ")
}
