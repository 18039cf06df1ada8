package aggregation

import "math"

// A partition is worth its bookkeeping when it lasts some minutes, and every worker has some, so that nodes that join or leave find work
// and the last partition is not waited for alone.
const (
	partitionMinutes = 5
	partitionsEach   = 4
	smallestPart     = 10
	largestPart      = 5_000
)

// Part is a run of accounts among those that are pending, in order of ID.
type Part struct{ First, Count int }

// Cut divides total pending accounts into partitions of nearly one size. perMinute is what their call's limit permits in all, 0 where
// none binds; workers is how many partitions are read at once, over all nodes and addresses.
func Cut(total int, perMinute float64, workers int) []Part {
	if total <= 0 {
		return nil
	}
	workers = max(1, workers)
	size := largestPart
	if perMinute > 0 {
		size = int(math.Ceil(perMinute / float64(workers) * partitionMinutes))
	}
	size = min(size, (total+workers*partitionsEach-1)/(workers*partitionsEach))
	size = min(max(size, smallestPart), largestPart)
	n := (total + size - 1) / size
	out := make([]Part, n)
	for i := range out {
		first := i * total / n
		out[i] = Part{first, (i+1)*total/n - first}
	}
	return out
}
