package aggregation_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluice/aggregation"
)

// record makes a record of an account; id alone is one whose detail was not read.
func record(t *testing.T, a aggregation.Account) aggregation.Record {
	t.Helper()
	b, err := aggregation.Encode(a)
	if err != nil {
		t.Fatal(err)
	}
	return aggregation.Record{ID: a.ID, Account: b}
}

func collect(changes iter.Seq2[aggregation.Change, error]) (out []aggregation.Change, err error) {
	for c, err := range changes {
		if err != nil {
			return out, err
		}
		out = append(out, c)
	}
	return out, nil
}

func TestDiff(t *testing.T) {
	t.Parallel()
	ann := aggregation.Account{ID: "a", Name: "Ann", Active: true, Attributes: map[string]any{"mail": "x", "n": json.Number("1"), "gone": "y"}, Entitlements: map[string][]string{"groups": {"1"}}}
	other := aggregation.Account{ID: "a", Name: "Anne", Attributes: map[string]any{"mail": "x", "n": json.Number("2"), "new": true}, Entitlements: map[string][]string{"groups": {"1", "2"}, "roles": {"r"}}}
	bob := aggregation.Account{ID: "b", Name: "Bob"}
	cleo := aggregation.Account{ID: "c", Name: "Cleo"}
	before := []aggregation.Record{record(t, ann), record(t, bob)}
	after := []aggregation.Record{record(t, other), {ID: "aa"}, record(t, cleo)}
	changed := aggregation.Change{Kind: aggregation.Changed, ID: "a", Before: before[0].Account, After: after[0].Account, Attributes: []aggregation.Attribute{
		{Name: "active", Old: raw("true"), New: raw("false")},
		{Name: "gone", Old: raw(`"y"`), New: raw("null")},
		{Name: "groups", Old: raw(`["1"]`), New: raw(`["1","2"]`)},
		{Name: "n", Old: raw("1"), New: raw("2")},
		{Name: "name", Old: raw(`"Ann"`), New: raw(`"Anne"`)},
		{Name: "new", Old: raw("null"), New: raw("true")},
		{Name: "roles", Old: raw("null"), New: raw(`["r"]`)},
	}}
	created := aggregation.Change{Kind: aggregation.Created, ID: "c", After: after[2].Account}
	deleted := aggregation.Change{Kind: aggregation.Deleted, ID: "b", Before: before[1].Account}
	for whole, want := range map[bool][]aggregation.Change{true: {changed, deleted, created}, false: {changed, created}} {
		got, err := collect(aggregation.Diff(sequence(before), sequence(after), whole))
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("whole %v: %v, -want +got:\n%s", whole, err, diff)
		}
	}
	seen := []aggregation.Record{{ID: "a"}, {ID: "b"}}
	if got, err := collect(aggregation.Diff(sequence(before), sequence(seen), true)); err != nil || len(got) != 0 {
		t.Errorf("rows seen and not read: got %v, %v, want no change", got, err)
	}
	for c, err := range aggregation.Diff(sequence(before), sequence(after), true) {
		if err != nil || c.ID != "a" {
			t.Errorf("the first: got %+v, %v, want a", c, err)
		}
		break // leaves no goroutine behind
	}
}

func raw(s string) json.RawMessage { return json.RawMessage(s) }

func TestDiffRefuses(t *testing.T) {
	t.Parallel()
	ok := []aggregation.Record{{ID: "a"}, {ID: "b"}}
	broken := func(yield func(aggregation.Record, error) bool) {
		_ = yield(aggregation.Record{ID: "a"}, nil) && yield(aggregation.Record{}, errors.New("disk full"))
	}
	bad := func(account string) []aggregation.Record {
		return []aggregation.Record{{ID: "a", Account: raw(account)}}
	}
	for name, tt := range map[string]struct {
		before, after iter.Seq2[aggregation.Record, error]
		want          string
	}{
		"order":    {sequence(ok), sequence([]aggregation.Record{{ID: "b"}, {ID: "a"}}), "run: account a comes after b"},
		"doubled":  {sequence([]aggregation.Record{{ID: "b"}, {ID: "b"}}), sequence(ok), "snapshot: account b comes twice"},
		"empty id": {sequence([]aggregation.Record{{ID: ""}, {ID: ""}}), sequence(ok), "snapshot: account  comes twice"},
		"broken":   {sequence(ok), broken, "run: disk full"},
		"bad old":  {sequence(bad("{")), sequence(bad(`{"id":"a"}`)), "account a: before: "},
		"bad new":  {sequence(bad(`{"id":"a"}`)), sequence(bad(`[7]`)), "account a: after: "},
	} {
		_, err := collect(aggregation.Diff(tt.before, tt.after, true))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", name, err, tt.want)
		}
	}
}

// Applying the changes from a to b to a gives b, whatever a and b are.
func TestDiffApplied(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		a, b := population(t, rng), population(t, rng)
		state := map[string]string{}
		for _, r := range a {
			if r.Account != nil {
				state[r.ID] = string(r.Account)
			}
		}
		want := map[string]string{}
		for _, r := range b {
			if want[r.ID] = string(r.Account); r.Account == nil {
				if want[r.ID] = state[r.ID]; state[r.ID] == "" {
					delete(want, r.ID)
				}
			}
		}
		last := ""
		for c, err := range aggregation.Diff(sequence(a), sequence(b), true) {
			if err != nil {
				t.Fatal(err)
			}
			if c.ID <= last || string(c.Before) != state[c.ID] || (c.Kind == aggregation.Changed) != (len(c.Attributes) > 0) {
				t.Fatalf("change %+v after %s: want it in order and true to what was (%s)", c, last, state[c.ID])
			}
			if last = c.ID; c.Kind == aggregation.Deleted {
				delete(state, c.ID)
			} else {
				state[c.ID] = string(c.After)
			}
		}
		if !maps.Equal(state, want) {
			t.Fatalf("applied: got %v, want %v", state, want)
		}
	}
}

// population draws some records; every fourth was seen and not read, if there was one before to be seen.
func population(t *testing.T, rng *rand.Rand) []aggregation.Record {
	var out []aggregation.Record
	for i := range 12 {
		id := fmt.Sprintf("p%02d", i)
		switch rng.IntN(4) {
		case 0:
		case 1:
			if len(out)%2 == 1 {
				out = append(out, aggregation.Record{ID: id})
				continue
			}
			fallthrough
		default:
			out = append(out, record(t, aggregation.Account{
				ID: id, Name: fmt.Sprint(rng.IntN(2)), Active: rng.IntN(2) == 0,
				Attributes:   map[string]any{"x": rng.IntN(3)},
				Entitlements: map[string][]string{"g": slices.Repeat([]string{"1"}, rng.IntN(2))},
			}))
		}
	}
	return out
}

func TestGuard(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		guard  aggregation.Guard
		counts aggregation.Counts
		want   string
	}{
		"nothing":       {aggregation.Guard{}, aggregation.Counts{Before: 1000}, ""},
		"gone":          {aggregation.Guard{}, aggregation.Counts{Before: 55_000, Removed: 27_500}, "27,500 of 55,000 accounts are gone at once (50.0 %; more than 5 % and at least 20 are held)"},
		"changed":       {aggregation.Guard{Percent: 10, Minimum: 5}, aggregation.Counts{Before: 100, Changed: 11}, "11 of 100 accounts are changed at once (11.0 %; more than 10 % and at least 5 are held)"},
		"the limit":     {aggregation.Guard{}, aggregation.Counts{Before: 1000, Removed: 50, Changed: 50}, ""},
		"too few":       {aggregation.Guard{}, aggregation.Counts{Before: 30, Removed: 19}, ""},
		"just enough":   {aggregation.Guard{}, aggregation.Counts{Before: 30, Removed: 20}, "20 of 30 accounts are gone at once (66.7 %; more than 5 % and at least 20 are held)"},
		"first run":     {aggregation.Guard{}, aggregation.Counts{Before: 0, Added: 55_000, Changed: 30}, ""},
		"added":         {aggregation.Guard{}, aggregation.Counts{Before: 100, Added: 5000}, ""},
		"switched off":  {aggregation.Guard{Percent: 100}, aggregation.Counts{Before: 100, Removed: 100}, ""},
		"everyone left": {aggregation.Guard{}, aggregation.Counts{Before: 20, Removed: 20}, "20 of 20 accounts are gone at once (100.0 %; more than 5 % and at least 20 are held)"},
	} {
		if got := tt.guard.Check(tt.counts); got != tt.want {
			t.Errorf("%s: got %q, want %q", name, got, tt.want)
		}
	}
	var c aggregation.Counts
	for _, kind := range []aggregation.ChangeKind{aggregation.Created, aggregation.Changed, aggregation.Changed, aggregation.Deleted} {
		c.Add(aggregation.Change{Kind: kind})
	}
	if want := (aggregation.Counts{Added: 1, Changed: 2, Removed: 1}); c != want {
		t.Errorf("counts: got %+v, want %+v", c, want)
	}
}

func TestGuardOfWhatCouldNotBeRead(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		guard  aggregation.Guard
		counts aggregation.Counts
		want   string
	}{
		"none":       {aggregation.Guard{}, aggregation.Counts{Scanned: 1000}, ""},
		"few":        {aggregation.Guard{}, aggregation.Counts{Scanned: 100, Failed: 19}, ""},
		"the limit":  {aggregation.Guard{}, aggregation.Counts{Scanned: 1000, Failed: 50}, ""},
		"many":       {aggregation.Guard{}, aggregation.Counts{Scanned: 1000, Failed: 51}, "51 of 1,000 accounts could not be read (5.1 %; more than 5 % and at least 20 are held)"},
		"all of few": {aggregation.Guard{}, aggregation.Counts{Scanned: 3, Failed: 3}, "3 of 3 accounts could not be read (100.0 %; more than 5 % and at least 20 are held)"},
		"holds none": {aggregation.Guard{Percent: 100}, aggregation.Counts{Scanned: 30, Failed: 30}, ""},
		"nobody":     {aggregation.Guard{}, aggregation.Counts{}, ""},
		"every one":  {aggregation.Guard{Minimum: 1}, aggregation.Counts{Scanned: 30, Failed: 1}, "1 of 30 accounts could not be read (3.3 %; more than 0 % and at least 1 are held)"},
	} {
		if got := tt.guard.Unread(tt.counts); got != tt.want {
			t.Errorf("%s: got %q, want %q", name, got, tt.want)
		}
	}
}
