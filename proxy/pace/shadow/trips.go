package shadow

import "time"

// trips is how long round trips take.
type trips struct {
	n        int
	shortest time.Duration
	usual    time.Duration // a moving average
}

// enoughTrips is how many round trips must be known before the shortest is trusted.
const enoughTrips = 8

func (r *trips) add(d time.Duration) {
	if d < 0 {
		return
	}
	if r.n == 0 || d < r.shortest {
		r.shortest = d
	}
	if r.n == 0 {
		r.usual = d
	}
	r.usual += (d - r.usual) / 8
	r.n++
}

// half is by how much the vendor counts a call before its answer comes, for sure enough: half of the shortest round trip. Of two calls a
// window apart, the later would have to travel there faster than the earlier by more than that for the vendor to see them closer
// together. Where it would win less than a part in two hundred of the window it is not worth even that risk, and 0.
func (r *trips) half(window time.Duration) time.Duration {
	if half := r.shortest / 2; r.n >= enoughTrips && half > window/200 {
		return half
	}
	return 0
}
