package main

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"sluice/aggregation"
	"sluice/mocks/teamdynamix"
	"sluice/store"
	"sluice/store/storetest"
	"sluice/triggers"
)

// mishap is what a vendor does wrong, and how a run by each plan must end. No event may tell of anything but the run itself: nobody has
// gone, come or changed.
type mishap struct {
	name             string
	wrong            wrong
	skew             time.Duration
	detail, inverted aggregation.State
}

// deletionPeople is how many people the vendor of these tests has: few, because they are read a hundred times.
const deletionPeople = 30

// Whatever the vendor does wrong, nobody is told to be deleted: by the real chain, Runner and database, as the outbox has it.
func TestAggregateDeletesNobodyFalsely(t *testing.T) {
	t.Parallel()
	onBothByPlans(t, func(b *aggregateBench, plan string) {
		w := &witnessed{aggregateBench: b, plan: plan}
		w.first()
		for _, m := range mishaps() {
			w.suffers(m)
		}
	})
}

// Whoever is listed under another spelling of their id is the same person: nobody is told to have come, gone or changed.
func TestAggregateOfIDsInAnotherCase(t *testing.T) {
	t.Parallel()
	onBothByPlans(t, func(b *aggregateBench, plan string) {
		w := &witnessed{aggregateBench: b, plan: plan}
		w.first()
		w.suffers(mishap{name: "another case of some ids", wrong: toList(otherCase(2)), detail: aggregation.Completed, inverted: aggregation.Completed})
		w.suffers(mishap{name: "another case in joins", wrong: to("/members", otherCase(deletionPeople)), detail: aggregation.Completed, inverted: aggregation.Completed})
	})
}

// onBothByPlans runs a test on both databases by both plans.
func onBothByPlans(t *testing.T, test func(b *aggregateBench, plan string)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, fresh func() store.Options) {
		for _, plan := range []string{"detail", "inverted"} {
			t.Run(plan, func(t *testing.T) {
				t.Parallel()
				test(newAggregateBench(t, fresh(), deletionPeople, "workers_per_node: 2, guard: {percent: 5, minimum: 3}"), plan)
			})
		}
	})
}

func mishaps() []mishap {
	const done, failed, held = aggregation.Completed, aggregation.Failed, aggregation.Held
	return []mishap{
		{name: "nothing", detail: done, inverted: done},
		{name: "a clock that is 5 s ahead", skew: 5 * time.Second, detail: done, inverted: done},
		{name: "a clock that is 5 s behind", skew: -5 * time.Second, detail: done, inverted: done},

		{name: "a mass deletion", wrong: massDeletion, detail: held, inverted: held},
		{name: "only one's own department", wrong: toList(only(3)), detail: held, inverted: held},
		{name: "a department that cannot be seen any more", wrong: toList(only(deletionPeople - 2)), detail: done, inverted: done},
		{name: "an empty list", wrong: toList(says(200, "[]")), detail: failed, inverted: failed},
		{name: "an empty list of groups", wrong: to("/groups/search", says(200, "[]")), detail: done, inverted: failed},
		{name: "groups that are empty", wrong: to("/members", says(200, "[]")), detail: done, inverted: held},
		{name: "groups that are not there", wrong: to("/members", says(404, "{}")), detail: done, inverted: held},

		{name: "a list that is cut", wrong: toList(cut(half)), detail: failed, inverted: failed},
		{name: "a list that is cut between rows", wrong: toList(cut(betweenRows)), detail: failed, inverted: failed},
		{name: "a list that ends too soon", wrong: toList(cut(tooShort)), detail: failed, inverted: failed},
		{name: "a list whose connection is reset", wrong: toList(cut(reset)), detail: failed, inverted: failed},
		{name: "a list that breaks off in chunks", wrong: toList(cut(inChunks)), detail: failed, inverted: failed},
		{name: "half a join", wrong: to("/people/search", cut(half)), detail: done, inverted: failed},
		{name: "half a person", wrong: toDetail(cut(tooShort)), detail: failed, inverted: failed},

		{name: "a storm of 500 in lists", wrong: toList(says(500, "{}")), detail: failed, inverted: failed},
		{name: "a storm of 500 in joins", wrong: to("/members", after(2, says(500, "{}"))), detail: done, inverted: failed},
		{name: "a storm of 500 in people", wrong: toDetail(after(8, says(500, "{}"))), detail: failed, inverted: failed},
		{name: "a storm of 404 in people", wrong: toDetail(after(5, says(404, "{}"))), detail: held, inverted: held},
		{name: "some people who are not found", wrong: toDetail(between(5, 15, says(404, "{}"))), detail: held, inverted: held},
		{name: "a sign-in that ends", wrong: toDetail(after(8, says(401, "{}"))), detail: failed, inverted: failed},
		{name: "rights that end in people", wrong: toDetail(after(8, says(403, "{}"))), detail: failed, inverted: failed},
		{name: "rights that end in joins", wrong: to("/members", after(1, says(403, "{}"))), detail: done, inverted: failed},
		{name: "maintenance", wrong: to("/api/", says(200, "<html>back soon</html>")), detail: failed, inverted: failed},
		{name: "maintenance in people", wrong: toDetail(after(8, says(200, "<html>back soon</html>"))), detail: held, inverted: held},

		{name: "another case of all ids", wrong: toList(otherCase(deletionPeople)), detail: done, inverted: done},
	}
}

// witnessed is a bench whose snapshot is known.
type witnessed struct {
	*aggregateBench
	plan   string
	node   *aggregateHouse
	before string
	last   int64 // event that was seen
}

// first makes the snapshot.
func (w *witnessed) first() {
	w.Helper()
	w.run(aggregation.Completed)
	w.before = fmt.Sprint(w.snapshot(w.node))
	_, w.last = w.events(w.node, w.last)
}

// run makes a run in a process of its own, whose breaker knows nothing of the faults before.
func (w *witnessed) run(want aggregation.State) aggregation.Run {
	w.Helper()
	if w.node != nil {
		w.node.close()
	}
	w.node = w.house(true)
	run, err := w.node.runner.Start(w.Context(), tdxPeople, w.plan)
	if err != nil {
		w.Fatal(err)
	}
	run = w.until(w.node, run.ID, "it has ended", func(r aggregation.Run, _ aggregation.Standing) bool { return r.Over() || r.State == aggregation.Held })
	if run.State != want {
		w.Errorf("got a run that is %s (%s) with %+v, want %s", run.State, run.Note, run.Counts, want)
	}
	if run.State == aggregation.Held {
		if err := w.node.runner.Cancel(w.Context(), run.ID); err != nil {
			w.Fatal(err)
		}
	}
	return run
}

// suffers makes a run under a mishap, and looks that nobody is told of.
func (w *witnessed) suffers(m mishap) {
	w.Helper()
	w.vendor.Set(func(o *teamdynamix.Options) { o.Skew = m.skew })
	w.setFault(nil)
	if m.wrong != nil {
		w.setFault(m.wrong(w.aggregateBench))
	}
	w.run(map[string]aggregation.State{"detail": m.detail, "inverted": m.inverted}[w.plan])
	events, last := w.events(w.node, w.last)
	w.last = last
	for kind, told := range events {
		if strings.HasPrefix(kind, "idn:identity-") || strings.HasPrefix(kind, "idn:account-") && kind != triggers.AccountAggregationCompleted {
			w.Errorf("got %d events %s, such as of %s: %s; want none", len(told), kind, told[0].Subject, told[0].Data)
		}
	}
	if got := fmt.Sprint(w.snapshot(w.node)); got != w.before {
		w.Error("the snapshot is another one, want it as it was")
	}
	if w.Failed() { // what comes now would tell of the same fault again
		w.Fatalf("that was by the mishap %q", m.name)
	}
}

// An account for which the vendor always errs fails by itself: the run completes, and a retry reads that one again.
func TestAggregateOfAPoisonAccount(t *testing.T) {
	t.Parallel()
	onBothByPlans(t, func(b *aggregateBench, plan string) {
		if plan != "detail" {
			return
		}
		w := &witnessed{aggregateBench: b, plan: plan}
		w.first()
		id := slices.Sorted(maps.Keys(w.snapshot(w.node)))[13]
		for _, status := range []int{500, 403} {
			b.setFault(to("/api/people/"+id, says(status, "{}"))(b))
			run := w.run(aggregation.Completed)
			if run.Counts.Failed != 1 || run.Counts.Unchanged != deletionPeople-1 {
				b.Errorf("%d: got %+v, want one failed and all others unchanged", status, run.Counts)
			}
			// It does so too where the vendor has it no more in its list.
			b.setFault(func(rw http.ResponseWriter, r *http.Request) bool {
				return to("/api/people/"+id, says(status, "{}"))(b)(rw, r) ||
					toList(relisted(func(rows []map[string]any) []map[string]any {
						return slices.DeleteFunc(rows, func(row map[string]any) bool { return row["UID"] == id })
					}))(b)(rw, r)
			})
			if run := w.run(aggregation.Completed); run.Counts.Removed != 0 || !strings.Contains(strings.Join(run.Warnings, " "), "no clear answer") {
				b.Errorf("%d, not listed: got %+v and warnings %q, want nobody removed and a warning", status, run.Counts, run.Warnings)
			}
		}
		b.setFault(to("/api/people/"+id, says(500, "{}"))(b))
		run := w.run(aggregation.Completed)
		b.setFault(nil)
		retry, err := w.node.db.RetryRun(b.Context(), run.ID)
		if err != nil {
			b.Fatal(err)
		}
		if again := b.over(w.node, retry.ID, aggregation.Completed); again.Counts.Scanned != 1 || again.Counts.Failed != 0 {
			b.Errorf("retry: got %+v, want the one that had failed", again.Counts)
		}
	})
}
