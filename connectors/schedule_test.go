package connectors_test

import (
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"sluice/connectors"
)

// scheduled compiles a connection with one schedule.
func scheduled(t *testing.T, schedule string) *connectors.Schedule {
	t.Helper()
	set, faults := connectors.Load(fstest.MapFS{
		"sluice.yaml": {Data: []byte(`connections:
  tdx:
    connector: teamdynamix
    base_url: https://acme.teamdynamix.com/TDWebApi
    aggregation: {schedules: [` + schedule + `]}
`)},
		"connectors/teamdynamix.yaml": {Data: shipped(t).Connectors["teamdynamix"].Source},
	}, connectors.Environment{})
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	return &set.Connections["tdx"].Aggregation.Schedules[0]
}

func TestScheduleNext(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ schedule, after, want string }{
		{`{cron: "30 2 * * *"}`, "2026-11-26T02:29:59Z", "2026-11-26T02:30:00Z"},
		{`{cron: "30 2 * * *"}`, "2026-11-26T02:30:00Z", "2026-11-27T02:30:00Z"},
		{`{cron: "30 2 * * *", zone: America/Chicago}`, "2026-11-26T02:30:00Z", "2026-11-26T08:30:00Z"},
		{`{cron: "30 2 * * *", zone: America/Chicago}`, "2026-03-08T00:00:00Z", "2026-03-09T07:30:00Z"}, // the clock leaves the hour out
		{`{cron: "30 1 * * *", zone: America/Chicago}`, "2026-11-01T06:30:00Z", "2026-11-01T07:30:00Z"}, // and has this one twice
		{`{cron: "@every 6h"}`, "2026-11-26T05:59:00Z", "2026-11-26T06:00:00Z"},
		{`{cron: "@every 6h"}`, "2026-11-26T06:00:00Z", "2026-11-26T12:00:00Z"},
		{`{cron: "@weekly"}`, "2026-11-26T06:00:00Z", "2026-11-29T00:00:00Z"},
	} {
		after, err := time.Parse(time.RFC3339, tt.after)
		if err != nil {
			t.Fatal(err)
		}
		if got := scheduled(t, tt.schedule).Next(after, "tdx people").Format(time.RFC3339); got != tt.want {
			t.Errorf("%s after %s: got %s, want %s", tt.schedule, tt.after, got, tt.want)
		}
	}
}

// Each has a time of its own within the jitter, the same whenever it is asked, and none is passed over.
func TestScheduleJitter(t *testing.T) {
	t.Parallel()
	s := scheduled(t, `{cron: "0 * * * *", jitter: 90m}`)
	start := time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC)
	seen := map[time.Time]bool{}
	for at := start; at.Before(start.Add(100 * time.Hour)); {
		next := s.Next(at, "tdx people")
		if !next.After(at) || next.After(at.Add(4*time.Hour)) {
			t.Fatalf("after %v: got %v, want a time soon after", at, next)
		}
		if again := s.Next(next.Add(-time.Nanosecond), "tdx people"); again.After(next) {
			t.Errorf("asked just before %v: got %v", next, again)
		}
		seen[next] = true
		at = next
	}
	if len(seen) < 50 {
		t.Errorf("got %d times in a hundred hours, want one for most hours", len(seen))
	}
	if s.Next(start, "tdx people").Equal(s.Next(start, "tdx groups")) {
		t.Error("people and groups begin at the same moment")
	}
}

func TestScheduleResources(t *testing.T) {
	t.Parallel()
	if got := strings.Join(scheduled(t, `{cron: "@daily"}`).Resources, " "); got != "people groups applications security_roles departments" {
		t.Errorf("resources left out: got %s, want all of the connector in its order", got)
	}
	if got := strings.Join(scheduled(t, `{cron: "@daily", resources: groups}`).Resources, " "); got != "groups" {
		t.Errorf("one resource: got %s, want groups", got)
	}
}
