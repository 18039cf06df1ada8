package web_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"sluice/aggregation"
	"sluice/web"
)

// restless is a shelf on which a commit comes before each of the next pages.
type restless struct {
	*shelf
	commits int
}

func (r *restless) Page(ctx context.Context, scope aggregation.Scope, offset int64, limit int) (int64, []aggregation.Record, error) {
	if r.commits > 0 {
		r.commits--
		r.revision++
	}
	return r.shelf.Page(ctx, scope, offset, limit)
}

func (r *restless) After(ctx context.Context, scope aggregation.Scope, id string, limit int) (int64, []aggregation.Record, error) {
	if r.commits > 0 {
		r.commits--
		r.revision++
	}
	return r.shelf.After(ctx, scope, id, limit)
}

func TestCommitBesideAnAnswer(t *testing.T) {
	t.Parallel()
	for _, target := range []string{
		"/aggregations/tdx/people/accounts", "/aggregations/tdx/people/accounts?after=000001", "/scim/tdx/Users",
		"/scim/tdx/Users?filter=" + url.QueryEscape(`active eq true`), "/scim/tdx/Users?filter=" + url.QueryEscape(`userName eq "a"`), "/scim/tdx/Groups/5",
	} {
		for commits, want := range map[int]int{0: http.StatusOK, 1: http.StatusOK, 2: http.StatusConflict} {
			h := open(t, 20)
			h.room = web.NewRoom(&restless{h.shelf, commits})
			if got := h.get(t, target); got.status != want {
				t.Errorf("%s with %d commits meanwhile: got %d %s, want %d", target, commits, got.status, got.text, want)
			}
		}
	}
	h := open(t, 20)
	h.room = web.NewRoom(&restless{h.shelf, 1})
	if got := h.get(t, "/aggregations/tdx/people/accounts?revision=4"); got.status != http.StatusConflict {
		t.Errorf("one commit, and a client who wants the old revision: got %d, want 409", got.status)
	}
}

// TestCommitBetweenPages: who follows links sees each account that stays, once, although others come and go.
func TestCommitBetweenPages(t *testing.T) {
	t.Parallel()
	h := open(t, 100)
	seen := map[any]int{}
	for target := "/aggregations/tdx/people/accounts?limit=10"; target != ""; {
		page := h.get(t, target)
		for _, a := range page.body["accounts"].([]any) {
			seen[at(a, "id")]++
		}
		h.revision++
		h.of["people"] = h.of["people"][1:] // the first goes
		next, _ := page.body["next"].(string)
		target = strings.TrimPrefix(next, "http://sluice.example")
	}
	for n := 20; n < 100; n++ {
		if id := fmt.Sprintf("%06d", n); seen[id] != 1 {
			t.Errorf("account %s, which stayed until it was read: got it %d times, want once", id, seen[id])
		}
	}
}

// TestCommitForgetsFilters: what a filter lets through is found out again for each revision.
func TestCommitForgetsFilters(t *testing.T) {
	t.Parallel()
	h := open(t, 1000)
	filters := map[string]float64{`userName eq "user7@acme.example"`: 1, `active eq true`: 666, `displayName sw "person 99"`: 11}
	var group sync.WaitGroup
	for range 4 {
		for filter, want := range filters {
			group.Go(func() {
				if got := h.get(t, "/scim/tdx/Users?filter="+url.QueryEscape(filter)); got.body["totalResults"] != want {
					t.Errorf("%s: got %v, want %v", filter, got.body["totalResults"], want)
				}
			})
		}
	}
	group.Wait()
	read := h.pages.Load()
	h.get(t, "/scim/tdx/Users?count=0&filter="+url.QueryEscape(`active eq true`))
	if again := h.pages.Load() - read; again != 0 {
		t.Errorf("pages read for a filter that is known: got %d, want none", again)
	}
	h.revision++
	h.of["people"] = h.of["people"][:10]
	for filter, want := range map[string]float64{`userName eq "user7@acme.example"`: 1, `active eq true`: 6, `displayName sw "person 99"`: 0, `userName eq "user700@acme.example"`: 0} {
		if got := h.get(t, "/scim/tdx/Users?filter="+url.QueryEscape(filter)); got.body["totalResults"] != want {
			t.Errorf("%s after a commit: got %v, want %v", filter, got.body["totalResults"], want)
		}
	}
}
