package web_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"sluice/aggregation"
	"sluice/configs"
	"sluice/connectors"
	"sluice/internal/fault"
	"sluice/web"
)

// shelf is snapshots in memory, in the order of their ids, and how many pages were read of them. Those of the real databases are tested
// where the front is.
type shelf struct {
	revision int64
	of       map[string][]aggregation.Record
	pages    atomic.Int64
}

func (s *shelf) Edition(_ context.Context, scope aggregation.Scope) (int64, time.Time, int64, error) {
	if s.of[scope.Resource] == nil {
		return 0, time.Time{}, 0, nil
	}
	return s.revision, time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC), int64(len(s.of[scope.Resource])), nil
}

func (s *shelf) Page(_ context.Context, scope aggregation.Scope, offset int64, limit int) (int64, []aggregation.Record, error) {
	s.pages.Add(1)
	all := s.of[scope.Resource]
	if offset < 0 || offset >= int64(len(all)) {
		return s.revision, nil, nil
	}
	return s.revision, all[offset:min(int(offset)+limit, len(all))], nil
}

func (s *shelf) After(ctx context.Context, scope aggregation.Scope, id string, limit int) (int64, []aggregation.Record, error) {
	at, found := slices.BinarySearchFunc(s.of[scope.Resource], id, func(r aggregation.Record, id string) int { return strings.Compare(r.ID, id) })
	if found {
		at++
	}
	return s.Page(ctx, scope, int64(at), limit)
}

func (s *shelf) Account(_ context.Context, scope aggregation.Scope, id string) (aggregation.Record, bool, error) {
	for _, r := range s.of[scope.Resource] {
		if r.ID == id {
			return r, true, nil
		}
	}
	return aggregation.Record{}, false, nil
}

func record(t testing.TB, a aggregation.Account) aggregation.Record {
	t.Helper()
	text, err := aggregation.Encode(a)
	if err != nil {
		t.Fatal(err)
	}
	return aggregation.Record{ID: a.ID, Account: text}
}

// person is the nth of a shelf: every third is inactive, and every tenth holds group 7.
func person(t testing.TB, n int) aggregation.Record {
	t.Helper()
	held := map[string][]string{"groups": {"5"}, "applications": {"Portal"}}
	if n%10 == 0 {
		held["groups"] = []string{"5", "7"}
	}
	return record(t, aggregation.Account{
		ID: fmt.Sprintf("%06d", n), Name: fmt.Sprint("Person ", n), Active: n%3 != 0,
		Attributes: map[string]any{
			"UserName": fmt.Sprintf("User%d@acme.example", n), "FirstName": "Person", "LastName": fmt.Sprint(n), "FullName": fmt.Sprint("Person ", n),
			"PrimaryEmail": fmt.Sprintf("P%d@acme.example", n), "ExternalID": fmt.Sprint("X", n), "TypeID": json.Number("1"), "Title": nil, "IsEmployee": true,
		},
		Entitlements: held,
	})
}

// house is a Room over people, groups and no applications.
type house struct {
	*shelf
	room *web.Room
	conn *connectors.Connection
}

func open(t testing.TB, people int) *house {
	t.Helper()
	s := &shelf{revision: 4, of: map[string][]aggregation.Record{"people": {}}}
	for n := range people {
		s.of["people"] = append(s.of["people"], person(t, n))
	}
	for _, id := range []string{"5", "7", "9", "a/b"} {
		s.of["groups"] = append(s.of["groups"], record(t, aggregation.Account{
			ID: id, Name: "Group " + id, Active: true, Attributes: map[string]any{"Description": "of " + id},
		}))
	}
	return &house{shelf: s, room: web.NewRoom(s), conn: connection(t)}
}

func connection(t testing.TB) *connectors.Connection {
	t.Helper()
	file, err := configs.FS.ReadFile("connectors/teamdynamix.yaml")
	if err != nil {
		t.Fatal(err)
	}
	set, faults := connectors.Load(fstest.MapFS{
		"sluice.yaml":                 {Data: []byte("connections: {tdx: {connector: teamdynamix, base_url: \"https://a.example/TDWebApi\"}}\n")},
		"connectors/teamdynamix.yaml": {Data: file},
	}, connectors.Environment{})
	if err := faults.Err(); err != nil {
		t.Fatal(err)
	}
	return set.Connections["tdx"]
}

// answer is what a client sees; a fault is shown as the front would, code and message.
type answer struct {
	status int
	header http.Header
	text   string
	body   map[string]any
}

func (h *house) ask(t testing.TB, method, target string, headers ...string) (a answer) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, "http://sluice.example"+target, http.NoBody)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := h.room.Answer(r, h.conn)
	if err != nil {
		why := fault.Of(err)
		if why.Code == "internal" {
			t.Fatalf("%s: an internal error: %v", target, why)
		}
		return answer{status: why.Status, text: why.Code + ": " + why.Message}
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	a = answer{status: resp.StatusCode, header: resp.Header, text: string(text)}
	if len(text) > 0 {
		if err := json.Unmarshal(text, &a.body); err != nil {
			t.Fatalf("%s: %v in %s", target, err, text)
		}
	}
	return a
}

func (h *house) get(t testing.TB, target string, headers ...string) answer {
	t.Helper()
	return h.ask(t, http.MethodGet, target, headers...)
}

// at walks into a document: names and indices.
func at(document any, path ...any) any {
	for _, step := range path {
		switch on := document.(type) {
		case map[string]any:
			name, _ := step.(string)
			document = on[name]
		case []any:
			i, _ := step.(int)
			if i >= len(on) {
				return nil
			}
			document = on[i]
		default:
			return nil
		}
	}
	return document
}
