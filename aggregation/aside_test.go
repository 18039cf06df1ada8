package aggregation_test

import (
	"context"
	"errors"
	"iter"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"

	"sluice/aggregation"
	"sluice/mocks/teamdynamix"
)

// listed is a draft whose accounts are all pending, and who they are.
func (v *tenant) listed(t *testing.T, r *aggregation.Reader) (*draft, []string) {
	t.Helper()
	d := &draft{}
	if err := r.List(t.Context(), d, aggregation.Checkpoint{}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Settle(t.Context(), d, aggregation.ChangedOnly{}, d); err != nil {
		t.Fatal(err)
	}
	v.calls = nil
	return d, slices.Sorted(maps.Keys(d.settled))
}

// to answers in the vendor's stead for some accounts.
func (v *tenant) to(people []string, make func() *http.Response) {
	v.fault = func(r *http.Request) *http.Response {
		if slices.Contains(people, r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]) {
			return make()
		}
		return nil
	}
}

// An account for which the vendor always errs has failed by itself, wherever it stands, and the others are read.
func TestOneAccountThatIsPoison(t *testing.T) {
	t.Parallel()
	v := newTenant(t, teamdynamix.Options{People: 40})
	for name, poison := range map[string]func() *http.Response{
		"500":  func() *http.Response { return answer(500, `{"Message":"planted"}`) },
		"401":  func() *http.Response { return answer(401, "") },
		"403":  func() *http.Response { return answer(403, "") },
		"torn": func() *http.Response { return answer(200, `{"UID":`) },
	} {
		for where, at := range map[string][]int{
			"first": {0}, "middle": {17}, "last": {39}, "three in a row": {5, 6, 7}, "many in a row": {10, 11, 12, 13, 14, 15, 16, 17, 18}, "the last four": {36, 37, 38, 39},
			"apart": {0, 2, 4, 6, 8, 39},
		} {
			v.fault = nil
			r := v.reader("detail")
			d, people := v.listed(t, r)
			var bad []string
			for _, i := range at {
				bad = append(bad, people[i])
			}
			v.to(bad, poison)
			err := r.Detail(t.Context(), d.pending(), d)
			if got := slices.Sorted(maps.Keys(d.failed)); err != nil || !slices.Equal(got, bad) {
				t.Errorf("%s, %s: got %v and failures of %q, want those of %q", name, where, err, got, bad)
			}
			if left, most := len(slices.Collect(ids(d))), 40+4*len(bad)+3; left != 0 || len(v.calls) > most {
				t.Errorf("%s, %s: got %d pending after %d calls, want none after at most %d", name, where, left, len(v.calls), most)
			}
		}
	}
}

// Where nothing but a poison account is left, an account that is known tells whether it is the vendor.
func TestThePoisonAccountAlone(t *testing.T) {
	t.Parallel()
	v := newTenant(t, teamdynamix.Options{People: 20})
	r := v.reader("detail")
	d, people := v.listed(t, r)
	only := func() iter.Seq2[aggregation.Pending, error] {
		return func(yield func(aggregation.Pending, error) bool) {
			for p, err := range d.pending() {
				if p.ID == people[7] {
					yield(p, err)
				}
			}
		}
	}
	known := func(ids ...string) func(context.Context) iter.Seq2[string, error] {
		return func(context.Context) iter.Seq2[string, error] {
			return func(yield func(string, error) bool) {
				for _, id := range ids {
					if !yield(id, nil) {
						return
					}
				}
			}
		}
	}
	bad := func() *http.Response { return answer(500, "") }
	for _, tt := range []struct {
		name   string
		known  []string
		poison []string
		calls  int
		fails  bool
	}{
		{"nobody is known", nil, people[7:8], 1, false},
		{"only itself is known", people[7:8], people[7:8], 1, false},
		{"the vendor errs for all", people[:7], people, 3, false},
		{"one is known", people[7:9], people[7:8], 5, true},
	} {
		r.Known, v.calls = known(tt.known...), nil
		v.to(tt.poison, bad)
		err := r.Detail(t.Context(), only(), d)
		if (err == nil) != tt.fails || len(d.failed) != one(tt.fails) || len(v.calls) != tt.calls || err != nil && !aggregation.Retryable(err) {
			t.Errorf("%s: got %v with %d failures after %d calls, want one: %v, after %d", tt.name, err, len(d.failed), len(v.calls), tt.fails, tt.calls)
		}
	}
}

// A vendor that errs for every second call, whoever is asked for, makes nearly nobody fail: errors that pass by themselves are the moment's.
func TestAStormFailsNobody(t *testing.T) {
	t.Parallel()
	v := newTenant(t, teamdynamix.Options{People: 400})
	r := v.reader("detail")
	d, _ := v.listed(t, r)
	rng := rand.New(rand.NewPCG(3, 3))
	v.fault = func(*http.Request) *http.Response {
		if rng.IntN(2) == 0 {
			return answer(500, "")
		}
		return nil
	}
	for tries := 0; ; tries++ {
		err := r.Detail(t.Context(), d.pending(), d)
		if err == nil {
			break
		}
		if !aggregation.Retryable(err) || tries == 400 {
			t.Fatalf("got %v after %d tries, want an end", err, tries)
		}
	}
	if len(d.failed) > 8 {
		t.Errorf("got %d of 400 accounts failed, want at most 8", len(d.failed))
	}
}

// A kill repeats no call for an account that was kept.
func TestPoisonAndKills(t *testing.T) {
	t.Parallel()
	v := newTenant(t, teamdynamix.Options{People: 30})
	r := v.reader("detail")
	d, people := v.listed(t, r)
	v.to(people[3:4], func() *http.Response { return answer(500, "") })
	kills := 0
	d.kept = func() error {
		if len(d.failed) > 0 || kills > 0 {
			return nil
		}
		kills++
		return errKilled
	}
	for range 2 {
		if err := r.Detail(t.Context(), d.pending(), d); err != nil && !errors.Is(err, errKilled) {
			t.Fatal(err)
		}
	}
	times := map[string]int{}
	for _, call := range v.calls {
		times[call]++
	}
	for call, n := range times {
		if poison := strings.HasSuffix(call, people[3]); n > 1 && !poison || n > 4 {
			t.Errorf("%s: got %d calls, want one, and at most four for the account that is poison", call, n)
		}
	}
}
