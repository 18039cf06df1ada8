package connectors

import (
	"net/http"
	"slices"
)

// Lane is how urgent a call is while calls wait for the vendor. The zero Lane says nothing: what the call is decides.
type Lane uint8

// The lanes, most urgent first.
const (
	Critical    Lane = iota + 1 // terminations and disables
	Interactive                 // provisioning writes and reads that somebody waits for
	Bulk                        // aggregation
)

// A table of the lanes' names, as configuration, headers and metrics spell them; that of the zero Lane is what a consumer without a
// lane of its own says.
var laneNames = [...]string{"auto", "critical", "interactive", "bulk"}

// String is the lane's name; "auto" when nothing is said.
func (l Lane) String() string { return laneNames[l] }

// ParseLane reads the name of one of the three lanes; auto is none of them.
func ParseLane(name string) (Lane, bool) {
	i := slices.Index(laneNames[Critical:], name)
	return Lane(i + 1), i >= 0
}

// over returns the more urgent of two lanes, of which either may say nothing.
func (l Lane) over(other Lane) Lane {
	if l == 0 || other != 0 && other < l {
		return other
	}
	return l
}

// A table of the methods that read: RFC 9110's, WebDAV's, and QUERY. TRACE is not among them because nobody may send it.
var reading = []string{http.MethodGet, http.MethodHead, http.MethodOptions, "PROPFIND", "REPORT", "SEARCH", "QUERY"}

// laneOf is the lane of a call of which nobody has said anything: a read, also one by POST that the connector calls safe, is bulk, because
// most reads are aggregation; a write is interactive. That a PUT or DELETE may be sent twice does not make it a read.
func laneOf(route *Route, method string) Lane {
	if slices.Contains(reading, method) || route.Safe && !slices.Contains(idempotent, method) {
		return Bulk
	}
	return Interactive
}

// Lane returns the lane of a call. asked is what the caller names for this call and goes before everything, if c may choose; zero
// is nothing. Else the more urgent of the route's lane and of c's own counts, and where neither says anything, what the call is.
// It allocates nothing.
func (c *Consumer) Lane(route *Route, method string, asked Lane) Lane {
	if c.ChooseLane && asked != 0 {
		return asked
	}
	if said := route.Lane.over(c.FixedLane); said != 0 {
		return said
	}
	return laneOf(route, method)
}
