package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"sluice/aggregation"
)

// matcher is a filter over the accounts of one kind.
type matcher struct {
	terms  filter
	fields map[string]field
	name   string // equal for equal filters
}

// newMatcher checks a filter against what accounts of a kind have. Its errors are for the client.
func newMatcher(terms filter, fields map[string]field) (*matcher, error) {
	m := &matcher{terms: terms, fields: fields, name: fmt.Sprintf("%#v", terms)}
	for _, t := range terms {
		if t.attribute == "active" {
			if _, is := t.value.(bool); !is {
				return nil, errors.New("active is compared with true or false, by eq")
			}
			continue
		}
		if _, known := fields[t.attribute]; !known {
			return nil, fmt.Errorf("%s cannot be filtered by here", t.attribute)
		}
		if _, is := t.value.(string); !is {
			if _, number := t.value.(json.Number); !number {
				return nil, fmt.Errorf("%s is compared with a text in double quotes", t.attribute)
			}
		}
	}
	return m, nil
}

// passes tells whether all comparisons hold.
func (m *matcher) passes(a aggregation.Account) bool {
	p := personOf(a)
	for _, t := range m.terms {
		if t.attribute == "active" {
			if p.active != t.value {
				return false
			}
			continue
		}
		if !t.holds(m.fields[t.attribute], &p) {
			return false
		}
	}
	return true
}

func (t comparison) holds(f field, p *person) bool {
	want := f.fold(t.text())
	return slices.ContainsFunc(f.of(p), func(have string) bool {
		if t.prefix {
			return strings.HasPrefix(f.fold(have), want)
		}
		return f.fold(have) == want
	})
}

// text is what a field is compared with.
func (t comparison) text() string {
	if n, is := t.value.(json.Number); is {
		return n.String()
	}
	text, _ := t.value.(string)
	return text
}

// fold makes texts equal that the field takes for equal.
func (f field) fold(text string) string {
	if f.exact {
		return text
	}
	return strings.ToLower(text)
}

// indexed are the fields by which an account is found without a walk for each question.
var indexed = []string{"username", "externalid", "emails.value", "emails", "displayname"}

// keys are an account's in the index of names.
func (m *matcher) keys(a aggregation.Account, add func(key string)) {
	p := personOf(a)
	for _, name := range indexed {
		if f, known := m.fields[name]; known {
			for _, text := range f.of(&p) {
				add(name + "\x00" + f.fold(text))
			}
		}
	}
}

// filtered is the part of the accounts that pass a filter, from offset on, and how many pass in all.
func (d *desk) filtered(ctx context.Context, e edition, m *matcher, offset, limit int64) (records []aggregation.Record, total int64, err error) {
	found, err := d.candidates(ctx, e, m)
	if err != nil {
		return nil, 0, err
	}
	if found != nil {
		found = slices.DeleteFunc(found, func(r aggregation.Record) bool {
			a, parsed := accountOf(r)
			if parsed != nil {
				err = parsed
			}
			return parsed != nil || !m.passes(a)
		})
		total = int64(len(found))
		offset = min(offset, total)
		return found[offset:min(offset+limit, total)], total, err
	}
	offsets, err := d.pick(ctx, e, m.name, m.passes)
	if err != nil {
		return nil, 0, err
	}
	total = int64(len(offsets))
	offset = min(offset, total)
	records, err = d.fetch(ctx, e, offsets[offset:min(offset+limit, total)])
	return records, total, err
}

// mostCandidates is up to where a filter is tried on what an index finds; a field that more accounts share does not tell them apart.
const mostCandidates = 500

// candidates are the accounts of which some may pass, nil if no index tells.
func (d *desk) candidates(ctx context.Context, e edition, m *matcher) ([]aggregation.Record, error) {
	for _, t := range m.terms {
		if t.attribute == "id" && !t.prefix {
			record, found, err := d.snapshots.Account(ctx, e.scope, t.text())
			if err != nil || !found {
				return []aggregation.Record{}, err
			}
			return []aggregation.Record{record}, nil
		}
	}
	for _, t := range m.terms {
		if t.prefix || !slices.Contains(indexed, t.attribute) {
			continue
		}
		offsets, err := d.find(ctx, e, "names", t.attribute+"\x00"+m.fields[t.attribute].fold(t.text()), m.keys)
		if err != nil {
			return nil, err
		}
		if len(offsets) <= mostCandidates {
			records, err := d.fetch(ctx, e, offsets)
			return append([]aggregation.Record{}, records...), err
		}
	}
	return nil, nil
}
