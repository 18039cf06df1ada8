package auth

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"sluice/connectors"
)

// fixed is a scheme of headers that never change: basic, bearer, header.
type fixed struct {
	unprinted
	names  []string
	values []text
}

// Apply implements Scheme.
func (f *fixed) Apply(_ context.Context, r *http.Request) error {
	for i, name := range f.names {
		r.Header[name] = f.values[i][:1:1]
	}
	return nil
}

// Headers implements Scheme.
func (f *fixed) Headers() []string { return f.names }

// basic is RFC 7617 with UTF-8.
func (k *kit) basic(a *connectors.Basic) (Scheme, error) {
	user, err := k.closed("basic.username", a.Username)
	if err != nil {
		return nil, err
	}
	if strings.Contains(user, ":") {
		return nil, fmt.Errorf("auth.basic.username: %s holds a colon, which ends the name (RFC 7617)", blame(a.Username))
	}
	password, err := k.closed("basic.password", a.Password)
	if err != nil {
		return nil, err
	}
	value := "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
	return &fixed{names: []string{"Authorization"}, values: []text{{value}}}, nil
}

func (k *kit) bearer(a *connectors.Bearer) (Scheme, error) {
	token, err := k.value("bearer.token", a.Token, "")
	if err != nil {
		return nil, err
	}
	return &fixed{names: []string{"Authorization"}, values: []text{{"Bearer " + token[0]}}}, nil
}

func (k *kit) header(a *connectors.Header) (Scheme, error) {
	if len(a.Set) == 0 {
		return nil, errors.New("auth.header.set: names no header")
	}
	f := &fixed{}
	for _, header := range slices.Sorted(maps.Keys(a.Set)) {
		key := "header.set." + header
		name, err := k.name(key, header)
		if err != nil {
			return nil, err
		}
		if slices.Contains(f.names, name) {
			return nil, fmt.Errorf("auth.%s: %s is set twice", key, name)
		}
		value, err := k.value(key, a.Set[header], "")
		if err != nil {
			return nil, err
		}
		f.names, f.values = append(f.names, name), append(f.values, value)
	}
	return f, nil
}
