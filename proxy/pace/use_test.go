package pace_test

import (
	"math"
	"testing"
	"time"

	"sluice/proxy/pace"
	"sluice/proxy/pace/shadow"
)

// TestPermitted: a limit permits its calls for one window after each call and for as long as calls wait, and nothing while nobody wants
// anything.
func TestPermitted(t *testing.T) {
	t.Parallel()
	b := newBench(pace.Settings{Bound: 100})
	bucket := b.q.Bucket("people", pace.Rule{Limit: 60, Window: time.Minute, Kind: shadow.Sliding})
	other := b.q.Bucket("scarce", pace.Rule{Limit: 1, Window: 10 * time.Minute, Kind: shadow.Sliding})
	none := b.q.Bucket("learned", pace.Rule{})
	running := b.q.Bucket("running", pace.Rule{Concurrent: 2})
	check := func(when string, want float64) {
		t.Helper()
		if got := b.q.State(b.now, bucket).Permitted; math.Abs(got-want) > 0.1 {
			t.Errorf("%s: %.2f calls permitted, want %v", when, got, want)
		}
	}
	b.run(time.Hour)
	check("before the first call", 0)
	for _, at := range []*pace.Bucket{bucket, none, running} {
		b.join(pace.Caller{Consumer: "iga", Lane: shadow.Bulk, Patience: forever}, at)
	}
	check("at the first call", 0)
	b.run(30 * time.Second)
	check("half a window later", 30)
	b.run(time.Hour)
	check("long after it", 60)

	b.join(pace.Caller{Consumer: "iga", Lane: shadow.Bulk, Patience: forever}, other)
	both := b.join(pace.Caller{Consumer: "iga", Lane: shadow.Bulk, Patience: forever}, bucket, other)
	b.run(5 * time.Minute)
	check("while a call waits for another limit too", 60+300)
	b.run(time.Hour)
	if !both.Granted() {
		t.Fatal("the call that waited was not granted")
	}
	check("a window after it went", 60+600+60)
	for _, silent := range []*pace.Bucket{none, running} {
		if got := b.q.State(b.now, silent).Permitted; got != 0 {
			t.Errorf("%s: %.2f calls permitted, want none that is known", silent.Name(), got)
		}
	}
}
