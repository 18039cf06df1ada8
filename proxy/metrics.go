package proxy

import (
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sluice/proxy/pace/shadow"
)

// Metrics are what the request road counts. Labels are bounded: connection, route, bucket and consumer names come from the
// configuration, codes from HTTP, all other words from tables of ours.
type Metrics struct {
	requests   *prometheus.CounterVec
	duration   *prometheus.HistogramVec
	hold       *prometheus.HistogramVec
	holdError  *prometheus.HistogramVec
	refusals   *prometheus.CounterVec
	cache      *prometheus.CounterVec
	signIns    *prometheus.CounterVec
	retries    *prometheus.CounterVec
	unread     *prometheus.CounterVec
	breaker    *prometheus.GaugeVec
	token      *prometheus.GaugeVec
	tokenSince *prometheus.GaugeVec
	inFlight   prometheus.Gauge
	reloads    *prometheus.CounterVec
	reloadOK   prometheus.Gauge
	reloadTime prometheus.Gauge
	buckets    *bucketCollector

	budgetCalls, budgetRefused, budgetPermitted *prometheus.CounterVec

	collectors []prometheus.Collector // in the order in which they are collected
	byRoute    sync.Map               // routeKey → *routeMetrics
}

type routeKey struct{ connection, route string }

// routeMetrics are the handles of one route, so that the hot path hashes no labels.
type routeMetrics struct {
	duration prometheus.Observer
	hold     [shadow.Lanes]prometheus.Observer
}

var durationBuckets = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 25, 60, 120}

// errorBuckets are for a difference that may be negative.
var errorBuckets = []float64{-60, -25, -10, -5, -2.5, -1, -.25, 0, .25, 1, 2.5, 5, 10, 25, 60}

// NewMetrics returns metrics that count from zero.
func NewMetrics() *Metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "sluice", Name: name, Help: help}, labels)
	}
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "sluice", Name: name, Help: help}, labels)
	}
	histogram := func(name, help string, labels ...string) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: "sluice", Name: name, Help: help, Buckets: durationBuckets}, labels)
	}
	m := &Metrics{
		requests:   counter("requests_total", "Answers given, by who answered (wire = the vendor).", "connection", "route", "code", "answered"),
		duration:   histogram("request_duration_seconds", "From arrival to the answer's last byte, hold included.", "connection", "route"),
		hold:       histogram("hold_seconds", "How long requests waited for a place under a limit; those that did not wait are not in it.", "connection", "route", "lane"),
		refusals:   counter("refusals_total", "Refusals for too many calls: seen = the vendor said 429, avoided = a request waited and was then not refused, own = Sluice answered 429 because the wait would have outlasted the caller's patience, shed = the queue was full.", "connection", "route", "kind"),
		cache:      counter("cache_total", "Requests that a cache rule covers, by outcome.", "connection", "outcome"),
		signIns:    counter("sign_ins_total", "Sign-ins, by outcome: vendor, memory, stand_in, refused, failed.", "connection", "outcome"),
		retries:    counter("retries_total", "Requests sent once more, by reason.", "connection", "reason"),
		unread:     counter("transform_unread_total", "Values that no transform could read; they were left as they were.", "connection", "route"),
		breaker:    gauge("breaker_state", "0 = closed, 1 = half open, 2 = open.", "connection", "group"),
		tokenSince: gauge("token_fetched_timestamp_seconds", "When the token that Sluice holds was fetched; its age is time() less this.", "connection"),
		token:      gauge("token_expires_timestamp_seconds", "When the token that Sluice holds ends.", "connection"),
		reloads:    counter("config_reloads_total", "Configurations read, by outcome: applied, refused.", "outcome"),
		buckets:    newBucketCollector(),

		budgetCalls:     counter("budget_calls_total", "Calls that went to the vendor under a limit.", "connection", "bucket"),
		budgetRefused:   counter("budget_refused_total", "Calls under a limit that the vendor refused because there were too many.", "connection", "bucket"),
		budgetPermitted: counter("budget_permitted_total", "Calls that a limit would have permitted while it was in use: limit / window for each second in which calls waited under it, and for one window after each call. Of a limit that is not known, or that counts calls under way, it stands still. Calls made, less those refused, divided by it is how well a limit is used.", "connection", "bucket"),
	}
	m.holdError = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Namespace: "sluice", Name: "hold_error_seconds", Buckets: errorBuckets,
		Help: "How much longer a request waited for its place than was predicted when it came; less than 0 = shorter.",
	}, []string{"connection", "lane"})
	m.inFlight = prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "sluice", Name: "requests_in_flight", Help: "Requests under way, held ones included."})
	m.reloadOK = prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "sluice", Name: "config_last_reload_successful", Help: "1 when the configuration that was read last is in force."})
	m.reloadTime = prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "sluice", Name: "config_last_reload_success_timestamp_seconds", Help: "When a configuration was last taken into force."})
	m.collectors = []prometheus.Collector{m.requests, m.duration, m.hold, m.refusals, m.cache, m.signIns, m.retries, m.unread,
		m.breaker, m.token, m.tokenSince, m.inFlight, m.reloads, m.reloadOK, m.reloadTime, m.buckets,
		m.holdError, m.budgetCalls, m.budgetRefused, m.budgetPermitted}
	return m
}

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, c := range m.collectors {
		c.Describe(ch)
	}
}

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(ch chan<- prometheus.Metric) {
	for _, c := range m.collectors {
		c.Collect(ch)
	}
}

// route returns the handles of a route.
func (m *Metrics) route(connection, route string) *routeMetrics {
	key := routeKey{connection, route}
	if r, ok := m.byRoute.Load(key); ok {
		return r.(*routeMetrics)
	}
	fresh := &routeMetrics{duration: m.duration.WithLabelValues(connection, route)}
	for lane := range fresh.hold {
		fresh.hold[lane] = m.hold.WithLabelValues(connection, route, shadow.Lane(lane).String())
	}
	r, _ := m.byRoute.LoadOrStore(key, fresh)
	return r.(*routeMetrics)
}

// done counts a finished call.
func (m *Metrics) done(c *Call, r *routeMetrics, status int, took time.Duration) {
	m.requests.WithLabelValues(c.Connection.Name, c.Route.Name, statusLabel(status), c.Answered).Inc()
	r.duration.Observe(took.Seconds())
}

// statusLabels are the texts of all statuses, so that a label costs no allocation.
var statusLabels = func() (labels [600]string) {
	for i := range labels {
		labels[i] = strconv.Itoa(i)
	}
	return labels
}()

func statusLabel(status int) string {
	if status < 100 || status >= len(statusLabels) {
		return "other"
	}
	return statusLabels[status]
}

// Refusal counts a refusal of kind seen, avoided, own or shed.
func (m *Metrics) Refusal(connection, route, kind string) {
	m.refusals.WithLabelValues(connection, route, kind).Inc()
}

// held records a wait for a place, and what had been predicted of it.
func (m *Metrics) held(c *Call, lane shadow.Lane, waited, predicted time.Duration) {
	m.route(c.Connection.Name, c.Route.Name).hold[lane].Observe(c.Held.Seconds())
	m.holdError.WithLabelValues(c.Connection.Name, lane.String()).Observe((waited - predicted).Seconds())
}

// BreakerState records that the breaker of a connection's group is closed, half-open or open.
func (m *Metrics) BreakerState(connection, group, state string) {
	m.breaker.WithLabelValues(connection, group).Set(map[string]float64{"closed": 0, "half-open": 1, "open": 2}[state])
}

// CacheHit counts a request that a cache rule covers: hit, stale, miss, bypass.
func (m *Metrics) CacheHit(connection, outcome string) {
	m.cache.WithLabelValues(connection, outcome).Inc()
}

// TokenExpires records that the token of a connection was fetched now and until when it lives.
func (m *Metrics) TokenExpires(connection string, at time.Time) {
	m.tokenSince.WithLabelValues(connection).SetToCurrentTime()
	m.token.WithLabelValues(connection).Set(float64(at.Unix()))
}

// SignIn counts a sign-in by outcome.
func (m *Metrics) SignIn(connection, outcome string) {
	m.signIns.WithLabelValues(connection, outcome).Inc()
}

// Retried counts a request that was sent once more.
func (m *Metrics) Retried(connection, reason string) {
	m.retries.WithLabelValues(connection, reason).Inc()
}

// Reloaded records how reading a configuration ended.
func (m *Metrics) Reloaded(err error, at time.Time) {
	if err != nil {
		m.reloads.WithLabelValues("refused").Inc()
		m.reloadOK.Set(0)
		return
	}
	m.reloads.WithLabelValues("applied").Inc()
	m.reloadOK.Set(1)
	m.reloadTime.Set(float64(at.Unix()))
}
