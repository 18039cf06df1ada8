package aggregation

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"

	"sluice/connectors"
	"sluice/transforms"
)

// reserved are the names under which an account's own members stand among its attributes when it changes.
var reserved = []string{"active", "id", "name"}

// Map makes an account of a document: a row of the listing, with joins and detail merged into it. Its errors name the program and the
// account's key, and never quote the document. An account that cannot be mapped is a failure of that account alone.
func Map(m *connectors.Mapping, key *transforms.Query, doc any) (Account, error) {
	id, ok := key.Text(doc)
	if !ok {
		return Account{}, fmt.Errorf("key: %s gives neither a text nor a number", key)
	}
	a := Account{ID: id, Active: true, Attributes: map[string]any{}, Entitlements: map[string][]string{}}
	if err := mapInto(&a, m, doc); err != nil {
		return Account{}, fmt.Errorf("account %s: %w", id, err)
	}
	return a, nil
}

func mapInto(a *Account, m *connectors.Mapping, doc any) (err error) {
	if a.Name, err = mapName(m.Name, doc, a.ID); err != nil {
		return fmt.Errorf("name: %w", err)
	}
	if a.Active, err = boolOf(m.Active, doc, true); err != nil {
		return fmt.Errorf("active: %w", err)
	}
	for kind, q := range m.Entitlements {
		if slices.Contains(reserved, kind) {
			return fmt.Errorf("entitlements.%s: the name is an account's own; choose another", kind)
		}
		if a.Entitlements[kind], err = mapEntitlements(q, doc); err != nil {
			return fmt.Errorf("entitlements.%s: %w", kind, err)
		}
	}
	if m.Attributes == nil {
		return nil
	}
	v, err := m.Attributes.Value(doc)
	if err != nil {
		return fmt.Errorf("attributes: %w", err)
	}
	object, ok := v.(map[string]any)
	if !ok {
		return fmt.Errorf("attributes: %s gives no object", m.Attributes)
	}
	for name, value := range object {
		if _, taken := m.Entitlements[name]; taken || slices.Contains(reserved, name) {
			return fmt.Errorf("attributes.%s: the name is taken by an account's own members or an entitlement; choose another", name)
		}
		if a.Attributes[name], err = attributeValue(value); err != nil {
			return fmt.Errorf("attributes.%s: %w", name, err)
		}
	}
	return nil
}

// mapName falls back to the id where the vendor has no name for the account.
func mapName(q *transforms.Query, doc any, id string) (string, error) {
	if q == nil {
		return id, nil
	}
	v, err := q.Value(doc)
	if err != nil {
		return "", err
	}
	if v == nil || v == "" {
		return id, nil
	}
	name, ok := textOf(v)
	if !ok {
		return "", fmt.Errorf("%s gives no text", q)
	}
	return name, nil
}

// boolOf runs a program that must say true or false; without one it is otherwise.
func boolOf(q *transforms.Query, doc any, otherwise bool) (bool, error) {
	if q == nil {
		return otherwise, nil
	}
	v, err := q.Value(doc)
	if err != nil {
		return false, err
	}
	yes, ok := v.(bool)
	if !ok {
		return false, fmt.Errorf("%s gives neither true nor false", q)
	}
	return yes, nil
}

// mapEntitlements reads an array of texts or numbers, sorted and without doubles; null is an empty one.
func mapEntitlements(q *transforms.Query, doc any) ([]string, error) {
	v, err := q.Value(doc)
	if err != nil {
		return nil, err
	}
	list, ok := v.([]any)
	if !ok && v != nil {
		return nil, fmt.Errorf("%s gives no array", q)
	}
	out := make([]string, 0, len(list))
	for i, item := range list {
		text, ok := textOf(item)
		if !ok || text == "" {
			return nil, fmt.Errorf("%s gives an array whose item %d is neither a text nor a number", q, i)
		}
		out = append(out, text)
	}
	return distinct(out), nil
}

// attributeValue makes of what jq gives what an Account may hold: a scalar or an array of scalars.
func attributeValue(v any) (any, error) {
	list, ok := v.([]any)
	if !ok {
		return scalar(v)
	}
	out := make([]any, len(list))
	for i, item := range list {
		var err error
		if out[i], err = scalar(item); err != nil {
			return nil, fmt.Errorf("item %d: %w", i, err)
		}
	}
	return out, nil
}

// scalar keeps texts, bools and null, and makes every kind of number one; a number that the vendor wrote stays as written.
func scalar(v any) (any, error) {
	switch v := v.(type) {
	case nil, string, bool, json.Number:
		return v, nil
	case map[string]any, []any:
		return nil, errors.New("an object or array within; flatten it, or make it a text by tojson")
	}
	text, ok := textOf(v)
	if !ok {
		return nil, errors.New("not a value that an attribute can have")
	}
	return json.Number(text), nil
}

// textOf returns a text, or a number as text.
func textOf(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	case int:
		return strconv.Itoa(v), true
	case *big.Int:
		return v.String(), true
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), !math.IsNaN(v) && !math.IsInf(v, 0)
	}
	return "", false
}
