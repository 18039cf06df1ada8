package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"sluice/aggregation"
	"sluice/connectors"
)

// How many accounts a page has.
const (
	usualLimit = 250
	mostLimit  = 1000
)

// accountsPage is the answer to GET /aggregations/{connection}/{resource}/accounts.
type accountsPage struct {
	Total     int64             `json:"total"`
	Offset    *int64            `json:"offset,omitempty"` // nil: the page was asked for by after
	Limit     int               `json:"limit"`
	Count     int               `json:"count"`
	Revision  int64             `json:"revision"`
	Committed time.Time         `json:"committedAt"`
	Next      string            `json:"next,omitempty"` // "": this is the last page
	Accounts  []json.RawMessage `json:"accounts"`
}

// aggregations answers below /aggregations/{connection}.
func (v *visit) aggregations() (*http.Response, error) {
	if err := v.readOnly(); err != nil {
		return nil, err
	}
	if len(v.rest) < 2 || len(v.rest) > 3 || v.rest[1] != "accounts" {
		return nil, refuse(http.StatusNotFound, "unknown_path", "there is nothing here: ask for /aggregations/%s/{resource}/accounts, or …/accounts/{id}%s",
			v.conn.Name, resourcesOf(v.conn))
	}
	resource := v.conn.Connector.Resource(v.rest[0])
	if resource == nil {
		return nil, refuse(http.StatusNotFound, "unknown_resource", "connection %s has no resource %q%s", v.conn.Name, v.rest[0], resourcesOf(v.conn))
	}
	e, err := v.edition(resource)
	if err != nil {
		return nil, err
	}
	if len(v.rest) == 3 {
		return v.account(e, v.rest[2])
	}
	return v.accounts(e)
}

// resourcesOf is the end of a sentence that says which resources a connection has.
func resourcesOf(conn *connectors.Connection) string {
	names := make([]string, len(conn.Connector.Resources))
	for i, r := range conn.Connector.Resources {
		names[i] = r.Name
	}
	if len(names) == 0 {
		return "; its connector says of none how to read it"
	}
	return "; there are " + strings.Join(names, ", ")
}

// account answers with one account.
func (v *visit) account(e edition, id string) (*http.Response, error) {
	record, found, err := v.room.snapshots.Account(v.Context(), e.scope, id)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, refuse(http.StatusNotFound, "unknown_account", "the snapshot of %s has no account of this id", e.scope.Resource)
	}
	return v.send(reply{status: http.StatusOK, kind: "application/json", etag: versionOf(record)}, record.Account)
}

// accounts answers with a page. Its link to the next one goes on behind the last id, so that whoever follows links across a commit misses
// nobody who is in both snapshots; by offset an account slips through when one before it goes, so that whoever counts says which revision.
func (v *visit) accounts(e edition) (*http.Response, error) {
	limit, err := v.number("limit", usualLimit)
	if err != nil {
		return nil, err
	}
	if limit == 0 || limit > mostLimit {
		return nil, refuse(http.StatusBadRequest, "bad_limit", "limit must be 1 to %d; without it a page has %d accounts", mostLimit, usualLimit)
	}
	offset, err := v.number("offset", 0)
	if err != nil {
		return nil, err
	}
	wanted, err := v.number("revision", e.revision)
	if err != nil {
		return nil, err
	}
	if wanted != e.revision {
		return nil, moved()
	}
	page := accountsPage{Total: e.total, Limit: int(limit), Revision: e.revision, Committed: e.committed, Accounts: []json.RawMessage{}}
	after := v.question.Get("after")
	revision, records := int64(0), []aggregation.Record(nil)
	switch {
	case after != "" && v.question.Has("offset"):
		return nil, refuse(http.StatusBadRequest, "bad_offset", "a page is asked for by offset or by after, not by both")
	case !utf8.ValidString(after) || strings.Contains(after, "\x00"):
		return nil, refuse(http.StatusBadRequest, "bad_after", "after must be the id of an account, which is UTF-8 without NUL")
	case after != "":
		revision, records, err = v.room.snapshots.After(v.Context(), e.scope, after, int(limit))
	default:
		page.Offset = &offset
		revision, records, err = v.room.snapshots.Page(v.Context(), e.scope, offset, int(limit))
	}
	if err != nil {
		return nil, err
	}
	if revision != e.revision {
		return nil, moved()
	}
	for _, r := range records {
		page.Accounts = append(page.Accounts, r.Account)
	}
	page.Count = len(records)
	return v.sendPage(e, &page, records)
}

func (v *visit) sendPage(e edition, page *accountsPage, records []aggregation.Record) (*http.Response, error) {
	more := len(records) == page.Limit
	if more && page.Offset != nil {
		more = *page.Offset+int64(page.Count) < page.Total
	}
	header := http.Header{"X-Total-Count": {strconv.FormatInt(page.Total, 10)}}
	if more {
		next := url.Values{"limit": {strconv.Itoa(page.Limit)}, "after": {records[len(records)-1].ID}}
		page.Next = fmt.Sprintf("%s/%s/accounts?%s", v.base, url.PathEscape(e.scope.Resource), next.Encode())
		header.Set("Link", "<"+page.Next+`>; rel="next"`)
	}
	etag := tagOf(e.scope, e.revision, v.base, page.Offset != nil, v.question.Encode())
	return v.send(reply{status: http.StatusOK, kind: "application/json", etag: etag, header: header}, page)
}
