package aggregation_test

import (
	"context"
	"fmt"
	"io"
	"iter"
	"net/http"
	"strings"
	"testing"

	"sluice/aggregation"
	"sluice/connectors"
	"sluice/transforms"
)

// endless is a list of n people that is made while it is read.
type endless struct {
	n, made int
	rest    string
}

func (e *endless) Read(p []byte) (int, error) {
	if e.rest == "" {
		switch {
		case e.made > e.n:
			return 0, io.EOF
		case e.made == e.n:
			e.rest = "]"
		default:
			e.rest = fmt.Sprintf(`%c{"id":"%08d","name":%q}`, "[,"[min(1, e.made)], e.made, strings.Repeat("n", 300))
		}
		e.made++
	}
	n := copy(p, e.rest)
	e.rest = e.rest[n:]
	return n, nil
}

// sieve keeps nothing.
type sieve struct{ keep func(aggregation.Batch) }

func (s sieve) Keep(_ context.Context, b aggregation.Batch, _ aggregation.Checkpoint) error {
	s.keep(b)
	return nil
}

func (sieve) Rows(context.Context, int, int, string) iter.Seq2[aggregation.Row, error] {
	return func(func(aggregation.Row, error) bool) {}
}

// One answer with everybody is read row by row: never much more of it is in memory than one batch.
func TestAnswersAreReadRowByRow(t *testing.T) {
	t.Parallel()
	people, ahead, rows := &endless{n: 20_000}, 0, 0
	r := &aggregation.Reader{
		Pager: pager(func(*http.Request) *http.Response {
			resp := answer(200, "")
			resp.Body = io.NopCloser(people)
			return resp
		}),
		Resource: &connectors.Resource{Name: "users", Key: q(".id")},
		Plan:     &connectors.Plan{List: connectors.Listing{Request: connectors.Request{Method: "GET", Path: "/users"}, Items: q("."), Paging: none}},
	}
	r.Pager.Batch = 100
	err := r.List(t.Context(), sieve{func(b aggregation.Batch) {
		rows += len(b.Rows)
		ahead = max(ahead, people.made-rows)
	}}, aggregation.Checkpoint{})
	if err != nil || rows != 20_000 || ahead > 300 {
		t.Errorf("read: got %d rows, %d ahead of what was kept, %v, want 20,000 and at most 300", rows, ahead, err)
	}
}

// crowd is what a draft has of n people with eight memberships each, made while it is read.
type crowd struct {
	sieve
	n       int
	settled *int
}

func (c crowd) Rows(_ context.Context, own, _ int, _ string) iter.Seq2[aggregation.Row, error] {
	return func(yield func(aggregation.Row, error) bool) {
		for i := range c.n {
			id := fmt.Sprintf("%08d", i)
			if !yield(aggregation.Row{Step: own, ID: id, JSON: []byte(`{"id":"` + id + `","name":"Ann","mail":"ann@example.org","groups":[]}`)}, nil) {
				return
			}
			for k := range 8 {
				if !yield(aggregation.Row{Step: own + 1, ID: id, JSON: fmt.Appendf(nil, `{"groups":[%d]}`, k)}, nil) {
					return
				}
			}
		}
	}
}

func (c crowd) Settle(_ context.Context, batch []aggregation.Settled) error {
	*c.settled += len(batch)
	return nil
}

func BenchmarkSettle(b *testing.B) {
	b.ReportAllocs()
	r := &aggregation.Reader{
		Resource: &connectors.Resource{Name: "users", Key: q(".id"), Map: connectors.Mapping{
			Name: q(".name"), Attributes: q("{mail}"), Entitlements: map[string]*transforms.Query{"groups": q(".groups")},
		}},
		Plan: &connectors.Plan{List: connectors.Listing{Items: q("."), Paging: none}},
	}
	for b.Loop() {
		c := crowd{n: 50_000, settled: new(int)}
		if _, err := r.Settle(b.Context(), c, aggregation.ChangedOnly{}, c); err != nil || *c.settled != c.n {
			b.Fatalf("settled %d, %v, want %d", *c.settled, err, c.n)
		}
	}
}

func BenchmarkList(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		people := &endless{n: 50_000}
		r := &aggregation.Reader{
			Pager: pager(func(*http.Request) *http.Response {
				resp := answer(200, "")
				resp.Body = io.NopCloser(people)
				return resp
			}),
			Resource: &connectors.Resource{Name: "users", Key: q(".id")},
			Plan:     &connectors.Plan{List: connectors.Listing{Request: connectors.Request{Method: "GET", Path: "/users"}, Items: q("."), Paging: none}},
		}
		r.Pager.Batch = 500
		if err := r.List(b.Context(), sieve{func(aggregation.Batch) {}}, aggregation.Checkpoint{}); err != nil {
			b.Fatal(err)
		}
	}
}
