package aggregation_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"sluice/aggregation"
	"sluice/connectors"
	"sluice/mocks/teamdynamix"
	"sluice/transforms"
)

// A group that goes while the run is under way adds nobody; many that seem to go are a fault.
func TestRowsOfJoinsMayGo(t *testing.T) {
	t.Parallel()
	v := newTenant(t, teamdynamix.Options{People: 40, Groups: 30})
	missing := 0
	v.fault = func(r *http.Request) *http.Response {
		if strings.HasSuffix(r.URL.Path, "/members") && missing > 0 {
			missing--
			return answer(404, "")
		}
		return nil
	}
	gone := 0
	d := &draft{}
	count := keeper{d, func(b aggregation.Batch) { gone += one(b.Gone) }}
	missing = 3
	r := v.reader("inverted")
	if err := r.List(t.Context(), count, aggregation.Checkpoint{}); err != nil || gone != 3 {
		t.Errorf("three groups are gone: got %d, %v, want 3 told of and no error", gone, err)
	}
	if _, err := r.Settle(t.Context(), d, aggregation.ChangedOnly{}, d); err != nil {
		t.Fatal(err)
	}
	missing = 30
	var status *aggregation.StatusError
	if err := r.List(t.Context(), &draft{}, aggregation.Checkpoint{}); !errors.As(err, &status) || status.Status != 404 || status.Route != "GET /api/groups/{key}/members" {
		t.Errorf("all groups are gone: got %v, want the 404", err)
	}
}

// keeper looks at what is kept.
type keeper struct {
	*draft
	look func(aggregation.Batch)
}

func (k keeper) Keep(ctx context.Context, b aggregation.Batch, at aggregation.Checkpoint) error {
	k.look(b)
	return k.draft.Keep(ctx, b, at)
}

// A list that turns out not to be whole is read from its beginning by the next try.
func TestSpoiltListsBeginAnew(t *testing.T) {
	t.Parallel()
	get := connectors.Request{Method: "GET", Path: "/users"}
	cursor := connectors.Listing{Request: get, Items: q(".items"), Paging: connectors.Paging{Style: "cursor", Param: "c", Next: q(".next")}}
	offset := connectors.Listing{Request: get, Items: q(".items"), Paging: connectors.Paging{Style: "offset", Param: "o", Total: q(".total")}}
	for name, tt := range map[string]struct {
		list   connectors.Listing
		second func() *http.Response // the second page, at the first try
	}{
		"expired cursor": {cursor, func() *http.Response { return answer(410, "") }},
		"refused cursor": {cursor, func() *http.Response { return answer(400, "") }},
		"shorter list":   {offset, func() *http.Response { return answer(200, `{"total":3,"items":[{"id":"c"}]}`) }},
		"not all of it":  {offset, func() *http.Response { return answer(200, `{"total":4,"items":[]}`) }},
	} {
		pages, fails := 0, true
		r := &aggregation.Reader{
			Pager: pager(func(r *http.Request) *http.Response {
				pages++
				switch query := r.URL.Query(); {
				case query.Get("c") == "" && (query.Get("o") == "" || query.Get("o") == "0"):
					return answer(200, `{"total":4,"next":"x","items":[{"id":"a"},{"id":"b"}]}`)
				case fails:
					fails = false
					return tt.second()
				}
				return answer(200, `{"total":4,"items":[{"id":"c"},{"id":"d"}]}`)
			}),
			Resource: &connectors.Resource{Name: "users", Key: q(".id")}, Plan: &connectors.Plan{Name: "list", List: tt.list},
		}
		d := &draft{}
		if err := r.List(t.Context(), d, d.checkpoint(t)); !errors.Is(err, aggregation.ErrNotWhole) || !aggregation.Retryable(err) || len(d.rows) != 0 {
			t.Errorf("%s: got %v with %d rows, want ErrNotWhole, retryable, and none", name, err, len(d.rows))
		}
		if err := r.List(t.Context(), d, d.checkpoint(t)); err != nil || len(d.rows) != 4 || pages != 4 {
			t.Errorf("%s again: got %v with %d rows by %d pages in all, want 4 by 4", name, err, len(d.rows), pages)
		}
		if at := d.checkpoint(t); !at.Done {
			t.Errorf("%s: got checkpoint %+v, want it done", name, at)
		}
		if got, want := r.Moves(), tt.list.Paging.Style == "offset"; got != want {
			t.Errorf("%s: moves: got %v, want %v", name, got, want)
		}
	}
}

// A row that comes twice counts once, the later one; what joins say of nobody counts for nothing.
func TestDoublesAndStrays(t *testing.T) {
	t.Parallel()
	r := &aggregation.Reader{
		Pager: pager(func(r *http.Request) *http.Response {
			if r.URL.Path == "/more" {
				return answer(200, `[{"id":"a","tag":"x"},{"id":"a","tag":"y"},{"id":"nobody","tag":"z"},{"id":null},{"id":"a\u0000","tag":"z"}]`)
			}
			return answer(200, `[{"id":"b"},{"id":"a","n":1,"tags":["w"]},{"id":"a","n":2,"tags":["v"]}]`)
		}),
		Resource: &connectors.Resource{Name: "users", Key: q(".id"), Map: connectors.Mapping{Attributes: q("{n, tags}")}},
		Plan: &connectors.Plan{
			Name: "list", List: connectors.Listing{Request: connectors.Request{Method: "GET", Path: "/users"}, Items: q("."), Paging: none},
			Joins: []connectors.Join{{
				List:  connectors.Listing{Request: connectors.Request{Method: "GET", Path: "/more"}, Items: q("."), Paging: none},
				Owner: q(".id", "$over"), Add: q("if .tag then {tags: [.tag]} else null end", "$over"),
			}},
		},
	}
	d := &draft{}
	tally, err := read(t.Context(), t, r, d, aggregation.ChangedOnly{})
	if want := (aggregation.Tally{Rows: 2, Doubled: 1, Strays: 1}); err != nil || tally != want {
		t.Errorf("tally: got %+v, %v, want %+v", tally, err, want)
	}
	compare(t, d.accounts(), map[string]string{
		"a": `{"active":true,"attributes":{"n":2,"tags":["v","x","y"]},"entitlements":{},"id":"a","name":"a"}`,
		"b": `{"active":true,"attributes":{"n":null,"tags":null},"entitlements":{},"id":"b","name":"b"}`,
	})
}

func TestGone(t *testing.T) {
	t.Parallel()
	v := newTenant(t, teamdynamix.Options{People: 3})
	d, r := &draft{}, v.reader("detail")
	if _, err := read(t.Context(), t, r, d, aggregation.ChangedOnly{}); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		id   string
		want bool
	}{{d.records()[0].ID, false}, {"00000000-0000-4000-8000-000000000000", true}} {
		if yes, known, err := r.Gone(t.Context(), tt.id); yes != tt.want || !known || err != nil {
			t.Errorf("gone %s: got %v, %v, %v, want %v", tt.id, yes, known, err, tt.want)
		}
	}
	v.fault = func(*http.Request) *http.Response { return answer(401, "") }
	if yes, known, err := r.Gone(t.Context(), "x"); yes || known || err == nil {
		t.Errorf("without rights: got %v, %v, %v, want an error", yes, known, err)
	}
	r.Plan.Detail = nil
	if yes, known, err := r.Gone(t.Context(), "x"); yes || known || err != nil {
		t.Errorf("without a call: got %v, %v, %v, want nothing known", yes, known, err)
	}
}

// Where ids are told apart without case, a join's owner, a row that comes twice and a row that a join goes over may be spelled in any.
func TestFoldCase(t *testing.T) {
	t.Parallel()
	var paths []string
	groups := &connectors.Resource{
		Name: "groups", Key: q(".id"), FoldCase: true,
		Plans: []*connectors.Plan{{List: connectors.Listing{Request: connectors.Request{Method: "GET", Path: "/groups"}, Items: q("."), Paging: none}}},
	}
	r := &aggregation.Reader{
		Pager: pager(func(r *http.Request) *http.Response {
			paths = append(paths, r.URL.Path)
			switch r.URL.Path {
			case "/groups":
				return answer(200, `[{"id":"G1"},{"id":"g1"}]`)
			case "/users":
				return answer(200, `[{"id":"aB"},{"id":"AB"},{"id":"É"}]`)
			}
			return answer(200, `[{"id":"Ab"},{"id":"É"}]`)
		}),
		Resource: &connectors.Resource{Name: "users", Key: q(".id"), FoldCase: true, Map: connectors.Mapping{Attributes: q("{groups}")}},
		Others:   func(string) *connectors.Resource { return groups },
		Plan: &connectors.Plan{
			Name: "list", List: connectors.Listing{Request: connectors.Request{Method: "GET", Path: "/users"}, Items: q("."), Paging: none},
			Joins: []connectors.Join{{
				Over: "groups", List: connectors.Listing{Request: connectors.Request{Method: "GET", Path: "/groups/{key}"}, Items: q("."), Paging: none},
				Owner: q(".id", "$over"), Add: q("{groups: [$over.id]}", "$over"),
			}},
		},
	}
	d := &draft{}
	tally, err := read(t.Context(), t, r, d, aggregation.ChangedOnly{})
	if want := (aggregation.Tally{Rows: 2, Doubled: 1}); err != nil || tally != want {
		t.Errorf("tally: got %+v, %v, want %+v", tally, err, want)
	}
	compare(t, d.accounts(), map[string]string{
		"ab": `{"active":true,"attributes":{"groups":["G1"]},"entitlements":{},"id":"ab","name":"ab"}`,
		"É":  `{"active":true,"attributes":{"groups":["G1"]},"entitlements":{},"id":"É","name":"É"}`,
	})
	if got, want := strings.Join(paths, " "), "/groups /users /groups/g1"; got != want {
		t.Errorf("calls: got %s, want %s", got, want)
	}
}

// Whoever seems to have lost something by a join that moves is asked for, or stays as they were until the next run says so too.
func TestJoinsThatMove(t *testing.T) {
	t.Parallel()
	members := "abc"
	r := &aggregation.Reader{
		Pager: pager(func(r *http.Request) *http.Response {
			switch id, detail := strings.CutPrefix(r.URL.Path, "/users/"); {
			case detail:
				return answer(200, `{"id":"`+id+`","groups":["g"]}`)
			case r.URL.Path == "/users":
				return answer(200, `[{"id":"a","groups":[]},{"id":"b","groups":[]},{"id":"c","groups":[]}]`)
			case r.URL.Query().Get("o") != "0":
				return answer(200, `[]`)
			}
			return answer(200, `[{"id":"`+strings.Join(strings.Split(members, ""), `"},{"id":"`)+`"}]`)
		}),
		Resource: &connectors.Resource{Name: "users", Key: q(".id"), Map: connectors.Mapping{Entitlements: map[string]*transforms.Query{"groups": q(".groups")}}},
		Plan: &connectors.Plan{
			Name: "list", List: connectors.Listing{Request: connectors.Request{Method: "GET", Path: "/users"}, Items: q("."), Paging: none},
			Joins: []connectors.Join{{
				List:  connectors.Listing{Request: connectors.Request{Method: "GET", Path: "/members"}, Items: q("."), Paging: connectors.Paging{Style: "offset", Param: "o"}},
				Owner: q(".id", "$over"), Add: q(`{groups: ["g"]}`, "$over"),
			}},
		},
	}
	run := func(what string, before []aggregation.Record, want aggregation.Tally, changed int) []aggregation.Record {
		t.Helper()
		d := &draft{}
		tally, err := read(t.Context(), t, r, d, aggregation.ChangedOnly{Before: sequence(before), Off: true})
		if err != nil || tally != want {
			t.Errorf("%s: got %+v, %v, want %+v", what, tally, err, want)
		}
		changes, err := collect(aggregation.Diff(sequence(before), sequence(d.records()), true))
		if err != nil || len(changes) != changed {
			t.Errorf("%s: got %+v, %v, want %d changes", what, changes, err, changed)
		}
		return d.records()
	}
	first := run("first", nil, aggregation.Tally{Rows: 3}, 3)
	members = "ac"
	second := run("b is passed over", first, aggregation.Tally{Rows: 3, Lost: 1}, 0)
	members = "abc"
	run("b is there again", second, aggregation.Tally{Rows: 3}, 0)
	members = "ac"
	run("b is missing twice", second, aggregation.Tally{Rows: 3}, 1)
	missed := slices.Clone(first)
	missed[1].RowHash = "missed"
	run("b was passed over by the list before, and is by the join now", missed, aggregation.Tally{Rows: 3, Lost: 1}, 0)
	r.Plan.Detail, r.Plan.If = &connectors.Request{Method: "GET", Path: "/users/{key}"}, q("false")
	run("b is asked for", first, aggregation.Tally{Rows: 3, Pending: 1, Asked: 1}, 0)
}
