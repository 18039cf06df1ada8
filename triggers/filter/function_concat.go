package filter

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// concat joins texts. One that stands in the filter itself keeps its quotation marks: so it does in Jayway, over the JSON library that
// SailPoint uses.
func concat(e *evaluation, value any, arguments []argument) (any, error) {
	var out strings.Builder
	write := func(text string) error {
		out.WriteString(text)
		return e.step(1 + len(text))
	}
	list, _ := value.([]any)
	if err := e.step(len(list)); err != nil {
		return nil, err
	}
	for _, one := range list {
		if text, is := one.(string); is {
			if err := write(text); err != nil {
				return nil, err
			}
		}
	}
	for i := range arguments {
		plain := joinable
		if arguments[i].isValue {
			plain = encoded
		}
		if err := spread(e, arguments[i:i+1], func(one any) error { return write(plain(one)) }); err != nil {
			return nil, err
		}
	}
	return out.String(), nil
}

// joinable is a value of the document as concat writes it.
func joinable(value any) string {
	switch value := value.(type) {
	case nil:
		return ""
	case string:
		return value
	case float64, json.Number:
		return numberText(value)
	}
	return encoded(value)
}

// encoded is a value as JSON.
func encoded(value any) string {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return fmt.Sprint(value)
	}
	return strings.TrimSuffix(out.String(), "\n")
}
