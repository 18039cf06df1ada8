package aggregation_test

import (
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	"sluice/aggregation"
	"sluice/mocks/teamdynamix"
)

// Whatever the vendor's fault, a run either ends with an error, and is then not compared, or gives no deletion that is false, nor changes
// that the guard lets pass.
func TestNoFalseDeletion(t *testing.T) {
	t.Parallel()
	v := newTenant(t, teamdynamix.Options{Seed: 9, People: 80, Groups: 10})
	rng := rand.New(rand.NewPCG(9, 9))
	always := func(path string, make func() *http.Response) func(*http.Request) *http.Response {
		return func(r *http.Request) *http.Response {
			if !strings.Contains(r.URL.Path, path) {
				return nil
			}
			return make()
		}
	}
	empty := func() *http.Response { return answer(200, "[]") }
	half := func() *http.Response {
		resp := answer(200, "")
		resp.Body = io.NopCloser(io.MultiReader(strings.NewReader(`[{"UID":"x","IsActive":true},`), broken{}))
		return resp
	}
	before := map[string][]aggregation.Record{}
	for _, plan := range []string{"detail", "inverted"} {
		d := &draft{}
		if _, err := read(t.Context(), t, v.reader(plan), d, aggregation.ChangedOnly{}); err != nil {
			t.Fatal(err)
		}
		before[plan] = d.records()
	}
	for name, tt := range map[string]struct {
		fault func(*http.Request) *http.Response
		plans []string // that come to an end; the others must fail
		held  bool     // by the guard
	}{
		"no rights to people": {always("/people/userlist", empty), nil, false},
		"no rights to groups": {always("/groups/search", empty), []string{"detail"}, false},
		"no rights to roles":  {always("/members", empty), []string{"detail", "inverted"}, true},
		"half a list":         {always("/people/userlist", half), nil, false},
		"half a join":         {always("/people/search", half), []string{"detail"}, false},
		"a storm of 500": {func(*http.Request) *http.Response {
			if rng.IntN(20) == 0 {
				return answer(500, "")
			}
			return nil
		}, []string{"detail"}, false}, // one call for an account is made again, one for a list is not
		"maintenance": {always("", func() *http.Response { return answer(200, "<html>back soon</html>") }), nil, false},
		"signed out":  {always("/people/", func() *http.Response { return answer(401, "") }), nil, false},
	} {
		for _, plan := range []string{"detail", "inverted"} {
			v.fault = tt.fault
			after := &draft{}
			tally, err := read(t.Context(), t, v.reader(plan), after, aggregation.ChangedOnly{})
			if ends := strings.Contains(strings.Join(tt.plans, " "), plan); ends != (err == nil) {
				t.Errorf("%s, plan %s: got %v, want an end %v", name, plan, err, ends)
			}
			if err != nil {
				continue
			}
			counts := aggregation.Counts{Before: 80, Scanned: tally.Rows}
			for c, err := range aggregation.Diff(sequence(before[plan]), sequence(after.records()), true) {
				if err != nil {
					t.Fatal(err)
				}
				counts.Add(c)
			}
			held := aggregation.Guard{Percent: 5, Minimum: 10}.Check(counts)
			if want := tt.held && plan == "inverted"; counts.Removed != 0 || (held != "") != want || !want && counts.Changed != 0 {
				t.Errorf("%s, plan %s: got %+v, held %q, want nobody removed and held %v", name, plan, counts, held, want)
			}
		}
	}
}

// broken is a connection that breaks.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
