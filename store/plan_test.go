package store_test

import (
	"slices"
	"strings"
	"testing"

	"sluice/store"
	"sluice/store/storetest"
	"sluice/triggers"
)

// times is args so many times over.
func times(n int, args ...any) (all []any) {
	for range n {
		all = append(all, args...)
	}
	return all
}

// What runs often finds its rows by the index that holds few others, on both databases.
func TestPlans(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, fresh func() store.Options) {
		db := storetest.Open(t, fresh())
		subscribe(t, db, triggers.Subscription{ID: "s"})
		if err := db.Emit(t.Context(), some(3_000)...); err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string]struct {
			args    []any
			indexes []string
		}{
			"due":   {nil, []string{"invocations_test"}},
			"tally": {nil, []string{"invocations_asking", "invocations_dead", "invocations_stuck"}},
			"stuck": {[]any{"s"}, []string{"invocations_stuck"}},
			"over":  {[]any{"done", int64(5), int64(5)}, []string{"invocations_over"}},
			"gone":  {nil, []string{"invocations_"}},
			"asked": {nil, []string{"invocations_asking"}},

			"bury waiting": {[]any{"s", int64(5)}, []string{"invocations_"}},
			"bury asked":   {[]any{"s", int64(5)}, []string{"invocations_asking"}},
			"overdue":      {[]any{int64(5), int64(5)}, []string{"invocations_ask"}},

			"first stuck": {[]any{"s", "a", int64(5)}, []string{"invocations_s"}},
			"next":        {[]any{"s", int64(5)}, []string{"invocations_waiting"}},
			"next failed": {[]any{"s", int64(5)}, []string{"invocations_waiting"}},
			"again":       {times(8, int64(5), int64(5), "", int64(1)), []string{"invocations_pkey|autoindex_invocations_1 (seq=?)"}},
			"parked":      {times(8, "s", "a", int64(5), int64(5)), []string{"COALESCE(\"*VALUES*\".column2, ''::text))::text) AND (seq > |subject=? AND seq>?"}},
			"crowd":       {append(times(8, "s", "a", int64(5), int64(5)), int64(5)), []string{"COALESCE(\"*VALUES*\".column2, ''::text))::text) AND (seq > |subject=? AND seq>?"}},
			"park more":   {[]any{"s", "a", int64(5), int64(5), int64(5)}, []string{"invocations_subject"}},
			"free":        {[]any{int64(0), "s", "a", int64(0), "s", "a", int64(5)}, []string{"invocations_subject"}},
			"free more":   {[]any{"s", "a", int64(0), int64(5), "s", "a", int64(5), int64(5), int64(5)}, []string{"invocations_subject"}},
			"behind":      {[]any{"s", int64(0), int64(5)}, []string{"invocations_waiting"}},
			"next test":   {[]any{"s", int64(5)}, []string{"invocations_test|USING INDEX invocations_waiting"}},

			"events in use": {[]any{int64(5), int64(5)}, []string{"invocations_event"}},
			"of an event":   {[]any{int64(5), int64(5)}, []string{"invocations_event"}},
		} {
			plan, err := db.Explain(t.Context(), store.Queries[name], want.args...)
			if err != nil {
				t.Fatal(err)
			}
			for _, index := range want.indexes { // by PostgreSQL's words, or by SQLite's
				if !slices.ContainsFunc(strings.Split(index, "|"), func(index string) bool { return strings.Contains(plan, index) }) {
					t.Errorf("%s: got no use of %s in\n%s", name, index, plan)
				}
			}
		}
	})
}
