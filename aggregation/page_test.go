package aggregation_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"sluice/aggregation"
	"sluice/connectors"
	"sluice/transforms"
)

type tripFunc func(*http.Request) (*http.Response, error)

func (f tripFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// base is where the vendors of these tests live.
var base, _ = url.Parse("https://vendor.example/api/v1")

// pager calls a vendor that is a function.
func pager(f func(r *http.Request) *http.Response) aggregation.Pager {
	return aggregation.Pager{
		Client: &http.Client{Transport: tripFunc(func(r *http.Request) (*http.Response, error) { return f(r), nil })}, Base: base, Batch: 2,
	}
}

// seven answers pages of at most three of seven rows, by offset.
func seven(offset int) []int {
	var out []int
	for i := offset; i < min(7, offset+3); i++ {
		out = append(out, i)
	}
	return out
}

func rowsOf(rows []int) string {
	b, _ := json.Marshal(append([]int{}, rows...))
	return string(b)
}

// styles are all ways of paging, each with the vendor that pages so.
func styles() map[string]struct {
	list   connectors.Listing
	vendor func(*http.Request) *http.Response
	calls  int
} {
	get := connectors.Request{Method: "GET", Path: "/users"}
	at := func(r *http.Request, name string) int {
		n, _ := strconv.Atoi(r.URL.Query().Get(name))
		return n
	}
	offset := func(r *http.Request) *http.Response { return answer(200, rowsOf(seven(at(r, "offset")))) }
	return map[string]struct {
		list   connectors.Listing
		vendor func(*http.Request) *http.Response
		calls  int
	}{
		"none": {
			connectors.Listing{Request: get, Items: q("."), Paging: connectors.Paging{Style: "none"}},
			func(*http.Request) *http.Response { return answer(200, "[0,1,2,3,4,5,6]") }, 1,
		},
		"offset": {connectors.Listing{Request: get, Items: q("."), Paging: connectors.Paging{Style: "offset", Param: "offset", Size: 3, SizeBy: "limit"}}, offset, 4},
		"offset to an empty page": {
			connectors.Listing{Request: get, Items: q("."), Paging: connectors.Paging{Style: "offset", Param: "offset"}}, offset, 4,
		},
		"offset with a total": {
			connectors.Listing{Request: get, Items: q(".items"), Paging: connectors.Paging{Style: "offset", Param: "offset", Size: 500, Total: q(".total")}},
			func(r *http.Request) *http.Response { // it gives fewer rows than are asked for, and is not believed to end
				return answer(200, `{"total":7,"items":`+rowsOf(seven(at(r, "offset")))+`}`)
			}, 3,
		},
		"page": {
			connectors.Listing{Request: get, Items: q("."), Paging: connectors.Paging{Style: "page", Param: "page", First: 1, Size: 3}},
			func(r *http.Request) *http.Response { return answer(200, rowsOf(seven(3*(at(r, "page")-1)))) }, 4,
		},
		"page in the body": {
			connectors.Listing{
				Request: connectors.Request{Method: "POST", Path: "/users", Body: rq("{from: $page.offset, size: $page.limit}")},
				Items:   q("."), Paging: connectors.Paging{Style: "offset", Size: 3},
			},
			func(r *http.Request) *http.Response {
				var body struct{ From, Size int }
				_ = json.NewDecoder(r.Body).Decode(&body)
				return answer(200, rowsOf(seven(body.From)))
			}, 4,
		},
		"offset of a vendor that gives fewer by now": {
			connectors.Listing{Request: get, Items: q("."), Paging: connectors.Paging{Style: "offset", Param: "offset", Size: 500}}, offset, 4,
		},
		"page of a vendor that gives fewer by now": {
			connectors.Listing{Request: get, Items: q("."), Paging: connectors.Paging{Style: "page", Param: "page", Size: 5}},
			func(r *http.Request) *http.Response { return answer(200, rowsOf(seven(3*at(r, "page")))) }, 4,
		},
		"page of a vendor that knows none behind the last": {
			connectors.Listing{Request: get, Items: q("."), Paging: connectors.Paging{Style: "page", Param: "page", Size: 3}},
			func(r *http.Request) *http.Response {
				if at(r, "page") > 2 {
					return answer(404, "")
				}
				return answer(200, rowsOf(seven(3*at(r, "page"))))
			}, 4,
		},
		"page of a vendor that repeats the last one": {
			connectors.Listing{Request: get, Items: q("."), Paging: connectors.Paging{Style: "page", Param: "page", Size: 4}},
			func(r *http.Request) *http.Response {
				return answer(200, rowsOf([][]int{{0, 1, 2, 3}, {4, 5, 6}}[min(1, at(r, "page"))]))
			}, 3,
		},
		"cursor": {
			connectors.Listing{Request: get, Items: q(".items"), Paging: connectors.Paging{Style: "cursor", Param: "after", Next: q(".next")}},
			func(r *http.Request) *http.Response {
				n, next := at(r, "after"), `null`
				if n < 6 {
					next = strconv.Itoa(n + 3)
				}
				return answer(200, `{"next":`+next+`,"items":`+rowsOf(seven(n))+`}`)
			}, 3,
		},
		"link": {
			connectors.Listing{Request: get, Items: q("."), Paging: connectors.Paging{Style: "link", Size: 3, SizeBy: "limit"}},
			func(r *http.Request) *http.Response {
				n := at(r, "after")
				if n >= 6 {
					return answer(200, rowsOf(seven(n)))
				}
				return answer(200, rowsOf(seven(n)), "Link", `<https://vendor.example/api/v1/users>; rel="self"`,
					"Link", fmt.Sprintf(`<https://vendor.example/api/v1/users?limit=3&after=%d>; rel="next"`, n+3))
			}, 3,
		},
		"url": {
			connectors.Listing{Request: get, Items: q(".value"), Paging: connectors.Paging{Style: "url", Next: q(`.["@odata.nextLink"]`)}},
			func(r *http.Request) *http.Response {
				n := at(r, "$skiptoken")
				if n >= 6 {
					return answer(200, `{"value":`+rowsOf(seven(n))+`}`)
				}
				return answer(200, fmt.Sprintf(`{"value":%s,"@odata.nextLink":"?%%24skiptoken=%d"}`, rowsOf(seven(n)), n+3))
			}, 3,
		},
	}
}

func TestPages(t *testing.T) {
	t.Parallel()
	for name, style := range styles() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var urls []string
			p := pager(func(r *http.Request) *http.Response {
				urls = append(urls, r.URL.String())
				if !strings.HasPrefix(r.URL.Path, "/users") {
					t.Errorf("path: got %s, want it relative to the base", r.URL.Path)
				}
				return style.vendor(r)
			})
			var got []string
			var stops []aggregation.Position
			err := p.Pages(t.Context(), &style.list, aggregation.Variables{}, aggregation.Position{}, func(page aggregation.Page) error {
				if page.First != len(got) && (page.First > len(got) || len(page.Rows) > 0) { // what was handed over from there on may be dropped
					t.Errorf("first: got %d, want %d", page.First, len(got))
				}
				got = got[:page.First]
				for _, row := range page.Rows {
					got = append(got, fmt.Sprint(row))
				}
				stops = append(stops, through(t, page.At))
				return nil
			})
			want := []string{"0", "1", "2", "3", "4", "5", "6"}
			if err != nil || !slices.Equal(got, want) || len(urls) != style.calls || !stops[len(stops)-1].Done {
				t.Fatalf("rows: got %v, %v by %d calls %v, want %v by %d", got, err, len(urls), urls, want, style.calls)
			}
			// From each stop on, what remains comes once.
			for _, from := range stops {
				rest := slices.Clone(want[:from.Rows])
				err := p.Pages(t.Context(), &style.list, aggregation.Variables{}, from, func(page aggregation.Page) error {
					rest = rest[:page.First]
					for _, row := range page.Rows {
						rest = append(rest, fmt.Sprint(row))
					}
					return nil
				})
				if err != nil || !slices.Equal(rest, want) {
					t.Errorf("from %+v: got %v, %v, want %v", from, rest, err, want)
				}
			}
		})
	}
}

// through sends a position through JSON, as a checkpoint does.
func through(t *testing.T, at aggregation.Position) (out aggregation.Position) {
	b, err := json.Marshal(at)
	if err == nil {
		err = json.Unmarshal(b, &out)
	}
	if err != nil || out != at {
		t.Errorf("position: got %+v, %v, want %+v", out, err, at)
	}
	return out
}

func TestPagesRefuse(t *testing.T) {
	t.Parallel()
	get := connectors.Request{Method: "GET", Path: "/users"}
	list := func(items string, p connectors.Paging) connectors.Listing {
		return connectors.Listing{Request: get, Items: q(items), Paging: p}
	}
	plain := list(".", none)
	link := list(".", connectors.Paging{Style: "link"})
	cursor := list(".items", connectors.Paging{Style: "cursor", Param: "c", Next: q(".next")})
	always := func(status int, body string, header ...string) func(*http.Request) *http.Response {
		return func(*http.Request) *http.Response { return answer(status, body, header...) }
	}
	n := 0
	for name, tt := range map[string]struct {
		list   connectors.Listing
		vendor func(*http.Request) *http.Response
		want   string
		is     error
		again  bool
	}{
		"empty":           {plain, always(200, "[]"), "GET /users: page 1: an empty list: the credential may lack rights", aggregation.ErrEmpty, false},
		"total":           {list(".items", connectors.Paging{Style: "none", Total: q(".total")}), always(200, `{"total":3,"items":[1,2]}`), "the list is not whole: 2 rows, and the vendor says there are 3", aggregation.ErrNotWhole, true},
		"total of a text": {list(".items", connectors.Paging{Style: "none", Total: q(".total")}), always(200, `{"total":"planted","items":[1,2]}`), "paging.total: .total gives no whole number", nil, false},
		"status":          {plain, always(503, "planted"), "GET /users: page 1: status 503 Service Unavailable", nil, true},
		"forbidden":       {plain, always(403, "planted"), "status 403 Forbidden", nil, false},
		"too many":        {plain, always(429, "planted"), "status 429", nil, true},
		"redirect":        {plain, always(302, "planted", "Location", "https://elsewhere.example/"), "status 302 Found; redirects are not followed", nil, false},
		"no JSON":         {plain, always(200, "<planted>"), "not the JSON that was expected: at byte 1", nil, false},
		"no array":        {plain, always(200, `{"planted":1}`), "not an array", nil, false},
		"cut":             {plain, always(200, `[1,2`), "the answer ends in its middle", nil, true},
		"cut in a row":    {plain, always(200, `[1,{"planted":`), "the answer ends in its middle", nil, true},
		"more":            {plain, always(200, `[1] planted`), "more after the array", nil, false},
		"items":           {list(".items", none), always(200, `{"planted":1}`), "items: .items gives no array", nil, false},
		"items fail":      {list(".a.b", none), always(200, `{"a":"planted"}`), "items: ", nil, false},
		"two documents":   {list(".items", none), always(200, `{"items":[1]} {}`), "more than one JSON document", nil, false},
		"next repeats":    {link, always(200, "[1]", "Link", `<?a=1>; rel="next"`), "page 2: the list does not end: the page's rows are those of an earlier page", aggregation.ErrEndless, false},
		"cursor repeats": {cursor, func(*http.Request) *http.Response {
			n++
			return answer(200, fmt.Sprintf(`{"items":[%d],"next":"planted"}`, n))
		}, "page 2: the list does not end: the next page is one that was read before", aggregation.ErrEndless, false},
		"another host":     {link, always(200, "[1]", "Link", `<https://elsewhere.example/users?a=1>; rel="next"`), "the next page: at another host", nil, false},
		"outside the base": {link, always(200, "[1]", "Link", `</users?a=1>; rel="next"`), "the next page: outside of", nil, false},
		"a bad link":       {link, always(200, "[1]", "Link", `<planted`), "a Link header that cannot be read", nil, false},
		"a bad cursor":     {cursor, always(200, `{"items":[1],"next":{"planted":1}}`), "paging.next: .next gives neither", nil, false},
		"offset ignored":   {list(".", connectors.Paging{Style: "offset", Param: "o", Size: 2}), always(200, "[1,2]"), "page 2: the list does not end", aggregation.ErrEndless, false},
		"too many pages":   {list(".", connectors.Paging{Style: "offset", Param: "o"}), func(r *http.Request) *http.Response { return answer(200, "["+r.URL.Query().Get("o")+"]") }, "more than 9 pages", aggregation.ErrEndless, false},
		"too large":        {list(".items", none), always(200, `{"items":["`+strings.Repeat("planted", 40)+`"]}`), "the answer is too large", aggregation.ErrTooLarge, false},
		"a large stream":   {plain, always(200, "["+strings.Repeat("1,", 32*100)+"1]"), "the answer is too large", aggregation.ErrTooLarge, false},
	} {
		p := pager(tt.vendor)
		p.MaxPages, p.MaxBytes = 9, 100
		err := p.Pages(t.Context(), &tt.list, aggregation.Variables{}, aggregation.Position{}, func(p aggregation.Page) error {
			if p.At.Done {
				t.Errorf("%s: got a last page, want none", name)
			}
			return nil
		})
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "planted") || tt.is != nil && !errors.Is(err, tt.is) {
			t.Errorf("%s: got %v, want %q", name, err, tt.want)
		}
		if got := aggregation.Retryable(err); got != tt.again {
			t.Errorf("%s: retryable: got %v, want %v", name, got, tt.again)
		}
	}
}

// A circle of several pages is seen soon, whatever its length.
func TestPagesInACircle(t *testing.T) {
	t.Parallel()
	for _, length := range []int{1, 2, 3, 7, 50} {
		calls := 0
		p := pager(func(r *http.Request) *http.Response {
			calls++
			n, _ := strconv.Atoi(r.URL.Query().Get("c"))
			return answer(200, fmt.Sprintf(`{"items":[],"next":%d}`, n%length+1))
		})
		l := connectors.Listing{
			Request: connectors.Request{Method: "GET", Path: "/users"}, Items: q(".items"),
			Paging: connectors.Paging{Style: "cursor", Param: "c", Next: q(".next")},
		}
		err := p.Pages(t.Context(), &l, aggregation.Variables{}, aggregation.Position{}, func(aggregation.Page) error { return nil })
		if !errors.Is(err, aggregation.ErrEndless) || calls > 3*length+3 {
			t.Errorf("a circle of %d: got %v after %d calls, want ErrEndless within %d", length, err, calls, 3*length+3)
		}
	}
}

func TestPagesStopWithTheirKeeper(t *testing.T) {
	t.Parallel()
	full := errors.New("disk full")
	l := connectors.Listing{Request: connectors.Request{Method: "GET", Path: "/users"}, Items: q("."), Paging: none}
	p := pager(func(*http.Request) *http.Response { return answer(200, "[1,2,3,4,5]") })
	if err := p.Pages(t.Context(), &l, aggregation.Variables{}, aggregation.Position{}, func(aggregation.Page) error { return full }); !errors.Is(err, full) {
		t.Errorf("keep fails: got %v, want %v", err, full)
	}
	away := errors.New("connection refused")
	p.Client = &http.Client{Transport: tripFunc(func(*http.Request) (*http.Response, error) { return nil, away })}
	l.Request.Query = map[string]*transforms.Query{"q": rq(`"planted"`)}
	err := p.Pages(t.Context(), &l, aggregation.Variables{}, aggregation.Position{}, func(aggregation.Page) error { return nil })
	if !errors.Is(err, away) || strings.Contains(err.Error(), "planted") || !aggregation.Retryable(err) {
		t.Errorf("no way: got %v, want %v, retryable and without the URL", err, away)
	}
}
