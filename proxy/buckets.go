package proxy

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"sluice/proxy/pace"
)

// bucketCollector reads the pace buckets when metrics are scraped. A limit that counts by address or credential has a bucket per key; what
// is shown is the sum over them, so that labels stay bounded.
type bucketCollector struct {
	mu    sync.Mutex
	gates map[string]*gates // by connection

	limit, remaining, waiting *prometheus.Desc
}

func newBucketCollector() *bucketCollector {
	desc := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc("sluice_budget_"+name, help, []string{"connection", "bucket"}, nil)
	}
	return &bucketCollector{
		gates:     map[string]*gates{},
		limit:     desc("limit", "Calls per window, over all source addresses or credentials."),
		remaining: desc("remaining", "Calls that may go at once."),
		waiting:   desc("waiting", "Requests held for a place."),
	}
}

// watch names the buckets of a connection, in place of those it had before.
func (b *bucketCollector) watch(connection string, g *gates) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.gates[connection] = g
}

// retain forgets the connections that are not in live.
func (b *bucketCollector) retain(live map[string]*upstream) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for name := range b.gates {
		if live[name] == nil {
			delete(b.gates, name)
		}
	}
}

// Describe implements prometheus.Collector.
func (b *bucketCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- b.limit
	ch <- b.remaining
	ch <- b.waiting
}

// Collect implements prometheus.Collector.
func (b *bucketCollector) Collect(ch chan<- prometheus.Metric) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for connection, gates := range b.gates {
		sums := map[string]pace.State{}
		gates.each(func(rule string, s pace.State) {
			sum := sums[rule]
			sum.Limit += s.Limit
			sum.Waiting += s.Waiting
			if s.Limit > 0 {
				sum.Places += s.Places
			}
			sums[rule] = sum
		})
		for rule, s := range sums {
			gauge := func(desc *prometheus.Desc, v int) {
				ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, float64(v), connection, rule)
			}
			gauge(b.waiting, s.Waiting)
			if s.Limit > 0 {
				gauge(b.limit, s.Limit)
				gauge(b.remaining, s.Places)
			}
		}
	}
}
