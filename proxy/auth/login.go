package auth

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"time"

	"sluice/connectors"
	"sluice/transforms"
)

// assumedLife is how long a token is used whose end neither it nor the connector tells.
const assumedLife = time.Hour

// loginRequest is a sign-in of the vendor's own kind, with the credentials filled in.
type loginRequest struct {
	unprinted
	*endpoint
	method string
	header http.Header
	body   []byte
	token  transforms.TokenSpec
}

// login builds the scheme that sends one request and takes the token from its answer. TeamDynamix: POST /api/auth/loginadmin with
// BEID and WebServicesKey answers with a bare JWT (About Authentication).
func (k *kit) login(a *connectors.Login) (Scheme, error) {
	e, err := k.endpoint("login.path", a.Path)
	if err != nil {
		return nil, err
	}
	l := &loginRequest{endpoint: e, method: a.Method, header: http.Header{}, token: a.Token}
	if l.body, err = k.loginBody(a, l.header); err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(a.Headers)) {
		key := "login.headers." + name
		canonical, err := k.name(key, name)
		if err != nil {
			return nil, err
		}
		value, err := k.value(key, a.Headers[name], "")
		if err != nil {
			return nil, err
		}
		l.header[canonical] = []string{value[0]}
	}
	return k.applied("login", a.Apply, l.fetch)
}

// loginBody writes the body and its type.
func (k *kit) loginBody(a *connectors.Login, header http.Header) ([]byte, error) {
	switch {
	case len(a.JSON) > 0 && len(a.Form) > 0:
		return nil, errors.New("auth.login: has both json and form; one body is all a request can have")
	case len(a.JSON) > 0:
		filled, err := k.filled("login.json", a.JSON)
		if err != nil {
			return nil, err
		}
		header.Set("Content-Type", "application/json")
		body, err := json.Marshal(filled)
		if err != nil {
			return nil, errors.New("auth.login.json: cannot be written as JSON")
		}
		return body, nil
	case len(a.Form) > 0:
		form := url.Values{}
		for name, template := range a.Form {
			value, err := k.closed("login.form."+name, template)
			if err != nil {
				return nil, err
			}
			form.Set(name, value)
		}
		header.Set("Content-Type", "application/x-www-form-urlencoded")
		return []byte(form.Encode()), nil
	}
	return nil, nil
}

// filled copies plain YAML data with the credentials filled into its strings.
func (k *kit) filled(key string, data any) (any, error) {
	switch data := data.(type) {
	case string:
		return k.closed(key, data)
	case map[string]any:
		out := make(map[string]any, len(data))
		for name, item := range data {
			filled, err := k.filled(key+"."+name, item)
			if err != nil {
				return nil, err
			}
			out[name] = filled
		}
		return out, nil
	case []any:
		out := make([]any, len(data))
		for i, item := range data {
			filled, err := k.filled(fmt.Sprintf("%s[%d]", key, i), item)
			if err != nil {
				return nil, err
			}
			out[i] = filled
		}
		return out, nil
	}
	return data, nil
}

// fetch signs in.
func (l *loginRequest) fetch(ctx context.Context) (*token, error) {
	r := (&http.Request{
		Method: l.method, URL: l.url, Host: l.url.Host, Header: l.header.Clone(),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Body: http.NoBody,
	}).WithContext(ctx)
	if l.body != nil {
		replay(r, l.body)
	}
	got, err := l.send(r)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	date := vendorTime(got.header, now)
	read, err := transforms.ReadToken(l.token, got.status, got.header, got.body, date)
	if err != nil {
		return nil, &answered{status: got.status, cause: err.Error()}
	}
	t := &token{value: read.Value}
	switch read.Source {
	case "field", "jwt":
		err = t.lifetime(read.Expires, date, now, 0)
	case "fallback":
		err = t.lifetime(time.Time{}, date, now, read.Expires.Sub(date))
	default:
		err = t.lifetime(time.Time{}, date, now, assumedLife)
	}
	return t, err
}

// replay gives r a body in memory.
func replay(r *http.Request, body []byte) {
	r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	r.Body, _ = r.GetBody()
	r.ContentLength = int64(len(body))
}
