package aggregation

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"testing"

	"sluice/connectors"
)

// spelled is a store that has one account before, and another in a run.
type spelled struct {
	Store
	before, staged string
}

func (spelled) Tally(context.Context, RunID) (staged, failed int, err error) { return 1, 0, nil }

func (s spelled) Before(context.Context, Scope) iter.Seq2[Record, error] { return one(s.before) }

func (s spelled) Staged(context.Context, RunID) iter.Seq2[Record, error] { return one(s.staged) }

func one(id string) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		yield(Record{ID: id, Account: json.RawMessage(`{"id":"` + id + `"}`)}, nil)
	}
}

// A run that was listed before fold_case, and is retried or resumed after another has respelled the snapshot, tells of nobody.
func TestRunOfAnotherSpellingIsRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		staged string
		fold   bool
		want   error
	}{{"A1", true, errSpelling}, {"a2", true, nil}, {"A1", false, nil}} {
		r := &Runner{Store: spelled{before: "a1", staged: c.staged}}
		s := subject{run: Run{RetryOf: 1}, resource: &connectors.Resource{FoldCase: c.fold}}
		if _, err := r.counts(t.Context(), s); !errors.Is(err, c.want) {
			t.Errorf("%s, folded %v: got %v, want %v", c.staged, c.fold, err, c.want)
		}
	}
	if Retryable(errSpelling) {
		t.Error("another spelling is worth another try, want the run to fail")
	}
}
