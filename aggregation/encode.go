package aggregation

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
)

// canonical is an Account with its members in order of their names, so that equal accounts are equal bytes.
type canonical struct {
	Active       bool                `json:"active"`
	Attributes   map[string]any      `json:"attributes"`
	Entitlements map[string][]string `json:"entitlements"`
	ID           string              `json:"id"`
	Name         string              `json:"name"`
}

// Encode returns the canonical JSON of an account: members in order of their names, entitlements sorted and without doubles, types
// without any left out, numbers as the vendor wrote them, no HTML escaping. Two accounts are equal when these bytes are. It does not
// change a.
func Encode(a Account) (json.RawMessage, error) {
	c := canonical{
		Active: a.Active, Attributes: a.Attributes, ID: a.ID, Name: a.Name,
		Entitlements: make(map[string][]string, len(a.Entitlements)),
	}
	if c.Attributes == nil {
		c.Attributes = map[string]any{}
	}
	for kind, held := range a.Entitlements {
		if len(held) > 0 {
			c.Entitlements[kind] = distinct(held)
		}
	}
	b, err := canonicalJSON(c)
	if err != nil {
		return nil, fmt.Errorf("account %s: %w", a.ID, err)
	}
	return b, nil
}

// distinct returns the texts sorted and without doubles; it returns the slice itself where it is so already.
func distinct(texts []string) []string {
	for i := 1; i < len(texts); i++ {
		if texts[i-1] >= texts[i] {
			out := slices.Clone(texts)
			slices.Sort(out)
			return slices.Compact(out)
		}
	}
	return texts
}

// Parse reads what Encode has written. Numbers are json.Number.
func Parse(account json.RawMessage) (Account, error) {
	var a Account
	d := json.NewDecoder(bytes.NewReader(account))
	d.UseNumber()
	if err := d.Decode(&a); err != nil {
		return Account{}, unreadable(err)
	}
	if a.ID == "" {
		return Account{}, errors.New("an account without an id")
	}
	return a, nil
}

// hashOf is what a listing's row is recognised by, once its JSON is canonical. It shortens a SHA-256 to 128 bits: enough to tell the versions of one row apart, and half the memory for 500,000 of them.
func hashOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:16])
}

// canonicalJSON writes v with the members of every object in order of their names. Its error never quotes v.
func canonicalJSON(v any) (json.RawMessage, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, errors.New("a value that JSON cannot hold")
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

// decode reads one JSON document and nothing after it, numbers as json.Number. Its error never quotes the document.
func decode(r io.Reader) (any, error) {
	d := json.NewDecoder(r)
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, unreadable(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		if err == nil {
			return nil, errors.New("more than one JSON document")
		}
		return nil, unreadable(err)
	}
	return v, nil
}

// unreadable says where JSON ends to be JSON, without the text of encoding/json, which quotes a character of it. What is no fault of
// syntax (a cut connection, a limit) stays as it is.
func unreadable(err error) error {
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Errorf("%w: at byte %d", errNotJSON, syntax.Offset)
	}
	if kind, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Errorf("%w: another type at byte %d", errNotJSON, kind.Offset)
	}
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: nothing", errNotJSON)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return &wayError{errors.New("the answer ends in its middle")}
	}
	return err
}

var errNotJSON = errors.New("not the JSON that was expected")
