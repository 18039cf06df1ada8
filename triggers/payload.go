package triggers

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
)

// Decode reads a payload as filters see it: numbers keep the digits that they were written with, because an id of twenty digits is no float64.
// Delivery and whatever tries a filter read by it, so that they cannot differ.
func Decode(payload []byte) (document any, err error) {
	d := json.NewDecoder(bytes.NewReader(payload))
	d.UseNumber()
	if err := d.Decode(&document); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, ErrMore
	}
	return document, nil
}

// WhyNotJSON says of a text that encoding/json does not read what whoever wrote it can see: is empty, is nested too deep, or is not JSON.
func WhyNotJSON(text []byte, err error) string {
	switch {
	case len(bytes.TrimSpace(text)) == 0:
		return "is empty"
	case strings.Contains(err.Error(), "exceeded max depth"):
		return "is nested too deep: 10,000 levels are the most"
	}
	return "is not JSON"
}

// MostNested is how many levels a payload and an answer may have, arrays and objects counted: what lists them adds some, and decoders of some languages
// take a thousand.
const MostNested = 500

// Nested tells how many levels a JSON document has.
func Nested(document []byte) (most int) {
	level, quoted, escaped := 0, false, false
	for _, c := range document {
		switch {
		case escaped:
			escaped = false
		case quoted:
			escaped, quoted = c == '\\', c != '"'
		case c == '"':
			quoted = true
		case c == '{', c == '[':
			level++
			most = max(most, level)
		case c == '}', c == ']':
			level--
		}
	}
	return most
}

// ErrMore says that more than one document is there.
var ErrMore = errors.New("there is more behind the document")
