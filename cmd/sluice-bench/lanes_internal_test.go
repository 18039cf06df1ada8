package main

import (
	"slices"
	"testing"
	"time"

	"sluice/mocks/limiter"
	"sluice/proxy/pace"
	"sluice/proxy/pace/shadow"
)

// TestLanesMeetTheirBars: urgent calls get through an aggregation, which moves on under a flood of them, and nobody takes another's share.
func TestLanesMeetTheirBars(t *testing.T) {
	t.Parallel()
	for _, trial := range lanesTrials {
		t.Run(trial.name, func(t *testing.T) {
			t.Parallel()
			f, err := trial.measure(t.Context(), scope{aggregation: 6000, flood: 20, fair: 150, seeds: 1})
			if err != nil {
				t.Fatal(err)
			}
			if f.median > 1.5 {
				t.Errorf("median wait of an interactive call: got %.2f round trips, want 1.5 or less", f.median)
			}
			if f.longest > 1 {
				t.Errorf("longest wait of an interactive call: got %.3f windows, want 1 or less", f.longest)
			}
			if f.behind != 0 {
				t.Errorf("grants to others while a critical call waited: got %d, want 0", f.behind)
			}
			if f.floor < pace.DefaultFloor {
				t.Errorf("bulk's share under a flood: got %.4f, want %.2f or more", f.floor, pace.DefaultFloor)
			}
			if f.unfairness > 0.05 {
				t.Errorf("farthest from a max-min fair share: got %.4f of it, want 0.05 or less", f.unfairness)
			}
			if f.efficiency < 0.95 {
				t.Errorf("efficiency: got %.4f, want 0.95 or more", f.efficiency)
			}
			if f.refused != 0 {
				t.Errorf("429s: got %d, want 0", f.refused)
			}
		})
	}
}

// TestLanesBenchSeesFaults: the bars could be missed.
func TestLanesBenchSeesFaults(t *testing.T) {
	t.Parallel()
	trial := lanesTrials[0]
	q := trial.queue(flood(), 20, 1)
	q.rule.BulkFloor = 0.02
	o := q.run()
	if got, most := o.parties[0].answered, o.answered()*8/100; got > most {
		t.Errorf("bulk calls with a floor of 2 %%: got %d of %d, want %d or fewer", got, o.answered(), most)
	}
	q = trial.queue(office(600), longestRun, 1)
	q.limiter = &limiter.Bucket{Limit: calls, Window: length, Burst: 5}
	if got := q.run(); got.refused == 0 {
		t.Error("429s of a bucket that is configured as a window: got 0, want some")
	}
	equal := office(600)
	for i := range equal {
		equal[i].lane = shadow.Interactive
	}
	q = trial.queue(equal, longestRun, 1)
	if f, laned := waitsOf(q.run(), 1), waitsOf(trial.queue(office(600), longestRun, 1).run(), 1); f <= laned {
		t.Errorf("waits of a provisioning among its equals: got %v in all, want more than the %v of a lane of its own", f, laned)
	}
}

func waitsOf(o traffic, party int) (sum time.Duration) {
	for _, wait := range o.parties[party].waits {
		sum += wait
	}
	return sum
}

// TestQueueSeesPassedCritical: a call that goes while a critical one waits is counted, and a critical one that goes is not.
func TestQueueSeesPassedCritical(t *testing.T) {
	t.Parallel()
	r := newRush(lanesTrials[0].queue(office(1), 1, 1))
	r.critical = []*pace.Waiter{{}}
	r.come(&errand{party: 1})
	if r.out.behind != 1 {
		t.Errorf("an interactive call went while a critical one waited: got %d counted, want 1", r.out.behind)
	}
	r = newRush(lanesTrials[0].queue(office(1), 1, 1))
	r.critical = []*pace.Waiter{{}}
	r.come(&errand{party: 3})
	if r.out.behind != 0 || !slices.Equal(r.out.grants, []shadow.Lane{shadow.Critical}) {
		t.Errorf("a critical call went: got %d counted and grants %v, want none and one critical", r.out.behind, r.out.grants)
	}
}

func TestMaxMin(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		wants []float64
		there float64
		want  []float64
	}{
		{[]float64{1, 2, 30, 40}, 23, []float64{1, 2, 10, 10}},
		{[]float64{40, 1, 30, 2}, 23, []float64{10, 1, 10, 2}},
		{[]float64{3, 4}, 100, []float64{3, 4}},
		{[]float64{5, 5, 5}, 3, []float64{1, 1, 1}},
	} {
		if got := maxMin(c.wants, c.there); !slices.Equal(got, c.want) {
			t.Errorf("%v of %v: got %v, want %v", c.there, c.wants, got, c.want)
		}
	}
	greedy := []demand{{came: 10, answered: 10}, {came: 100, answered: 60}, {came: 100, answered: 40}}
	if got := unfairness(greedy); got < 0.19 || got > 0.21 {
		t.Errorf("60 and 40 where 50 each are fair: got %.3f, want 0.2", got)
	}
}
