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

// busy is a database in which very many wait.
func busy(t *testing.T, o store.Options) *store.DB {
	t.Helper()
	db := storetest.Open(t, o)
	subscribe(t, db, triggers.Subscription{ID: "s"})
	if err := db.Emit(t.Context(), some(3_000)...); err != nil {
		t.Fatal(err)
	}
	return db
}

// What runs often finds its rows by the index that holds few others, on both databases.
func TestPlans(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, fresh func() store.Options) {
		db := busy(t, fresh())
		// Most of what is kept is over.
		if err := db.Exec(t.Context(), "UPDATE invocations SET state = 'done', completed = 1 WHERE seq % 10 > 0"); err != nil {
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
			"gone":  {nil, []string{"invocations_waiting|invocations_subject"}},
			"asked": {nil, []string{"invocations_asking"}},

			"bury waiting": {[]any{"s", int64(5)}, []string{"invocations_waiting|invocations_subject"}},
			"bury asked":   {[]any{"s", int64(5)}, []string{"invocations_asking"}},
			"overdue":      {[]any{int64(5), int64(5)}, []string{"invocations_ask"}},

			"first stuck": {[]any{"s", "a", int64(5)}, []string{"invocations_subject|invocations_stuck"}},
			"next":        {[]any{"s", int64(5)}, []string{"invocations_waiting"}},
			"next failed": {[]any{"s", int64(5)}, []string{"invocations_waiting"}},
			"again":       {times(8, int64(5), int64(5), "", int64(1)), []string{"invocations_pkey|autoindex_invocations_1 (seq=?)"}},
			"parked":      {times(8, "s", "a", int64(5), int64(5)), []string{"COALESCE(\"*VALUES*\".column2, ''::text))::text) AND (seq > |subject=? AND seq>?"}},
			"crowd":       {append(times(8, "s", "a", int64(5), int64(5)), int64(5)), []string{"COALESCE(\"*VALUES*\".column2, ''::text))::text) AND (seq > |subject=? AND seq>?"}},
			"park more":   {[]any{"s", "a", int64(5), int64(5), int64(5)}, []string{"invocations_subject"}},
			"free":        {[]any{int64(0), "s", "a", int64(0), "s", "a", int64(5)}, []string{"invocations_subject"}},
			"free more":   {[]any{"s", "a", int64(0), int64(5), "s", "a", int64(5), int64(5), int64(5)}, []string{"invocations_subject"}},
			"behind":      {[]any{"s", int64(0), int64(5)}, []string{"invocations_waiting"}},

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

// The tests of a paused subscription are found without a look at what waits for it, whatever the database knows of how much that is.
func TestPlanOfTests(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, fresh func() store.Options) {
		db := busy(t, fresh())
		for _, known := range []string{"nothing", "no test", "a test", "all tests"} {
			for _, prepare := range map[string][]string{
				"no test":   {"ANALYZE"},
				"a test":    {"UPDATE invocations SET test = 1 WHERE seq = (SELECT MIN(seq) FROM invocations)", "ANALYZE"},
				"all tests": {"UPDATE invocations SET test = 1", "ANALYZE", "UPDATE invocations SET test = 0 WHERE seq > (SELECT MIN(seq) FROM invocations)"},
			}[known] {
				if err := db.Exec(t.Context(), prepare); err != nil {
					t.Fatal(err)
				}
			}
			for name, args := range map[string][]any{"next test": {"s", int64(5)}, "failed test": {"s", int64(5)}, "other test": {"s", "a", "b", int64(5)}} {
				plan, err := db.Explain(t.Context(), store.Queries[name], args...)
				if err != nil || strings.Count(plan, "invocations_") != 1 || !strings.Contains(plan, "invocations_test") {
					t.Errorf("%s, where %s is known: got %v and no use of invocations_test alone in\n%s", name, known, err, plan)
				}
			}
		}
	})
}
