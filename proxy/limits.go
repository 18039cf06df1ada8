package proxy

import (
	"cmp"
	"encoding/hex"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"sluice/proxy/pace"
	"sluice/proxy/pace/shadow"
)

// ConnectionLimits are the buckets of one connection at one moment.
type ConnectionLimits struct {
	Connection string        `json:"connection"`
	Buckets    []BucketState `json:"buckets"`
	More       int           `json:"more"` // buckets that are there and not shown
}

// BucketState is one bucket, as the admin page and `sluice limits` show it. Times are milliseconds.
type BucketState struct {
	Bucket     string      `json:"bucket"`
	Policy     string      `json:"policy,omitempty"`     // which limit of the vendor's headers it listens to
	Address    string      `json:"address,omitempty"`    // the source address that the vendor counts by
	Credential string      `json:"credential,omitempty"` // a few digits of a hash; another one after every start
	Kind       string      `json:"kind"`                 // how the vendor counts
	Configured bool        `json:"configured"`           // Kind was configured, and not found out
	Concurrent bool        `json:"concurrent,omitempty"` // Limit is of calls under way
	Limit      int         `json:"limit,omitempty"`      // 0 = none is known
	WindowMs   int64       `json:"windowMs,omitempty"`   // 0 = none is known
	Left       *int        `json:"left,omitempty"`       // calls that may go at once; missing where nothing is limited
	Out        int         `json:"out"`                  // calls under way
	ResetMs    int64       `json:"resetMs,omitempty"`    // until the window ends, where it is known to
	ShutMs     int64       `json:"shutMs,omitempty"`     // until calls may go again after a refusal
	Others     float64     `json:"others"`               // calls of others per window
	TripMs     float64     `json:"tripMs"`               // usual round trip
	Lanes      []LaneState `json:"lanes"`                // most urgent first
}

// LaneState is who waits in one lane of a bucket, and what a caller who comes now can expect.
type LaneState struct {
	Lane    string `json:"lane"`
	Waiting int    `json:"waiting"`
	WaitMs  int64  `json:"waitMs"`        // predicted for one who comes now
	Why     string `json:"why,omitempty"` // why it would wait
}

// Waiting is how many calls wait in all lanes.
func (b *BucketState) Waiting() (all int) {
	for _, l := range b.Lanes {
		all += l.Waiting
	}
	return all
}

// Limits tells how the buckets of a connection stand, those of most interest first: where most calls wait, then where the least is left.
// Of the rest it tells how many there are. An error is a *fault.Error that says that there is no such connection.
func (u *Upstreams) Limits(connection string, most int) (ConnectionLimits, error) {
	shown := ConnectionLimits{Connection: connection, Buckets: []BucketState{}}
	if _, ok := u.live.Load().byName[connection]; !ok {
		return shown, unknownConnection(connection)
	}
	gates := u.opts.Metrics.buckets.of(connection)
	if gates == nil {
		return shown, nil
	}
	names := gates.policyNames()
	gates.each(func(key gateKey, gate *gate, s pace.State) {
		shown.Buckets = append(shown.Buckets, bucketState(key, gate, &s, cmp.Or(gate.policy, names[s.Name])))
	})
	slices.SortFunc(shown.Buckets, func(a, b BucketState) int {
		return cmp.Or(cmp.Compare(b.Waiting(), a.Waiting()), cmp.Compare(a.room(), b.room()), cmp.Compare(a.Bucket, b.Bucket),
			cmp.Compare(a.Address, b.Address), cmp.Compare(a.Credential, b.Credential))
	})
	if shown.More = max(0, len(shown.Buckets)-most); shown.More > 0 {
		shown.Buckets = shown.Buckets[:most]
	}
	return shown, nil
}

// room is what is left of a bucket, for comparison.
func (b *BucketState) room() int {
	if b.Left == nil {
		return math.MaxInt
	}
	return *b.Left
}

// policyNames says which limit of the vendor's headers each learned bucket listens to.
func (g *gates) policyNames() map[string]string {
	g.mu.RLock()
	defer g.mu.RUnlock()
	names := map[string]string{}
	for _, known := range g.policies {
		for _, p := range known {
			names[p.bucket] = p.shown()
		}
	}
	return names
}

func bucketState(key gateKey, gate *gate, s *pace.State, policy string) BucketState {
	m := &s.Model
	b := BucketState{
		Bucket: s.Name, Policy: policy, Kind: m.Kind.String(), Configured: m.Configured || m.Concurrent, Concurrent: m.Concurrent,
		Limit: m.Limit, WindowMs: m.Window.Milliseconds(), Out: m.Out, ResetMs: m.Reset.Milliseconds(), ShutMs: m.Shut.Milliseconds(),
		Others: math.Round(m.Others*10) / 10, TripMs: float64(m.Trip.Round(100*time.Microsecond)) / float64(time.Millisecond),
	}
	if m.Concurrent {
		b.Kind = "concurrent"
	}
	if m.Left >= 0 {
		b.Left = &m.Left
	}
	switch key.by {
	case bySource:
		b.Address = gate.source.String()
	case byCredential:
		b.Credential = hex.EncodeToString(key.scope[:4])
	}
	for lane := range pace.Lane(shadow.Lanes) {
		b.Lanes = append(b.Lanes, LaneState{
			Lane: lane.String(), Waiting: s.Waiting[lane], WaitMs: s.Wait[lane].Milliseconds(), Why: s.Why[lane],
		})
	}
	return b
}

// shown is a policy's name for people; "" for one that is called nothing. What the vendor wrote may be meant for a terminal.
func (p policy) shown() string {
	if p.name == "" && p.window > 0 {
		return "w=" + strconv.FormatInt(int64(p.window/time.Second), 10)
	}
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, p.name)
}
