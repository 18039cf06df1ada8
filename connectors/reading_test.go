package connectors_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"sluice/connectors"
	"sluice/mocks/teamdynamix"
	"sluice/transforms"
)

// reading interprets the compiled plans of a connector against its mock, in the plainest way: what the programs give is under test, and
// not how anybody paces, keeps or repeats calls.
type reading struct {
	t      testing.TB
	vendor *connectors.Connector
	mock   http.Handler
	token  string
	calls  int
}

// object is a row or a document.
type object = map[string]any

func newReading(t testing.TB, mock *teamdynamix.Vendor) *reading {
	t.Helper()
	r := &reading{t: t, vendor: shipped(t).Connectors["teamdynamix"], mock: mock}
	r.signIn(mock.Options())
	return r
}

func (r *reading) signIn(o teamdynamix.Options) {
	r.t.Helper()
	status, body := r.send(http.MethodPost, "/api/auth/loginadmin", object{"BEID": o.BEID, "WebServicesKey": o.WebServicesKey})
	if status != http.StatusOK {
		r.t.Fatalf("sign in: got %d %s", status, body)
	}
	r.token, r.calls = string(body), 0
}

func (r *reading) send(method, target string, body any) (int, []byte) {
	r.t.Helper()
	var sent io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			r.t.Fatal(err)
		}
		sent = bytes.NewReader(text)
	}
	req := httptest.NewRequest(method, teamdynamix.Production+target, sent)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+r.token)
	w := httptest.NewRecorder()
	r.mock.ServeHTTP(w, req)
	r.calls++
	return w.Code, w.Body.Bytes()
}

func (r *reading) value(q *transforms.Query, doc any, values ...any) any {
	r.t.Helper()
	v, err := q.Value(doc, values...)
	if err != nil {
		r.t.Fatalf("%s: %v", q, err)
	}
	return v
}

// call makes a request; values are those of connectors.RequestVariables.
func (r *reading) call(of *connectors.Request, key string, values ...any) any {
	r.t.Helper()
	query := url.Values{}
	for name, q := range of.Query {
		if v := r.value(q, nil, values...); v != nil {
			query.Set(name, fmt.Sprint(v))
		}
	}
	target := strings.ReplaceAll(of.Path, "{key}", url.PathEscape(key))
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	var body any
	if of.Body != nil {
		body = r.value(of.Body, nil, values...)
	}
	status, text := r.send(of.Method, target, body)
	if status != http.StatusOK {
		r.t.Fatalf("%s %s: got %d %s, want 200", of.Method, target, status, text)
	}
	var doc any
	if err := json.Unmarshal(text, &doc); err != nil {
		r.t.Fatalf("%s %s: %v", of.Method, target, err)
	}
	return doc
}

func (r *reading) list(of *connectors.Listing, key string, values ...any) (rows []object) {
	r.t.Helper()
	items, ok := r.value(of.Items, r.call(&of.Request, key, values...)).([]any)
	if !ok || len(items) == 0 && !of.Empty {
		r.t.Fatalf("%s %s: got %d rows, list %v; want some", of.Request.Method, of.Request.Path, len(items), ok)
	}
	for _, item := range items {
		rows = append(rows, item.(object))
	}
	return rows
}

// accounts reads a resource by a plan into accounts by key.
func (r *reading) accounts(resource, plan string) map[string]string {
	r.t.Helper()
	of := r.vendor.Resource(resource)
	p := of.Plan(plan)
	rows := map[string]object{}
	for _, row := range r.list(&p.List, "") {
		rows[r.text(of.Key, row)] = row
	}
	over := map[string][]object{}
	for _, join := range p.Joins {
		if join.Over == "" {
			for _, item := range r.list(&join.List, "") {
				if row := rows[r.text(join.Owner, item)]; row != nil {
					add(row, r.value(join.Add, item).(object))
				}
			}
			continue
		}
		other := r.vendor.Resource(join.Over)
		if over[join.Over] == nil {
			over[join.Over] = r.list(&other.Plans[0].List, "")
		}
		for _, one := range over[join.Over] {
			key := r.text(other.Key, one)
			for _, item := range r.list(&join.List, key, key, nil, one) {
				if row := rows[r.text(join.Owner, item, one)]; row != nil {
					add(row, r.value(join.Add, item, one).(object))
				}
			}
		}
	}
	made := map[string]string{}
	for key, row := range rows {
		if p.Detail != nil && (p.If == nil || r.value(p.If, row) == true) {
			maps.Copy(row, r.call(p.Detail, key, key, row).(object))
		}
		made[key] = r.account(&of.Map, row)
	}
	return made
}

func (r *reading) text(q *transforms.Query, doc any, values ...any) string {
	r.t.Helper()
	text, ok := q.Text(doc, values...)
	if !ok {
		r.t.Fatalf("%s: got no text", q)
	}
	return text
}

// add appends arrays and replaces all else.
func add(row, more object) {
	for name, v := range more {
		if list, ok := v.([]any); ok {
			have, _ := row[name].([]any)
			v = append(slices.Clone(have), list...)
		}
		row[name] = v
	}
}

// account is JSON with sorted entitlements, for comparison.
func (r *reading) account(m *connectors.Mapping, row object) string {
	r.t.Helper()
	made := object{"name": r.text(m.Name, row), "active": true, "attributes": nil}
	if m.Active != nil {
		made["active"] = r.value(m.Active, row)
	}
	if m.Attributes != nil {
		made["attributes"] = r.value(m.Attributes, row)
	}
	entitlements := map[string][]string{}
	for kind, q := range m.Entitlements {
		values := []string{}
		for _, v := range r.value(q, row).([]any) {
			values = append(values, fmt.Sprint(v))
		}
		slices.Sort(values)
		entitlements[kind] = slices.Compact(values)
	}
	made["entitlements"] = entitlements
	text, err := json.MarshalIndent(made, "", " ")
	if err != nil {
		r.t.Fatal(err)
	}
	return string(text)
}
