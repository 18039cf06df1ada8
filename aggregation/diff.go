package aggregation

import (
	"bytes"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"slices"
)

// Diff compares two sequences of records that are ordered by ID, bytewise and without doubles, and yields what changed in that order. It
// holds two records at a time. A record of after whose Account is nil was seen in the listing and not read: it counts as there and
// unchanged. Deleted comes out only of a whole reading, as otherwise who is missing may only not have been read yet.
//
// An error of a sequence, an ID out of order or an account that cannot be parsed ends the comparison: it is the last thing yielded, and
// nothing that came before it may be acted upon.
func Diff(before, after iter.Seq2[Record, error], whole bool) iter.Seq2[Change, error] {
	return func(yield func(Change, error) bool) {
		old, stopOld := pull("snapshot", before)
		defer stopOld()
		now, stopNow := pull("run", after)
		defer stopNow()
		for pair, err := range pairs(old, now) {
			var c Change
			if err == nil {
				c, err = between(pair[0], pair[1], whole)
			}
			if err != nil {
				yield(Change{}, err)
				return
			}
			if c.Kind != 0 && !yield(c, nil) {
				return
			}
		}
	}
}

// pairs yields the records of one ID together, nil where a sequence does not have it.
func pairs(old, now func() (*Record, error)) iter.Seq2[[2]*Record, error] {
	return func(yield func([2]*Record, error) bool) {
		a, err := old()
		var b *Record
		if err == nil {
			b, err = now()
		}
		for err == nil && (a != nil || b != nil) {
			was, is := lower(a, b)
			if !yield([2]*Record{was, is}, nil) {
				return
			}
			if was != nil {
				a, err = old()
			}
			if err == nil && is != nil {
				b, err = now()
			}
		}
		if err != nil {
			yield([2]*Record{}, err)
		}
	}
}

// lower returns that of two records which has the lower ID, nil in place of the other; both where it is one ID. nil comes last.
func lower(a, b *Record) (was, is *Record) {
	switch {
	case b == nil || a != nil && a.ID < b.ID:
		return a, nil
	case a == nil || b.ID < a.ID:
		return nil, b
	}
	return a, b
}

// pull returns the records of a sequence one by one, nil at its end, and sees to their order.
func pull(name string, records iter.Seq2[Record, error]) (next func() (*Record, error), stop func()) {
	pulled, stop := iter.Pull2(records)
	last, first := "", true
	return func() (*Record, error) {
		r, err, ok := pulled()
		switch {
		case !ok:
			return nil, nil
		case err != nil:
			return nil, fmt.Errorf("%s: %w", name, err)
		case !first && r.ID == last:
			return nil, fmt.Errorf("%s: account %s comes twice", name, r.ID)
		case !first && r.ID < last:
			return nil, fmt.Errorf("%s: account %s comes after %s", name, r.ID, last)
		}
		last, first = r.ID, false
		return &r, nil
	}, stop
}

// between is the change from one record to the other, either of which may be absent; its Kind is 0 where nothing changed.
func between(was, is *Record, whole bool) (Change, error) {
	switch {
	case was == nil || was.Account == nil:
		if is == nil || is.Account == nil {
			return Change{}, nil
		}
		return Change{Kind: Created, ID: is.ID, After: is.Account}, nil
	case is == nil:
		if !whole {
			return Change{}, nil
		}
		return Change{Kind: Deleted, ID: was.ID, Before: was.Account}, nil
	case is.Account == nil || bytes.Equal(was.Account, is.Account):
		return Change{}, nil
	}
	attributes, err := attributesBetween(was.Account, is.Account)
	if err != nil {
		return Change{}, fmt.Errorf("account %s: %w", is.ID, err)
	}
	return Change{Kind: Changed, ID: is.ID, Before: was.Account, After: is.Account, Attributes: attributes}, nil
}

// attributesBetween returns what differs between two accounts, in order of the names.
func attributesBetween(before, after json.RawMessage) ([]Attribute, error) {
	was, err := flat(before)
	if err != nil {
		return nil, fmt.Errorf("before: %w", err)
	}
	is, err := flat(after)
	if err != nil {
		return nil, fmt.Errorf("after: %w", err)
	}
	names := slices.Collect(maps.Keys(was))
	for name := range is {
		if _, both := was[name]; !both {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var out []Attribute
	for _, name := range names {
		if a := (Attribute{Name: name, Old: orNull(was[name]), New: orNull(is[name])}); !bytes.Equal(a.Old, a.New) {
			out = append(out, a)
		}
	}
	return out, nil
}

func orNull(v json.RawMessage) json.RawMessage {
	if v == nil {
		return json.RawMessage("null")
	}
	return v
}

// flat returns an account's attributes by name, and among them active, name and each type of entitlement, all in canonical JSON. Map
// sees to it that no name is taken twice.
func flat(account json.RawMessage) (map[string]json.RawMessage, error) {
	var a struct {
		Active       json.RawMessage
		Name         json.RawMessage
		Attributes   map[string]json.RawMessage
		Entitlements map[string]json.RawMessage
	}
	if err := json.Unmarshal(account, &a); err != nil {
		return nil, unreadable(err)
	}
	out := make(map[string]json.RawMessage, len(a.Attributes)+len(a.Entitlements)+2)
	maps.Copy(out, a.Attributes)
	maps.Copy(out, a.Entitlements)
	out["active"], out["name"] = a.Active, a.Name
	return out, nil
}
