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

// ErrMore says that more than one document is there.
var ErrMore = errors.New("there is more behind the document")
