package dispatch

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sluice/triggers"
)

// Metrics are what deliveries are counted by. Labels are ids of subscriptions, of which there are as many as an operator lets be, and words of
// ours. What waits is of the database, so each node tells the same of it; what was delivered is of the node.
type Metrics struct {
	tallies func(context.Context) (map[string]triggers.Tally, error)
	log     *slog.Logger

	deliveries *prometheus.CounterVec
	took       *prometheus.HistogramVec
	latency    *prometheus.HistogramVec
	waiting    *prometheus.Desc
	oldest     *prometheus.Desc
	dead       *prometheus.Desc
	paused     *prometheus.Desc

	mu   sync.Mutex
	seen map[string]bool // subscriptions that were counted

	counting sync.Mutex // held while the database is asked: who delivers never waits for it
	last     map[string]triggers.Tally
	asked    time.Time
}

// How long a count of what waits is good, and may take.
const (
	tallyFresh = 5 * time.Second
	tallyMost  = 5 * time.Second
)

// latencyBuckets go from a sink beside us to a receiver that is away for days.
var latencyBuckets = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200, 43200, 259200}

// NewMetrics returns metrics that count from zero. tallies tells what waits, by subscription.
func NewMetrics(tallies func(context.Context) (map[string]triggers.Tally, error), log *slog.Logger) *Metrics {
	histogram := func(name, help string) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: "sluice", Name: name, Help: help, Buckets: latencyBuckets}, []string{"receiver"})
	}
	of := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc("sluice_"+name, help, []string{"subscription"}, nil)
	}
	return &Metrics{
		tallies: tallies, log: log, seen: map[string]bool{},
		deliveries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: "sluice", Name: "deliveries_total",
			Help: "Attempts to deliver an event, by outcome: delivered, asked = taken and to be completed later, retried = failed and tried again later, dead = given up.",
		}, []string{"subscription", "outcome"}),
		took:    histogram("delivery_attempt_duration_seconds", "How long an attempt took, whatever its outcome."),
		latency: histogram("delivery_latency_seconds", "From the event's commit to the receiver's answer, of those that were taken; of a replayed one, from its replay."),
		waiting: of("deliveries_waiting", "Events on their way to a subscription, in the database: the same on every node."),
		oldest:  of("deliveries_oldest_seconds", "Age of the oldest event on its way to a subscription; 0 = there is none."),
		dead:    of("deliveries_dead", "Events that a subscription did not get, and that can be replayed."),
		paused:  of("subscription_paused", "1 = nothing is delivered to an enabled subscription, because its circuit is open or an operator has paused it."),
	}
}

// Seen counts an attempt. It is what Options.Seen is for.
func (m *Metrics) Seen(s Sent) {
	m.mu.Lock()
	m.seen[s.Subscription.ID] = true
	m.mu.Unlock()
	receiver := s.Subscription.Receiver()
	m.deliveries.WithLabelValues(s.Subscription.ID, s.Outcome).Inc()
	m.took.WithLabelValues(receiver).Observe(s.Took.Seconds())
	if s.Outcome == delivered || s.Outcome == asked {
		m.latency.WithLabelValues(receiver).Observe(s.Since.Seconds())
	}
}

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(ch chan<- *prometheus.Desc) {
	m.deliveries.Describe(ch)
	m.took.Describe(ch)
	m.latency.Describe(ch)
	for _, d := range []*prometheus.Desc{m.waiting, m.oldest, m.dead, m.paused} {
		ch <- d
	}
}

// Collect implements prometheus.Collector. While the database does not answer, it tells of what is counted here alone.
func (m *Metrics) Collect(ch chan<- prometheus.Metric) {
	now := time.Now()
	for id, of := range m.tally(now) {
		tell := func(of *prometheus.Desc, value float64) {
			ch <- prometheus.MustNewConstMetric(of, prometheus.GaugeValue, value, id)
		}
		age := 0.0
		if !of.Oldest.IsZero() {
			age = max(0, now.Sub(of.Oldest).Seconds())
		}
		paused := 0.0
		if of.Paused {
			paused = 1
		}
		tell(m.waiting, float64(of.Waiting))
		tell(m.oldest, age)
		tell(m.dead, float64(of.Dead))
		tell(m.paused, paused)
	}
	m.deliveries.Collect(ch)
	m.took.Collect(ch)
	m.latency.Collect(ch)
}

// tally is what waits, as it was a moment ago. Subscriptions that are no more are forgotten.
func (m *Metrics) tally(now time.Time) map[string]triggers.Tally {
	m.counting.Lock()
	defer m.counting.Unlock()
	if now.Sub(m.asked) < tallyFresh {
		return m.last
	}
	ctx, cancel := context.WithTimeout(context.Background(), tallyMost)
	defer cancel()
	all, err := m.tallies(ctx)
	if err != nil {
		m.log.Warn("the metrics do not tell what waits to be delivered", "error", err)
		m.last, m.asked = nil, now
		return nil
	}
	m.last, m.asked = all, now
	m.mu.Lock()
	defer m.mu.Unlock()
	for id := range m.seen {
		if _, there := all[id]; !there {
			m.deliveries.DeletePartialMatch(prometheus.Labels{"subscription": id})
			delete(m.seen, id)
		}
	}
	return all
}
