package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sluice/aggregation"
	"sluice/store/storetest"
)

// A line now and then says how far a run is, how fast against its budget, when it will be over, and how many accounts failed.
func TestAggregateProgress(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		p := newAggregateProgress(&out)
		p.expected = &expectation{listCalls: 480, listing: 60, detail: 240}
		run := aggregation.Run{ID: 7, Scope: tdxPeople}
		at := func(after time.Duration, s aggregation.Standing, failed int64) string {
			<-time.After(after)
			out.Reset()
			p.at(run, standing{s, failed}, time.Now())
			return out.String()
		}
		for _, step := range []struct {
			after  time.Duration
			at     aggregation.Standing
			failed int64
			want   string
		}{
			{0, aggregation.Standing{}, 0, ""},
			{9 * time.Second, aggregation.Standing{Rows: 10, Calls: 9}, 0, ""},
			{51 * time.Second, aggregation.Standing{Rows: 900, Calls: 60}, 0, "run 7, people: 900 rows listed, 60 calls, held 0s, 60 of 60 calls/min, 7m left\n"},
			{60 * time.Second, aggregation.Standing{Rows: 900, Calls: 243, Done: 183, Total: 55_000, Held: 90}, 2,
				"run 7, people: 183 of 55000 accounts, 243 calls, held 1m30s, 2 failed, 183 of 240 calls/min, 5h left\n"},
			{9 * time.Second, aggregation.Standing{Calls: 260, Done: 200, Total: 55_000}, 2, ""},
			{time.Second, aggregation.Standing{Calls: 260, Done: 200, Total: 55_000, Waiting: "detail-0003: status 500"}, 2, "; trying again: detail-0003: status 500\n"},
		} {
			if got := at(step.after, step.at, step.failed); (step.want == "") != (got == "") || !strings.HasSuffix(got, step.want) {
				t.Errorf("after %v: got %q, want %q", time.Since(p.seen[0].time), got, step.want)
			}
		}
	})
}

// status has the same numbers, on average, for people and for programs.
func TestAggregateStatusHasNumbers(t *testing.T) {
	t.Parallel()
	b := newAggregateBench(t, storetest.SQLite(t), 20, "workers_per_node: 1")
	h := b.house(false)
	run := b.start(h)
	b.expect(exitOK, "run 1, tdx people: running, 0 rows listed", "status")
	var one aggregateRun
	s := standing{aggregation.Standing{Calls: 61, Done: 60, Total: 120}, 3}
	one.Speed = speedOf(s, h.expect(t.Context(), run), seenAt{time: run.Started}, run.Started.Add(time.Minute))
	one.Standing = s
	text, err := json.Marshal(one)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"failed":3`, `"done":60`, `"callsPerMinute":61`, `"budgetPerMinute":120000`, `"expectedEnd":"2`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("JSON: got %s, want %s in it", text, want)
		}
	}
	if got, want := one.Speed.String(), "61 of 120000 calls/min, 1m left"; got != want {
		t.Errorf("speed: got %q, want %q", got, want)
	}
	b.expect(exitOK, `"heldSeconds": 0`, "status", "-o", "json")
}

// What a run costs is said before it begins, and what nobody knows is not guessed.
func TestAggregateForecasts(t *testing.T) {
	t.Parallel()
	b := newAggregateBench(t, storetest.SQLite(t), 40, "workers_per_node: 1")
	b.expect(exitOK, "people, plan inverted: not known, because groups, applications, security_roles were never read, and it makes calls for each of them (6 calls at least); --accounts groups=N,applications=N,security_roles=N tells how many there are",
		"run", "tdx", "people", "--dry-run", "--accounts", "55000")
	b.expect(exitOK, "plan detail: not known, because people were never read", "run", "tdx", "people", "--dry-run")
	// Three lists, the lists of three resources, one call for each group and two for each application and role.
	b.expect(exitOK, "plan inverted: 55,000 people, 120000/min on 1 address: 1 s; on 4: 1 s (486 calls)",
		"run", "tdx", "people", "--dry-run", "--accounts", "people=55000,groups=400,applications=30,security_roles=10")
	b.expect(exitUsage, `--accounts has "ghosts"`, "run", "tdx", "people", "--dry-run", "--accounts", "ghosts=4")
	b.expect(exitUsage, "must be a number, or RESOURCE=NUMBER", "run", "tdx", "people", "--dry-run", "--accounts", "groups=many")
	b.expect(exitUsage, "must be a number, or RESOURCE=NUMBER", "run", "tdx", "people", "--dry-run", "--accounts", "-4")

	b.expect(exitOK, "tdx people by plan detail: not known, because people were never read", "run", "tdx", "people")
	_, _, stderr := b.command("run", "tdx", "people")
	if want := "tdx people by plan detail: 40 people, 120000/min on 1 address: 1 s; on 4: 1 s (41 calls)\n"; !strings.HasPrefix(stderr, want) {
		t.Errorf("before a run: got %q, want %q", stderr, want)
	}
}
