// Package web answers requests for what Sluice itself knows: the accounts that were aggregated, as JSON that a Web Services connector pages
// through (/aggregations/…) and as SCIM 2.0 (/scim/…), and it writes them as JSON lines or CSV. proxy's front has found the connection and
// admitted the consumer before a Room is asked; cmd gives the Room its Snapshots, which store implements. It only reads, never calls a
// vendor, and knows no SQL.
//
// The snapshot of a scope is replaced by the next one in whole. What is found out about one (where the accounts with a name are, which ones
// a filter lets through) is remembered for its revision, and forgotten with it.
package web

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"sluice/aggregation"
	"sluice/connectors"
	"sluice/internal/fault"
)

// Snapshots are the accounts of each scope as they were last committed. A page is all of one revision, which it says.
type Snapshots interface {
	// Edition says which revision there is, since when, and how many accounts it has; 0: none was committed yet.
	Edition(ctx context.Context, scope aggregation.Scope) (revision int64, committed time.Time, total int64, err error)
	// Page is up to limit accounts from an offset on, in the order of the ids' bytes; wherever that is, at one price.
	Page(ctx context.Context, scope aggregation.Scope, offset int64, limit int) (revision int64, page []aggregation.Record, err error)
	// After is up to limit accounts behind an id, in that order.
	After(ctx context.Context, scope aggregation.Scope, id string, limit int) (revision int64, page []aggregation.Record, err error)
	// Account is one of them.
	Account(ctx context.Context, scope aggregation.Scope, id string) (account aggregation.Record, found bool, err error)
}

// Room answers below /aggregations and /scim. It is proxy.Room.
type Room struct {
	snapshots Snapshots
	desk      *desk
}

// NewRoom returns a Room that reads snapshots.
func NewRoom(snapshots Snapshots) *Room {
	return &Room{snapshots: snapshots, desk: newDesk(snapshots)}
}

// visit is one request: what is asked about which connection, and where the answer's links lead.
type visit struct {
	*http.Request
	room     *Room
	conn     *connectors.Connection
	base     string   // what stands before the rest: http://host/@view/scim/tdx
	rest     []string // the segments behind the connection, without escapes
	question url.Values
}

// Answer implements proxy.Room.
func (m *Room) Answer(r *http.Request, conn *connectors.Connection) (*http.Response, error) {
	question, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, refuse(http.StatusBadRequest, "bad_query", "the query cannot be read: it has a %% without two hexadecimal digits behind it, or a semicolon")
	}
	v := &visit{Request: r, room: m, conn: conn, question: question}
	room, err := v.walk()
	if err != nil {
		return nil, err
	}
	if room == "scim" {
		return v.scim()
	}
	return v.twice(v.aggregations)
}

// twice answers again when the snapshot was replaced while the answer was made, unless the client wants that very revision.
func (v *visit) twice(answer func() (*http.Response, error)) (*http.Response, error) {
	resp, err := answer()
	if err != nil && fault.Of(err).Code == codeReplaced && !v.question.Has("revision") {
		return answer()
	}
	return resp, err
}

// walk splits the path. An id may hold a slash as %2F, so segments are cut before they lose their escapes.
func (v *visit) walk() (room string, err error) {
	path := strings.TrimPrefix(v.URL.EscapedPath(), "/")
	base := v.URL.Scheme + "://" + v.URL.Host
	if strings.HasPrefix(path, "@") {
		view, rest, _ := strings.Cut(path, "/")
		base, path = base+"/"+view, rest
	}
	room, path, _ = strings.Cut(path, "/")
	name, path, found := strings.Cut(path, "/")
	v.base = base + "/" + room + "/" + name
	if !found || path == "" {
		return room, nil
	}
	for segment := range strings.SplitSeq(strings.TrimSuffix(path, "/"), "/") {
		plain, err := url.PathUnescape(segment)
		if err != nil {
			return "", refuse(http.StatusBadRequest, "bad_target", "the path has a %% without two hexadecimal digits behind it")
		}
		v.rest = append(v.rest, plain)
	}
	return room, nil
}

// refuse is a fault of this package.
func refuse(status int, code, format string, args ...any) *fault.Error {
	return fault.New("web", status, code, format, args...)
}

// edition is the snapshot of a resource, which must be there.
func (v *visit) edition(resource *connectors.Resource) (edition, error) {
	e := edition{scope: aggregation.Scope{Connection: v.conn.Name, Resource: resource.Name}}
	var err error
	if e.revision, e.committed, e.total, err = v.room.snapshots.Edition(v.Context(), e.scope); err != nil {
		return e, err
	}
	if e.revision == 0 {
		return e, refuse(http.StatusNotFound, "no_snapshot", "nothing was read of %s yet; an operator runs `sluice aggregate run %s %s`",
			resource.Name, v.conn.Name, resource.Name)
	}
	return e, nil
}

// edition is a scope's snapshot as it was found.
type edition struct {
	scope     aggregation.Scope
	revision  int64
	committed time.Time
	total     int64
}

const codeReplaced = "snapshot_replaced"

// moved is what is said when the snapshot was replaced while an answer was made of it, or since a client began to page.
func moved() error {
	return refuse(http.StatusConflict, codeReplaced, "the snapshot was replaced by a newer one meanwhile; begin again with the first page")
}
