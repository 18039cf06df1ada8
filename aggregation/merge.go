package aggregation

import (
	"bytes"
	"encoding/json"
	"errors"
	"iter"
	"maps"
	"slices"
)

// groups gathers rows of one ID, which come one after another. A group is good until the next one is asked for.
func groups(rows iter.Seq2[Row, error]) iter.Seq2[[]Row, error] {
	return func(yield func([]Row, error) bool) {
		var group []Row
		for row, err := range rows {
			if err != nil {
				yield(nil, err)
				return
			}
			if len(group) > 0 && group[0].ID != row.ID {
				if !yield(group, nil) {
					return
				}
				group = group[:0]
			}
			group = append(group, row)
		}
		if len(group) > 0 {
			yield(group, nil)
		}
	}
}

// together merges the rows of an account, of which the first is the listing's and the others are what joins add.
func together(rows []Row) (any, error) {
	doc, err := parseDocument(rows[0].JSON)
	if err != nil {
		return nil, err
	}
	for _, add := range rows[1:] {
		more, err := parseDocument(add.JSON)
		if err != nil {
			return nil, err
		}
		doc = join(doc, more)
	}
	return doc, nil
}

// join merges what a join adds into a row: arrays are appended to the row's arrays of that name, all else replaces. It changes and returns
// row where that is an object.
func join(row, add any) any {
	into, ok := row.(map[string]any)
	from, object := add.(map[string]any)
	if !ok || !object {
		return add
	}
	for name, value := range from {
		more, array := value.([]any)
		had, both := into[name].([]any)
		if array && both {
			value = slices.Concat(had, more)
		}
		into[name] = value
	}
	return into
}

// overlay merges a detail into a row: what the detail has replaces what the row has of that name.
func overlay(row, detail any) (any, error) {
	over, ok := detail.(map[string]any)
	if !ok {
		return nil, errNoObject
	}
	out := map[string]any{}
	if under, ok := row.(map[string]any); ok {
		maps.Copy(out, under)
	}
	maps.Copy(out, over)
	return out, nil
}

func parseDocument(b json.RawMessage) (any, error) { return decode(bytes.NewReader(b)) }

var errNoObject = errors.New("not an object")
