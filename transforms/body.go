package transforms

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"strconv"
	"strings"

	"github.com/itchyny/gojq"
)

// bom is what some .NET services put before UTF-8.
var bom = []byte("\xef\xbb\xbf")

func trimBody(b []byte) []byte { return bytes.TrimSpace(bytes.TrimPrefix(bytes.TrimSpace(b), bom)) }

// encoded says whether the body still has a content coding on it, in which case no transform can read it.
func encoded(h http.Header) bool {
	coding := h["Content-Encoding"]
	return len(coding) > 0 && !strings.EqualFold(coding[0], "identity") && coding[0] != ""
}

// document decodes m's body as JSON; numbers keep all their digits.
func document(m *Message) (any, error) {
	if encoded(m.Header) {
		return nil, fmt.Errorf("%w: the body still has its content coding", ErrUnreadable)
	}
	if len(m.Body) > filterInput {
		return nil, fmt.Errorf("%w: a body of %d bytes, the most is %d", ErrUnreadable, len(m.Body), filterInput)
	}
	return decodeJSON(m.Body)
}

func decodeJSON(body []byte) (any, error) {
	decoder := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(body, bom)))
	decoder.UseNumber()
	var doc any
	if err := decoder.Decode(&doc); err != nil {
		return nil, fmt.Errorf("%w: the body is no JSON", ErrUnreadable)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: more follows the body's JSON", ErrUnreadable)
	}
	return doc, nil
}

// replaceJSON makes doc the body.
func replaceJSON(m *Message, doc any) error {
	body, err := gojq.Marshal(doc)
	if err != nil {
		return fmt.Errorf("%w: the result is no JSON", ErrUnreadable)
	}
	if len(body) > filterOutput {
		return fmt.Errorf("%w: a result of %d bytes, the most is %d", ErrUnreadable, len(body), filterOutput)
	}
	replaceBody(m, body, "application/json")
	return nil
}

// replaceBody sets the body and mends the headers that described the old one. A validator goes too: it named other bytes.
func replaceBody(m *Message, body []byte, contentType string) {
	m.Body = body
	setHeader(m.Header, "Content-Type", contentType)
	if len(m.Header["Content-Length"]) > 0 {
		setHeader(m.Header, "Content-Length", strconv.Itoa(len(body)))
	}
	for _, name := range [...]string{"Content-Md5", "Digest", "Content-Digest", "Repr-Digest", "Etag", "Accept-Ranges"} {
		delete(m.Header, name)
	}
}

// setHeader sets a canonical name in place, without a new slice when there is one.
func setHeader(h http.Header, name, value string) {
	if have := h[name]; len(have) == 1 {
		have[0] = value
		return
	}
	h[name] = []string{value}
}

// scalarText returns a JSON text or number as text.
func scalarText(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, v != ""
	case json.Number:
		return v.String(), true
	case int:
		return strconv.Itoa(v), true
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), true
	case *big.Int:
		return v.String(), true
	}
	return "", false
}

// jsonValue returns YAML data as the values gojq knows.
func jsonValue(v any) any {
	switch v := v.(type) {
	case int64:
		return int(v)
	case uint64:
		return new(big.Int).SetUint64(v)
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = jsonValue(v[i])
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for k := range v {
			out[k] = jsonValue(v[k])
		}
		return out
	}
	return v
}
