package web_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

func TestAccountsArePaged(t *testing.T) {
	t.Parallel()
	h := open(t, 1234)
	first := h.get(t, "/aggregations/tdx/people/accounts")
	if got, want := fmt.Sprintln(first.status, first.body["total"], first.body["offset"], first.body["limit"], first.body["count"], first.body["revision"], first.body["committedAt"]),
		"200 1234 0 250 250 4 2026-11-22T12:00:00Z\n"; got != want {
		t.Errorf("first page: got %s, want %s", got, want)
	}
	if got := first.header.Get("X-Total-Count"); got != "1234" {
		t.Errorf("X-Total-Count: got %q, want 1234", got)
	}
	next := "http://sluice.example/aggregations/tdx/people/accounts?after=000249&limit=250"
	if got, want := first.header.Get("Link"), "<"+next+`>; rel="next"`; got != want || first.body["next"] != next {
		t.Errorf("next: got Link %q and %v, want %q", got, first.body["next"], want)
	}
	seen, last := 0, ""
	for offset := 0; ; offset += 100 { // as a connector of offsets does
		page := h.get(t, fmt.Sprintf("/aggregations/tdx/people/accounts?limit=100&offset=%d", offset))
		accounts := page.body["accounts"].([]any)
		for i := range accounts {
			id := at(accounts, i, "id").(string)
			if id <= last {
				t.Fatalf("got %s after %s, want rising ids", id, last)
			}
			last = id
			seen++
		}
		if (page.header.Get("Link") == "") != (offset+100 >= 1234) {
			t.Errorf("Link at offset %d: got %q", offset, page.header.Get("Link"))
		}
		if len(accounts) == 0 {
			break
		}
	}
	if seen != 1234 {
		t.Errorf("accounts by offset: got %d, want 1234", seen)
	}
	seen = 0
	for target := "/aggregations/tdx/people/accounts?limit=1000"; target != ""; { // as a connector of links does
		page := h.get(t, target)
		seen += len(page.body["accounts"].([]any))
		link, _ := page.body["next"].(string)
		target = strings.TrimPrefix(link, "http://sluice.example")
	}
	if seen != 1234 {
		t.Errorf("accounts by link: got %d, want 1234", seen)
	}
}

func TestAccountsRefuse(t *testing.T) {
	t.Parallel()
	h := open(t, 3)
	for target, want := range map[string]string{
		"/people/accounts?limit=0":                     "400 bad_limit: limit must be 1 to 1000",
		"/people/accounts?limit=1001":                  "400 bad_limit: limit must be 1 to 1000",
		"/people/accounts?limit=-1":                    "400 bad_limit: limit must be one whole number that is not negative",
		"/people/accounts?limit=%2B5":                  "400 bad_limit: limit must be one whole number",
		"/people/accounts?limit=":                      "400 bad_limit: limit must be one whole number",
		"/people/accounts?limit=1&limit=2":             "400 bad_limit: limit must be one whole number",
		"/people/accounts?offset=-1":                   "400 bad_offset: ",
		"/people/accounts?offset=1e3":                  "400 bad_offset: ",
		"/people/accounts?offset=99999999999999999999": "400 bad_offset: ",
		"/people/accounts?offset=0&after=a":            "400 bad_offset: a page is asked for by offset or by after, not by both",
		"/people/accounts?after=%00":                   "400 bad_after: after must be the id of an account",
		"/people/accounts?after=a%ff":                  "400 bad_after: ",
		"/people/accounts?revision=3":                  "409 snapshot_replaced: ",
		"/people/accounts?%zz":                         "400 bad_query: ",
		"/applications/accounts":                       "404 no_snapshot: nothing was read of applications yet; an operator runs `sluice aggregate run tdx applications`",
		"/cars/accounts":                               `404 unknown_resource: connection tdx has no resource "cars"; there are `,
		"/people/accounts/nobody":                      "404 unknown_account: ",
		"/people/accounts/..%2F..%2Fadmin":             "404 unknown_account: ",
		"/people/accounts/a/b":                         "404 unknown_path: ",
		"/people":                                      "404 unknown_path: ",
		"":                                             "404 unknown_path: ",
	} {
		got := h.get(t, "/aggregations/tdx"+target)
		if text := fmt.Sprint(got.status, " ", got.text); !strings.HasPrefix(text, want) {
			t.Errorf("%s: got %s, want %s…", target, text, want)
		}
	}
	if got := h.ask(t, http.MethodPost, "/aggregations/tdx/people/accounts"); got.status != http.StatusMethodNotAllowed {
		t.Errorf("POST: got %d %s, want 405", got.status, got.text)
	}
	if got := h.get(t, "/aggregations/tdx/people/accounts?offset=9223372036854775807"); got.status != http.StatusOK || len(got.body["accounts"].([]any)) != 0 {
		t.Errorf("the largest offset: got %d %s, want 200 without accounts", got.status, got.text)
	}
}

func TestAccountsTellWhetherTheyChanged(t *testing.T) {
	t.Parallel()
	h := open(t, 3)
	for _, target := range []string{
		"/aggregations/tdx/people/accounts?limit=2", "/aggregations/tdx/people/accounts/000001", "/scim/tdx/Users?count=2", "/scim/tdx/Users/000001",
		"/scim/tdx/Groups/5",
	} {
		etag := h.get(t, target).header.Get("ETag")
		if same := h.get(t, target, "If-None-Match", `"x", `+etag); etag == "" || same.status != http.StatusNotModified || same.text != "" {
			t.Errorf("%s with its own ETag %s: got %d %q, want 304 without a body", target, etag, same.status, same.text)
		}
		if other := h.get(t, target, "If-None-Match", `"x"`); other.status != http.StatusOK {
			t.Errorf("%s with another ETag: got %d, want 200", target, other.status)
		}
	}
	list, one := "/aggregations/tdx/people/accounts", "/aggregations/tdx/people/accounts/000001"
	listTag, oneTag := h.get(t, list).header.Get("ETag"), h.get(t, one).header.Get("ETag")
	h.revision++
	if got := h.get(t, list, "If-None-Match", listTag); got.status != http.StatusOK {
		t.Errorf("the list after a commit: got %d, want 200", got.status)
	}
	if got := h.get(t, one, "If-None-Match", oneTag); got.status != http.StatusNotModified {
		t.Errorf("an account that did not change, after a commit: got %d, want 304", got.status)
	}
}

func TestAccountById(t *testing.T) {
	t.Parallel()
	h := open(t, 1)
	if got := h.get(t, "/aggregations/tdx/groups/accounts/a%2Fb"); got.status != http.StatusOK || got.body["id"] != "a/b" {
		t.Errorf("an id with a slash: got %d %s, want 200 and a/b", got.status, got.text)
	}
	if got := h.get(t, "/@raw/aggregations/tdx/people/accounts/000000"); got.status != http.StatusOK || got.body["id"] != "000000" {
		t.Errorf("with a view in the path: got %d %s, want 200 and 000000", got.status, got.text)
	}
}
