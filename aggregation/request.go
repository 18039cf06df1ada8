package aggregation

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"sluice/connectors"
	"sluice/transforms"
)

// Variables are what a request's programs see, in the order of connectors.RequestVariables.
type Variables struct {
	Key  string // of the account or of the row that a join is for; "" = null
	Row  any    // the account's row, joins merged into it
	Over any    // the row that a join is for
	Page any    // what paging makes of the present page
}

func (v Variables) values() []any {
	if v.Key == "" {
		return []any{nil, v.Row, v.Over, v.Page}
	}
	return []any{v.Key, v.Row, v.Over, v.Page}
}

// maxRequest is the largest body that is sent. TeamDynamix refuses more than 4 MB (KB 579), and who sends that much to read something
// has made a mistake in a program.
const maxRequest = 4 << 20

// placeholder is the host of requests whose client knows the real one: their path is relative to a connection's base URL.
const placeholder = "http://vendor.invalid/"

// NewRequest makes the HTTP request of a template. Its URL is relative to the connection's base URL, under a host that proxy's client
// ignores. Errors name the place in the template, not the template, and never quote a value.
func NewRequest(ctx context.Context, q *connectors.Request, v Variables) (*http.Request, error) {
	path, err := expand(q.Path, v.Key)
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(placeholder + strings.TrimPrefix(path, "/"))
	if err != nil {
		return nil, errors.New("the path is none")
	}
	query, err := queryOf(q.Query, v)
	if err != nil {
		return nil, err
	}
	u.RawQuery = query.Encode()
	var body []byte
	if q.Body != nil {
		if body, err = bodyOf(q.Body, v); err != nil {
			return nil, fmt.Errorf("body: %w", err)
		}
	}
	return newRequest(ctx, q.Method, u.String(), body)
}

// newRequest makes a request whose body can be read again, which the chain's retries need.
func newRequest(ctx context.Context, method, target string, body []byte) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, method, target, http.NoBody)
	if err == nil && body != nil {
		r, err = http.NewRequestWithContext(ctx, method, target, bytes.NewReader(body))
	}
	if err != nil {
		return nil, errors.New("not a request that HTTP can carry")
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	r.Header.Set("Accept", "application/json")
	// What the chain remembers for other callers may be older than the snapshot, page by page and node by node: changes would be told that
	// never were.
	r.Header.Set("Cache-Control", "no-store")
	return r, nil
}

// routeOf names a call in errors and reports, without anything of one account.
func routeOf(q *connectors.Request) string { return q.Method + " " + q.Path }

// expand puts the escaped key into a path. A key that would be another path is refused.
func expand(path, key string) (string, error) {
	if !strings.Contains(path, "{key}") {
		return path, nil
	}
	if key == "" || key == "." || key == ".." {
		return "", errors.New("the key cannot stand in a path")
	}
	return strings.ReplaceAll(path, "{key}", url.PathEscape(key)), nil
}

// queryOf runs the programs of a query. null leaves its parameter out, the empty text does not: TeamDynamix' userlist wants isActive=.
func queryOf(programs map[string]*transforms.Query, v Variables) (url.Values, error) {
	out := make(url.Values, len(programs))
	for name, q := range programs {
		value, err := q.Value(nil, v.values()...)
		if err != nil {
			return nil, fmt.Errorf("query.%s: %w", name, err)
		}
		switch value := value.(type) {
		case nil:
		case bool:
			out.Set(name, fmt.Sprint(value))
		default:
			text, ok := textOf(value)
			if !ok {
				return nil, fmt.Errorf("query.%s: %s gives neither a text nor a number", name, q)
			}
			out.Set(name, text)
		}
	}
	return out, nil
}

func bodyOf(q *transforms.Query, v Variables) ([]byte, error) {
	value, err := q.Value(nil, v.values()...)
	if err != nil {
		return nil, err
	}
	body, err := canonicalJSON(value)
	if err != nil {
		return nil, err
	}
	if len(body) > maxRequest {
		return nil, fmt.Errorf("larger than %d MiB", maxRequest>>20)
	}
	return body, nil
}
