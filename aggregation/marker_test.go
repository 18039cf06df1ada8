package aggregation_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"sluice/aggregation"
	"sluice/connectors"
	"sluice/transforms"
)

// roster is a plan whose list has two pages, and whose join reads each row's own list, of two pages as well.
func roster(t *testing.T, vendor func(path, cursor string) *http.Response) *aggregation.Reader {
	t.Helper()
	list := func(path string) connectors.Listing {
		return connectors.Listing{
			Request: connectors.Request{Method: "GET", Path: path}, Items: q(".items"),
			Paging: connectors.Paging{Style: "cursor", Param: "c", Next: q(".next")},
		}
	}
	return &aggregation.Reader{
		Pager:    pager(func(r *http.Request) *http.Response { return vendor(r.URL.Path, r.URL.Query().Get("c")) }),
		Resource: &connectors.Resource{Name: "users", Key: q(".id"), Map: connectors.Mapping{Attributes: q("{tags}")}},
		Plan: &connectors.Plan{Name: "list", List: list("/users"), Joins: []connectors.Join{{
			Over: "users", List: list("/users/{key}/tags"), Owner: q("$over.id", "$over"), Add: q("{tags: [.tag]}", "$over"),
		}}},
	}
}

func rosterAnswer(path, cursor string) *http.Response {
	switch {
	case path == "/users" && cursor == "":
		return answer(200, `{"items":[{"id":"a"},{"id":"b"}],"next":"x"}`)
	case path == "/users":
		return answer(200, `{"items":[{"id":"c"}]}`)
	case cursor == "":
		return answer(200, `{"items":[{"tag":1}],"next":"y"}`)
	}
	return answer(200, `{"items":[{"tag":2}]}`)
}

// A later page that is not there says nothing of the row that a join goes over: what the row's list had is not to be lost.
func TestALaterPageOfAJoinThatIsRefused(t *testing.T) {
	t.Parallel()
	fails := true
	r := roster(t, func(path, cursor string) *http.Response {
		if path == "/users/b/tags" && cursor == "y" && fails {
			fails = false
			return answer(404, "")
		}
		return rosterAnswer(path, cursor)
	})
	d := &draft{}
	gone := keeper{d, func(b aggregation.Batch) {
		if b.Gone {
			t.Errorf("%s counts as gone, want its list read again", b.Over)
		}
	}}
	if err := r.List(t.Context(), gone, d.checkpoint(t)); !errors.Is(err, aggregation.ErrNotWhole) || !aggregation.Retryable(err) {
		t.Fatalf("the second page is refused: got %v, want ErrNotWhole", err)
	}
	if err := r.List(t.Context(), gone, d.checkpoint(t)); err != nil {
		t.Fatal(err)
	}
	tags := map[string]int{}
	for _, row := range d.rows {
		tags[row.ID+string(row.JSON)]++
	}
	if len(d.rows) != 9 || tags[`b{"tags":[1]}`] != 1 || tags[`b{"tags":[2]}`] != 1 {
		t.Errorf("rows: got %v, want three people with two tags each", d.rows)
	}
}

// What is read again up to where the run has been before is no progress.
func TestReadingAgainIsNoProgress(t *testing.T) {
	t.Parallel()
	r := roster(t, func(path, cursor string) *http.Response {
		if path == "/users/b/tags" && cursor == "y" {
			return answer(410, "")
		}
		return rosterAnswer(path, cursor)
	})
	d, progress := &draft{}, 0
	count := keeper{d, func(b aggregation.Batch) { progress += one(!b.Again) }}
	for try := range 5 {
		progress = 0
		if err := r.List(t.Context(), count, d.checkpoint(t)); !errors.Is(err, aggregation.ErrNotWhole) {
			t.Fatalf("try %d: got %v, want ErrNotWhole", try, err)
		}
		if first := try == 0; (progress > 0) != first {
			t.Errorf("try %d: got progress %d times, want it at the first try alone", try, progress)
		}
	}
}

// A run that was begun with other lists must not go on: the rows that it has kept would count as rows of the new ones.
func TestAChangeOfTheListsEndsTheRun(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*aggregation.Reader){
		"a join before": func(r *aggregation.Reader) {
			r.Plan.Joins = append(r.Plan.Joins[:0:0], r.Plan.Joins[0], r.Plan.Joins[0])
		},
		"another path": func(r *aggregation.Reader) { r.Plan.List.Request.Path = "/people" },
		"another key":  func(r *aggregation.Reader) { r.Resource.Key = q(".name") },
		"another query": func(r *aggregation.Reader) {
			r.Plan.List.Request.Query = map[string]*transforms.Query{"active": rq(`"yes"`)}
		},
		"another paging": func(r *aggregation.Reader) { r.Plan.List.Paging.Param = "cursor" },
		"another add":    func(r *aggregation.Reader) { r.Plan.Joins[0].Add = q("{labels: [.tag]}", "$over") },
	} {
		r, d := roster(t, rosterAnswer), &draft{}
		d.kept = func() error {
			if d.checkpoint(t).Step == 1 {
				return errKilled
			}
			return nil
		}
		if err := r.List(t.Context(), d, d.checkpoint(t)); !errors.Is(err, errKilled) {
			t.Fatalf("%s: got %v, want it killed", name, err)
		}
		d.kept = nil
		change(r)
		if err := r.List(t.Context(), d, d.checkpoint(t)); err == nil || aggregation.Retryable(err) || !strings.Contains(err.Error(), "begin a new run") {
			t.Errorf("%s: got %v, want that a new run must be begun", name, err)
		}
	}
}
