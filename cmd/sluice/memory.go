package main

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// The garbage collector's defaults are made for heaps that are large beside what is allocated between two collections. A proxy's
// is small: it would collect a dozen times a second under load. So it collects less often while memory is small, and as often
// as needed to stay within a little more than what is in use when there are thousands of connections.
const (
	gcPercent   = 400
	leastMemory = 128 << 20 // bytes within which it may do as it likes
	memoryShare = 1.25      // of what is in use, once that is more
	memoryEvery = time.Second
)

// tuneMemory keeps the collector's bounds in line with what is in use, until ctx ends. GOGC and GOMEMLIMIT, when an operator has set one of
// them, are left to say what they say.
func tuneMemory(ctx context.Context) {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	percent, limit := debug.SetGCPercent(gcPercent), debug.SetMemoryLimit(leastMemory)
	go func() {
		tick := time.NewTicker(memoryEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				debug.SetGCPercent(percent)
				debug.SetMemoryLimit(limit)
				return
			case <-tick.C:
				debug.SetMemoryLimit(memoryLimit(inUse()))
			}
		}
	}()
}

// memoryLimit is the soft limit for so many bytes in use.
func memoryLimit(used uint64) int64 {
	return max(leastMemory, int64(float64(used)*memoryShare))
}

// inUse is what the last collection found alive, and the stacks and bookkeeping beside it.
func inUse() uint64 {
	samples := []metrics.Sample{
		{Name: "/gc/heap/live:bytes"},
		{Name: "/memory/classes/heap/stacks:bytes"},
		{Name: "/memory/classes/metadata/mspan/inuse:bytes"},
		{Name: "/memory/classes/metadata/other:bytes"},
		{Name: "/memory/classes/other:bytes"},
		{Name: "/memory/classes/profiling/buckets:bytes"},
	}
	metrics.Read(samples)
	sum := uint64(0)
	for _, s := range samples {
		if s.Value.Kind() == metrics.KindUint64 {
			sum += s.Value.Uint64()
		}
	}
	return sum
}
