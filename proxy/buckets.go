package proxy

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"sluice/proxy/pace"
	"sluice/proxy/pace/shadow"
)

// bucketCollector reads the pace buckets when metrics are scraped. A limit that counts by address or credential has a bucket per key; what
// is shown is the sum over them, so that labels stay bounded.
type bucketCollector struct {
	mu    sync.Mutex
	gates map[string]*gates // by connection

	limit, remaining, waiting *prometheus.Desc
}

func newBucketCollector() *bucketCollector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("sluice_budget_"+name, help, append([]string{"connection", "bucket"}, labels...), nil)
	}
	return &bucketCollector{
		gates:     map[string]*gates{},
		limit:     desc("limit", "Calls per window, or under way at once where the vendor counts that, over all source addresses or credentials."),
		remaining: desc("remaining", "Calls that may go at once, of the most urgent lane."),
		waiting:   desc("waiting", "Requests held for a place.", "lane"),
	}
}

// watch names the buckets of a connection, in place of those it had before.
func (b *bucketCollector) watch(connection string, g *gates) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.gates[connection] = g
}

// of returns the buckets of a connection, nil when it has none.
func (b *bucketCollector) of(connection string) *gates {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.gates[connection]
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

// Collect implements prometheus.Collector. It brings the counters of what was permitted up to date, so they are collected after it.
func (b *bucketCollector) Collect(ch chan<- prometheus.Metric) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for connection, gates := range b.gates {
		sums := map[string]pace.State{}
		gates.each(func(_ gateKey, gate *gate, s pace.State) {
			gate.permit(s.Permitted)
			sum := sums[s.Name]
			sum.Limit += s.Limit
			for lane, n := range s.Waiting {
				sum.Waiting[lane] += n
				if s.Limit > 0 {
					sum.Places[lane] += s.Places[lane]
				}
			}
			sums[s.Name] = sum
		})
		for bucket, s := range sums {
			gauge := func(desc *prometheus.Desc, v int, labels ...string) {
				ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, float64(v), append([]string{connection, bucket}, labels...)...)
			}
			for lane, n := range s.Waiting {
				gauge(b.waiting, n, pace.Lane(lane).String())
			}
			if s.Limit > 0 {
				gauge(b.limit, s.Limit)
				gauge(b.remaining, s.Places[shadow.Critical])
			}
		}
	}
}
