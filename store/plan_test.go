package store_test

import (
	"strings"
	"testing"

	"sluice/store"
	"sluice/store/storetest"
	"sluice/triggers"
)

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
			"again":       {[]any{int64(5), int64(5), "", int64(6), int64(5), ""}, []string{"invocations_"}},
			"parked":      {[]any{"a", int64(5), int64(5), "b", int64(6), int64(5), "s"}, []string{"invocations_subject"}},

			"events in use": {[]any{int64(5), int64(5)}, []string{"invocations_event"}},
			"of an event":   {[]any{int64(5), int64(5)}, []string{"invocations_event"}},
		} {
			plan, err := db.Explain(t.Context(), store.Queries[name], want.args...)
			if err != nil {
				t.Fatal(err)
			}
			for _, index := range want.indexes {
				if !strings.Contains(plan, index) {
					t.Errorf("%s: got no use of %s in\n%s", name, index, plan)
				}
			}
		}
	})
}
