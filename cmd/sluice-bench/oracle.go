package main

import (
	"math/rand/v2"
	"time"
)

// bursts are arrivals as a connector makes them: runs of calls all at once, at times that nobody knows, load of the limit on average.
func bursts(load float64, limit int, window time.Duration, windows int, seed uint64) (arrivals []time.Duration) {
	random := rand.New(rand.NewPCG(seed, 11))
	const mean = 20.0
	gap := float64(window) * mean / (load * float64(limit))
	end := time.Duration(windows) * window
	for at := time.Duration(random.ExpFloat64() * gap); at < end; at += time.Duration(random.ExpFloat64() * gap) {
		for range 1 + random.IntN(int(2*mean)-1) {
			arrivals = append(arrivals, at)
		}
	}
	return arrivals
}

// oracleWaits is how long all arrivals would wait in sum before a client who knows the vendor's windows to the nanosecond: calls go in
// the order in which they came, each as soon as the window in which it would be counted has room.
func oracleWaits(arrivals []time.Duration, limit int, window, phase, trip time.Duration) (sum time.Duration) {
	var ends, last time.Duration // of the present window, when counted; when the last call was sent
	used := 0
	for _, came := range arrivals {
		sent := max(came, last)
		counted := sent + trip/2
		if counted >= ends {
			ends, used = windowEnd(counted, window, phase), 0
		}
		if used == limit {
			sent = ends - trip/2
			counted = ends
			ends, used = windowEnd(counted, window, phase), 0
		}
		used++
		sum += sent - came
		last = sent
	}
	return sum
}

// windowEnd is the end of the window that a time after begin falls into.
func windowEnd(after, window, phase time.Duration) time.Duration {
	at := begin.Add(after)
	return at.Add(-phase).Truncate(window).Add(window + phase).Sub(begin)
}
