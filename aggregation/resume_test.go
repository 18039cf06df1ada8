package aggregation_test

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"sluice/aggregation"
	"sluice/connectors"
	"sluice/mocks/teamdynamix"
	"sluice/transforms"
)

var errKilled = errors.New("killed")

// A reading that is killed after each thing that it keeps gives the same accounts and repeats no call.
func TestResume(t *testing.T) {
	t.Parallel()
	v := newTenant(t, teamdynamix.Options{Seed: 5, People: 60, Groups: 6})
	for _, plan := range []string{"detail", "inverted"} {
		whole := &draft{}
		v.calls = nil
		if _, err := read(t.Context(), t, v.reader(plan), whole, aggregation.ChangedOnly{}); err != nil {
			t.Fatal(err)
		}
		once := len(v.calls)

		torn := &draft{}
		v.calls = nil
		r := v.reader(plan)
		r.Pager.Batch = 1000 // a page is kept as a whole
		kills := untilDone(t, torn, func() error { return r.List(t.Context(), torn, torn.checkpoint(t)) })
		if _, err := r.Settle(t.Context(), torn, aggregation.ChangedOnly{}, torn); err != nil {
			t.Fatal(err)
		}
		kills += untilDone(t, torn, func() error { return r.Detail(t.Context(), torn.pending(), torn) })
		if kills < 60 && plan == "detail" || len(v.calls) != once {
			t.Errorf("plan %s: got %d calls after %d kills, want %d", plan, len(v.calls), kills, once)
		}
		compare(t, torn.accounts(), whole.accounts())
	}
}

// untilDone does work that is killed after each thing that it keeps, until it ends, and counts the kills.
func untilDone(t *testing.T, d *draft, work func() error) (kills int) {
	t.Helper()
	d.kept = func() error { return errKilled }
	defer func() { d.kept = nil }()
	for {
		err := work()
		if err == nil {
			return kills
		}
		if kills++; !errors.Is(err, errKilled) {
			t.Fatalf("got %v, want it killed", err)
		}
	}
}

// ids of what is pending.
func ids(d *draft) func(func(string) bool) {
	return func(yield func(string) bool) {
		for p, err := range d.pending() {
			if err != nil || !yield(p.ID) {
				return
			}
		}
	}
}

// An answer that is cut in its middle leaves rows behind which are gone once the page is read again, also those of people who left
// in between.
func TestTornAnswer(t *testing.T) {
	t.Parallel()
	v := newTenant(t, teamdynamix.Options{People: 20})
	r, d := v.reader("detail"), &draft{}
	r.Plan.Detail = nil
	r.Pager.Batch = 2
	v.fault = func(*http.Request) *http.Response {
		return answer(200, `[{"UID":"ghost1"},{"UID":"ghost2"},{"UID":"ghost3"},{"UID":`)
	}
	if err := r.List(t.Context(), d, d.checkpoint(t)); err == nil || !aggregation.Retryable(err) || len(d.rows) != 2 {
		t.Fatalf("torn: got %v with %d rows, want a retryable error and a batch kept", err, len(d.rows))
	}
	if at := d.checkpoint(t); at.Page.Rows != 0 || at.Page.Done {
		t.Errorf("checkpoint: got %+v, want the beginning", at)
	}
	v.fault = nil
	tally, err := read(t.Context(), t, r, d, aggregation.ChangedOnly{})
	if err != nil || tally.Rows != 20 || d.settled["ghost1"].ID != "" {
		t.Errorf("again: got %+v, %v, want 20 rows and no ghosts", tally, err)
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	v := newTenant(t, teamdynamix.Options{People: 30})
	all := &draft{}
	if _, err := read(t.Context(), t, v.reader("detail"), all, aggregation.ChangedOnly{}); err != nil {
		t.Fatal(err)
	}
	people := slices.Sorted(maps.Keys(all.settled))
	bodies := map[string]func() *http.Response{
		people[3]: func() *http.Response { return answer(404, `{"Message":"planted"}`) },
		people[4]: func() *http.Response { return answer(422, `{"Message":"planted"}`) },
		people[5]: func() *http.Response { return answer(200, `{"UID":"planted"}`) },
		people[6]: func() *http.Response {
			return answer(200, `{"UID":"`+strings.ToUpper(people[6])+`","Title":["planted", {}]}`)
		},
		people[7]: func() *http.Response { return answer(200, `<html>planted`) },
		people[8]: func() *http.Response { return answer(200, `[]`) },
	}
	v.fault = func(r *http.Request) *http.Response {
		if make := bodies[r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]]; make != nil {
			return make()
		}
		return nil
	}
	d := &draft{}
	if _, err := read(t.Context(), t, v.reader("detail"), d, aggregation.ChangedOnly{}); err != nil {
		t.Fatal(err)
	}
	if len(d.failed) != len(bodies) || d.failed[people[3]].Status != 404 {
		t.Errorf("failures: got %+v, want %d", d.failed, len(bodies))
	}
	for id, f := range d.failed {
		if f.Reason == "" || strings.Contains(f.Reason, "planted") {
			t.Errorf("failure of %s: got %q, want a reason that does not quote the vendor", id, f.Reason)
		}
	}
	changes, err := collect(aggregation.Diff(sequence(all.records()), sequence(d.records()), true))
	if err != nil || len(changes) != 0 {
		t.Errorf("changes: got %v, %v, want none: a failure is no change", changes, err)
	}
	// Read again, only those that failed.
	v.fault, v.calls = nil, nil
	for id := range d.failed {
		d.settled[id] = aggregation.Settled{Record: aggregation.Record{ID: id}, Row: raw("{}")}
	}
	if err := v.reader("detail").Detail(t.Context(), d.pending(), d); err != nil || len(v.calls) != len(bodies) {
		t.Errorf("retry: got %v after %d calls, want %d", err, len(v.calls), len(bodies))
	}
	compare(t, d.accounts(), all.accounts())
}

// What would be the same for every account ends the partition, and leaves the account pending.
func TestDetailStops(t *testing.T) {
	t.Parallel()
	v := newTenant(t, teamdynamix.Options{People: 120})
	for name, tt := range map[string]struct {
		answer func() *http.Response
		calls  int
		again  bool
	}{
		"unauthorized": {func() *http.Response { return answer(401, "") }, 6, false},
		"forbidden":    {func() *http.Response { return answer(403, "") }, 6, false},
		"too many":     {func() *http.Response { return answer(429, "") }, 3, true},
		"broken":       {func() *http.Response { return answer(500, "") }, 6, true},
		"cut":          {func() *http.Response { return answer(200, `{"UID":`) }, 6, true},
		"all are gone": {func() *http.Response { return answer(404, "") }, 52, false},
	} {
		r, d := v.reader("detail"), &draft{}
		v.fault, v.calls = nil, nil
		if err := r.List(t.Context(), d, aggregation.Checkpoint{}); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Settle(t.Context(), d, aggregation.ChangedOnly{}, d); err != nil {
			t.Fatal(err)
		}
		v.calls = nil
		v.fault = func(*http.Request) *http.Response {
			if len(v.calls) <= 2 {
				return nil
			}
			return tt.answer()
		}
		err := r.Detail(t.Context(), d.pending(), d)
		if err == nil || len(v.calls) != tt.calls || aggregation.Retryable(err) != tt.again {
			t.Errorf("%s: got %v (retryable %v) after %d calls, want an error (%v) after %d", name, err, aggregation.Retryable(err), len(v.calls), tt.again, tt.calls)
		}
		if left, want := len(slices.Collect(ids(d))), 120-2-len(d.failed); left != want {
			t.Errorf("%s: %d accounts pending, want %d", name, left, want)
		}
	}
	r := v.reader("detail")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	d := &draft{settled: map[string]aggregation.Settled{"x": {Record: aggregation.Record{ID: "x"}, Row: raw("{}")}}}
	if err := r.Detail(ctx, d.pending(), d); !errors.Is(err, context.Canceled) || len(d.failed) > 0 {
		t.Errorf("cancelled: got %v with failures %v, want context.Canceled and none", err, d.failed)
	}
}

func TestListRefuses(t *testing.T) {
	t.Parallel()
	v := newTenant(t, teamdynamix.Options{People: 5})
	for name, tt := range map[string]struct {
		change func(*aggregation.Reader)
		want   string
	}{
		"no such list": {func(r *aggregation.Reader) { r.Others = func(string) *connectors.Resource { return nil } }, "plan inverted: joins over groups, which is no resource"},
		"key":          {func(r *aggregation.Reader) { r.Resource.Key = q(".nobody") }, "people: GET /api/people/userlist: page 1: row 1: key: .nobody gives neither"},
		"NUL":          {func(r *aggregation.Reader) { r.Resource.Key = q(`.UID + "\u0000"`) }, "row 1: key: .UID + \"\\u0000\" gives a text with a NUL"},
		"long key":     {func(r *aggregation.Reader) { r.Resource.Key = q(`.UID * 100`) }, "of more than 1000 bytes"},
		"owner":        {func(r *aggregation.Reader) { r.Plan.Joins[0].Owner = q("[]", "$over") }, "row 1: owner: [] gives neither"},
		"add":          {func(r *aggregation.Reader) { r.Plan.Joins[0].Add = q(".UID", "$over") }, "row 1: add: .UID gives no object"},
		"rights":       {func(r *aggregation.Reader) { r.Plan.List.Items = q("[]") }, "an empty list: the credential may lack rights"},
	} {
		r := v.reader("inverted")
		r.Plan.List.Request = everybody.Request
		tt.change(r)
		if err := r.List(t.Context(), &draft{}, aggregation.Checkpoint{}); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", name, err, tt.want)
		}
	}
}

func TestChangedOnly(t *testing.T) {
	t.Parallel()
	v := newTenant(t, teamdynamix.Options{People: 200})
	r, d := v.reader("detail"), &draft{}
	if _, err := read(t.Context(), t, r, d, aggregation.ChangedOnly{}); err != nil {
		t.Fatal(err)
	}
	snapshot := d.records()
	today := r.Now()
	snapshot[0].RowHash = "written through the proxy"
	snapshot = slices.Delete(snapshot, 1, 2) // as if new

	total := 0
	for day := range 10 {
		now := today.Add(time.Duration(day) * 24 * time.Hour)
		r.Now = func() time.Time { return now }
		next := &draft{}
		v.calls = nil
		tally, err := read(t.Context(), t, r, next, aggregation.ChangedOnly{Before: sequence(snapshot), MaxAge: 10 * 24 * time.Hour})
		if err != nil || tally.Skipped+tally.Pending != 200 || len(v.calls) != 1+tally.Pending {
			t.Fatalf("day %d: got %+v, %v, %d calls", day, tally, err, len(v.calls))
		}
		if day == 0 && tally.Pending != 2 {
			t.Errorf("the same day: got %d calls for one, want the changed and the new", tally.Pending)
		}
		if day > 0 {
			if total += tally.Pending; tally.Pending < 5 || tally.Pending > 40 {
				t.Errorf("day %d: got %d accounts due, want about 20 of 200", day, tally.Pending)
			}
		}
		changes, err := collect(aggregation.Diff(sequence(snapshot), sequence(next.records()), true))
		if err != nil || len(changes) != one(day == 0) {
			t.Errorf("day %d: got changes %v, %v, want the new one on the first day", day, changes, err)
		}
		snapshot = commit(snapshot, next.records())
	}
	if total < 150 || total > 200 {
		t.Errorf("due in nine of ten days: got %d, want about 180 of 200", total)
	}
}

// An account that was made by another mapping is read again, although its row is the same: it would otherwise stay as it was for max_age.
func TestChangedOnlySeesAChangeOfTheMapping(t *testing.T) {
	t.Parallel()
	v := newTenant(t, teamdynamix.Options{People: 30})
	d := &draft{}
	if _, err := read(t.Context(), t, v.reader("detail"), d, aggregation.ChangedOnly{}); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		change func(r *aggregation.Reader)
		want   int
	}{
		"none":       {func(*aggregation.Reader) {}, 0},
		"attributes": {func(r *aggregation.Reader) { r.Resource.Map.Attributes = q("{Title}") }, 30},
		"entitlements": {func(r *aggregation.Reader) {
			r.Resource.Map.Entitlements = map[string]*transforms.Query{"groups": q(".GroupIDs")}
		}, 30},
		"who is asked for": {func(r *aggregation.Reader) { r.Plan.If = q("true") }, 30},
		"detail": {func(r *aggregation.Reader) {
			r.Plan.Detail = &connectors.Request{Method: "GET", Path: "/api/people/{key}", Query: map[string]*transforms.Query{"all": rq(`"yes"`)}}
		}, 30},
	} {
		r := v.reader("detail")
		r.Resource.Map.Entitlements = maps.Clone(r.Resource.Map.Entitlements)
		tt.change(r)
		tally, err := read(t.Context(), t, r, &draft{}, aggregation.ChangedOnly{Before: sequence(d.records()), MaxAge: 1000 * time.Hour})
		if err != nil || tally.Pending != tt.want {
			t.Errorf("%s: got %d read again, %v, want %d", name, tally.Pending, err, tt.want)
		}
	}
}

// A node that reads an account with another configuration than the one that settled it says so by the hash, so that the account does not
// count as made by the configuration that it was not made by.
func TestDetailSaysHowItWasMade(t *testing.T) {
	t.Parallel()
	v := newTenant(t, teamdynamix.Options{People: 1})
	hashes := map[bool][]string{}
	for _, other := range []bool{false, true} {
		d := &draft{}
		r := v.reader("detail")
		if err := r.List(t.Context(), d, aggregation.Checkpoint{}); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Settle(t.Context(), d, aggregation.ChangedOnly{}, d); err != nil {
			t.Fatal(err)
		}
		settled := d.records()[0].RowHash
		if other {
			r.Resource.Map.Attributes = q("{Title}")
		}
		if err := r.Detail(t.Context(), d.pending(), d); err != nil {
			t.Fatal(err)
		}
		hashes[other] = []string{settled, d.records()[0].RowHash}
	}
	if same, other := hashes[false], hashes[true]; same[0] != same[1] || other[0] == other[1] || other[0] != same[0] {
		t.Errorf("hashes when settled and when read: got %q, and by another mapping %q; want the same ones, and others", same, other)
	}
}

func one(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// commit is what a store makes of a snapshot and a whole run: records without an account leave what is there.
func commit(before, after []aggregation.Record) []aggregation.Record {
	old := map[string]aggregation.Record{}
	for _, r := range before {
		old[r.ID] = r
	}
	var out []aggregation.Record
	for _, r := range after {
		if r.Account == nil {
			r = old[r.ID]
		}
		if r.Account != nil {
			out = append(out, r)
		}
	}
	return out
}

func TestDue(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	week := 7 * 24 * time.Hour
	if aggregation.Due("a", now, now, week) || !aggregation.Due("a", now.Add(-week), now, week) || !aggregation.Due("a", time.Time{}, now, week) || !aggregation.Due("a", now, now, 0) {
		t.Error("due: want never at once, always after maxAge, and always where it was never read")
	}
}
