package transforms

import (
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"golang.org/x/net/http/httpguts"
)

func (a *fields) text(key, otherwise string) string {
	v, ok := a.get(key)
	if !ok {
		return otherwise
	}
	s, ok := v.(string)
	if !ok || s == "" {
		a.fault(key, "want a text, not %s", kind(v))
		return otherwise
	}
	return s
}

// texts reads one text or a list of them.
func (a *fields) texts(key string) []string {
	v, ok := a.get(key)
	if !ok {
		return nil
	}
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	out := make([]string, 0, len(list))
	for i, one := range list {
		s, ok := one.(string)
		if !ok || s == "" {
			a.fault(at(key, i, v), "want a text, not %s", kind(one))
			continue
		}
		out = append(out, s)
	}
	return out
}

func (a *fields) flag(key string, otherwise bool) bool {
	v, ok := a.get(key)
	if !ok {
		return otherwise
	}
	b, ok := v.(bool)
	if !ok {
		a.fault(key, "want true or false, not %s", kind(v))
	}
	return b
}

func (a *fields) whole(key string, otherwise, least, most int) int {
	v, ok := a.get(key)
	if !ok {
		return otherwise
	}
	n, ok := wholeNumber(v)
	if !ok || n < least || n > most {
		a.fault(key, "want a whole number from %d to %d, not %s", least, most, kind(v))
		return otherwise
	}
	return n
}

// span reads a duration: "60s", "24h", or a whole number of seconds.
func (a *fields) span(key string, otherwise time.Duration) time.Duration {
	v, ok := a.get(key)
	if !ok {
		return otherwise
	}
	d, err := parseSpan(v)
	if err != nil {
		a.fault(key, "%v", err)
		return otherwise
	}
	return d
}

// parseSpan reads a configured duration: Go's notation, or a number of seconds. It is never negative.
func parseSpan(v any) (time.Duration, error) {
	if n, ok := wholeNumber(v); ok && n >= 0 && n < math.MaxInt32 {
		return time.Duration(n) * time.Second, nil
	}
	if s, ok := v.(string); ok {
		if d, err := time.ParseDuration(s); err == nil && d >= 0 {
			return d, nil
		}
	}
	return 0, fmt.Errorf("want a duration such as 60s or 24h, not %s", kind(v))
}

func (a *fields) format(key string, otherwise Format) Format {
	name := a.text(key, "")
	if name == "" {
		return otherwise
	}
	f, err := ParseFormat(name)
	if err != nil {
		a.fault(key, "%v", err)
		return otherwise
	}
	return f
}

// header reads a header's name and returns it in canonical spelling.
func (a *fields) header(key string) string {
	names := a.headers(key)
	if len(names) > 1 {
		a.fault(key, "want one header name, not %d", len(names))
	}
	if len(names) == 0 {
		return ""
	}
	return names[0]
}

func (a *fields) headers(key string) []string {
	names := a.texts(key)
	for i, name := range names {
		if !httpguts.ValidHeaderFieldName(name) {
			a.fault(at(key, i, a.values[key]), "%q is no header name", name)
		}
		names[i] = http.CanonicalHeaderKey(name)
	}
	return names
}

// at is the path of the i-th entry under key, or key itself when the value is no list.
func at(key string, i int, value any) string {
	if _, ok := value.([]any); !ok {
		return key
	}
	return key + "[" + strconv.Itoa(i) + "]"
}

func wholeNumber(v any) (int, bool) {
	switch v := v.(type) {
	case int:
		return v, true
	case int64:
		return int(v), true
	case uint64:
		return int(v), v <= math.MaxInt
	case float64:
		return int(v), v == math.Trunc(v) && math.Abs(v) < 1<<53
	}
	return 0, false
}

// kind names a value for a fault without quoting a text that might be a secret.
func kind(v any) string {
	switch v := v.(type) {
	case nil:
		return "nothing"
	case string:
		if v == "" {
			return "an empty text"
		}
		return "a text"
	case bool, int, int64, uint64, float64:
		return fmt.Sprint(v)
	case []any:
		return "a list"
	case map[string]any:
		return "a mapping"
	}
	return fmt.Sprintf("a %T", v)
}
