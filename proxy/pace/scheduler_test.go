package pace_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"sluice/proxy/pace"
	"sluice/proxy/pace/shadow"
)

const (
	window = time.Minute
	limit  = 60
)

// vendor answers after half a round trip each way and counts in between.
type vendor struct {
	mu    sync.Mutex
	lim   limiter
	skew  time.Duration
	mute  bool // says nothing of limits
	rtt   time.Duration
	calls atomic.Int64
	no    atomic.Int64
}

func (v *vendor) call() pace.Report {
	<-time.After(v.rtt / 2)
	v.mu.Lock()
	now := time.Now()
	permitted, l, remaining, reset := v.lim.Take(now)
	v.mu.Unlock()
	if permitted {
		v.calls.Add(1)
	} else {
		v.no.Add(1)
	}
	<-time.After(v.rtt - v.rtt/2)
	r := answer(now, permitted, l, remaining, reset, v.skew)
	if v.mute {
		return pace.Report{Refused: r.Refused}
	}
	return r
}

// gate is a scheduler with one bucket, for callers of one consumer.
type gate struct {
	scheduler *pace.Scheduler
	bucket    *pace.Bucket
}

func newGate(rule pace.Rule, bound int) *gate {
	s := pace.NewScheduler(pace.Settings{Bound: bound, Floor: pace.DefaultFloor})
	return &gate{scheduler: s, bucket: s.Bucket("people", rule)}
}

// enter takes a place, which leave gives back.
func (g *gate) enter(ctx context.Context, patience time.Duration) ([]pace.Ticket, error) {
	tickets := []pace.Ticket{{Bucket: g.bucket}}
	_, err := g.scheduler.Enter(ctx, pace.Caller{Consumer: "iga", Lane: shadow.Bulk, Patience: patience}, tickets)
	return tickets, err
}

func (g *gate) leave(tickets []pace.Ticket, r pace.Report) {
	g.scheduler.Leave(tickets, []pace.Report{r})
}

// call is a call that the vendor answers at once.
func (g *gate) call(ctx context.Context, patience time.Duration, r pace.Report) error {
	tickets, err := g.enter(ctx, patience)
	if err == nil {
		g.leave(tickets, r)
	}
	return err
}

// drive lets eight workers call as fast as the gate lets them, for so many windows.
func drive(t *testing.T, g *gate, v *vendor, windows int, patience time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Duration(windows)*window)
	defer cancel()
	var workers sync.WaitGroup
	for range 8 {
		workers.Go(func() {
			for ctx.Err() == nil {
				tickets, err := g.enter(ctx, patience)
				if err != nil {
					if ctx.Err() == nil {
						t.Errorf("Enter: %v", err)
					}
					return
				}
				g.leave(tickets, v.call())
			}
		})
	}
	workers.Wait()
}

func TestNoAvoidableRefusal(t *testing.T) {
	t.Parallel()
	rule := pace.Rule{Limit: limit, Window: window}
	patient := pace.Rule{Limit: limit, Window: window, Patience: 25 * time.Second}
	spread := pace.Rule{Limit: limit, Window: window, Spread: true}
	tests := []struct {
		name   string
		rule   pace.Rule
		v      *vendor
		atMost int64 // refusals
		share  float64
	}{
		{"window from the first call", rule, &vendor{lim: &fixed{limit: limit, window: window}}, 0, 0.98},
		{"window on a grid", rule, &vendor{lim: &fixed{limit: limit, window: window, grid: true}}, 0, 0.98},
		{"sliding log", rule, &vendor{lim: &sliding{limit: limit, window: window}}, 0, 0.98},
		{"token bucket", rule, &vendor{lim: &bucket{limit: limit, window: window}}, 0, 0.95},
		{"vendor's clock 5 s behind", rule, &vendor{lim: &fixed{limit: limit, window: window}, skew: -5 * time.Second}, 0, 0.98},
		{"configured below the vendor's limit", pace.Rule{Limit: 30, Window: window}, &vendor{lim: &fixed{limit: limit, window: window}}, 0, 0.49},
		{"no headers", rule, &vendor{lim: &fixed{limit: limit, window: window}, mute: true}, 0, 0.98},
		{"spread", spread, &vendor{lim: &fixed{limit: limit, window: window}}, 0, 0.95},
		{"patience shorter than the window", patient, &vendor{lim: &fixed{limit: limit, window: window}}, 0, 0.97},
		{"patience shorter than a sliding log", patient, &vendor{lim: &sliding{limit: limit, window: window}}, 0, 0.97},
		{"patience, limit learned", pace.Rule{Patience: 25 * time.Second}, &vendor{lim: &fixed{limit: limit, window: window}}, 0, 0.85},
		{"limit learned", pace.Rule{}, &vendor{lim: &fixed{limit: limit, window: window}}, 0, 0.90},
		{"limit learned, clock ahead", pace.Rule{}, &vendor{lim: &fixed{limit: limit, window: window}, skew: 5 * time.Second}, 0, 0.90},
		{"limit learned in mid-window", pace.Rule{}, &vendor{lim: &fixed{limit: limit, window: window, grid: true}}, 0, 0.90},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				<-time.After(17*time.Second + 300*time.Millisecond) // off the grid
				tt.v.rtt = 300 * time.Millisecond
				const windows = 10
				patience := 10 * window
				if tt.rule.Patience > 0 {
					patience = tt.rule.Patience
				}
				drive(t, newGate(tt.rule, 100), tt.v, windows, patience)
				if got := tt.v.no.Load(); got > tt.atMost {
					t.Errorf("refused %d times, want at most %d", got, tt.atMost)
				}
				if got := float64(tt.v.calls.Load()) / (windows * limit); got < tt.share {
					t.Errorf("used %.1f %% of what the vendor permits, want at least %.0f %%", got*100, tt.share*100)
				}
			})
		})
	}
}

func TestSpentWindowAtStart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		lim := &fixed{limit: limit, window: window}
		for range 57 { // spent before we started
			lim.Take(time.Now())
		}
		v := &vendor{lim: lim, rtt: 300 * time.Millisecond}
		drive(t, newGate(pace.Rule{Limit: limit, Window: window}, 100), v, 2, 10*window)
		if got := v.no.Load(); got != 0 {
			t.Errorf("refused %d times, want 0: the first answer said that 2 were left", got)
		}
	})
}

func TestPatience(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate(pace.Rule{Limit: 1, Window: window}, 1)
		enter := func(patience time.Duration) error {
			_, err := g.enter(t.Context(), patience)
			return err
		}
		if err := g.call(t.Context(), 0, pace.Report{}); err != nil {
			t.Fatalf("first Enter: %v", err)
		}
		start := time.Now()
		refusal := new(pace.Refusal)
		if err := enter(25 * time.Second); !errors.As(err, &refusal) || refusal.Full || refusal.Wait != window {
			t.Errorf("Enter with 25 s of patience = %v, want a refusal that names %v", err, window)
		}
		if waited := time.Since(start); waited != 0 {
			t.Errorf("a hopeless caller waited %v, want an answer at once", waited)
		}
		waits := make(chan error, 1)
		go func() { waits <- enter(2 * window) }()
		synctest.Wait()
		if err := enter(10 * window); !errors.As(err, &refusal) || !refusal.Full {
			t.Errorf("Enter behind a full queue = %v, want a refusal that says so", err)
		}
		if err := <-waits; err != nil {
			t.Errorf("patient Enter: %v", err)
		}
		if waited := time.Since(start); waited != window {
			t.Errorf("the patient caller waited %v, want %v", waited, window)
		}
	})
}

func TestCallerWhoLeavesTakesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate(pace.Rule{Limit: 1, Window: window}, 10)
		if err := g.call(t.Context(), 0, pace.Report{}); err != nil {
			t.Fatal(err)
		}
		gone, leave := context.WithCancel(t.Context())
		left := make(chan error, 1)
		go func() {
			_, err := g.enter(gone, 10*window)
			left <- err
		}()
		synctest.Wait()
		stays := make(chan time.Time, 1)
		go func() {
			if _, err := g.enter(t.Context(), 10*window); err != nil {
				t.Errorf("Enter: %v", err)
			}
			stays <- time.Now()
		}()
		synctest.Wait()
		start := time.Now()
		leave()
		if err := <-left; !errors.Is(err, context.Canceled) {
			t.Errorf("who left got %v, want %v", err, context.Canceled)
		}
		if got := (<-stays).Sub(start); got != window {
			t.Errorf("who stayed waited %v, want %v: the place of who left", got, window)
		}
		if s := g.scheduler.State(g.bucket); s.AllWaiting() != 0 {
			t.Errorf("%d callers wait, want 0", s.AllWaiting())
		}
	})
}

// TestRemainingWithoutReset: a vendor that says what is left and never when it resets is asked again after a minute.
func TestRemainingWithoutReset(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate(pace.Rule{}, 10)
		start := time.Now()
		for left := 1; left >= 0; left-- {
			if err := g.call(t.Context(), 2*window, pace.Report{HasLimit: true, HasRemaining: true, Limit: 2, Remaining: float64(left)}); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := g.enter(t.Context(), 2*window); err != nil {
			t.Fatalf("the third call of a limit of 2: %v", err)
		}
		if got := time.Since(start); got != time.Minute {
			t.Errorf("the third call of a limit of 2 went after %v, want a minute", got)
		}
	})
}

// TestSpacingTurnsNobodyAway: a caller who cannot wait for his spaced turn gets the place that is there.
func TestSpacingTurnsNobodyAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate(pace.Rule{Limit: limit, Window: window, Patience: time.Second}, 100)
		start := time.Now()
		for i := range limit {
			if err := g.call(t.Context(), time.Second/2, pace.Report{}); err != nil {
				t.Fatalf("call %d of %d: %v", i+1, limit, err)
			}
		}
		if took := time.Since(start); took != 0 {
			t.Errorf("%d calls took %v, want none to wait", limit, took)
		}
		refusal := new(pace.Refusal)
		if _, err := g.enter(t.Context(), time.Second/2); !errors.As(err, &refusal) || refusal.Wait != window {
			t.Errorf("one call more: %v, want a refusal that names %v", err, window)
		}
	})
}

func TestRefusalShuts(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		r    pace.Report
		want time.Duration
	}{
		{"Retry-After", pace.Report{Refused: true, RetryAfter: 7 * time.Second}, 7 * time.Second},
		{"reset", pace.Report{Refused: true, HasReset: true, ResetAfter: 9 * time.Second}, 9*time.Second + shadow.ResetSlack},
		{"nothing said", pace.Report{Refused: true}, 5 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				g := newGate(pace.Rule{}, 10)
				if err := g.call(t.Context(), 0, tt.r); err != nil {
					t.Fatal(err)
				}
				start := time.Now()
				if _, err := g.enter(t.Context(), window); err != nil {
					t.Fatal(err)
				}
				if got := time.Since(start); got != tt.want {
					t.Errorf("after a refusal the next call went after %v, want %v", got, tt.want)
				}
			})
		})
	}
}
