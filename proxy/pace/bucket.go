package pace

import (
	"time"

	"sluice/proxy/pace/shadow"
)

// Bucket is one limit at a vendor: its governor, and who waits for it. It belongs to the Lineup that made it.
type Bucket struct {
	name   string
	number uint32
	floor  float64
	gov    *shadow.Governor
	leased *leased // nil: the governor counts
	lanes  [shadow.Lanes]ledger
	owing  float64 // places owed to bulk by the floor, at most one
	elder  *line   // the line that this bucket keeps its next place for
	use    use
	wakes  time.Time
	slot   int // in Lineup.wakes
	stale  bool
}

// unknownWindow stands for the window of a limit of which it is not known, or that has none because it counts calls under way.
const unknownWindow = time.Minute

// ages is how long bulk may go without a grant before it is due.
func (b *Bucket) ages() time.Duration {
	if window := b.gov.Window(); window > 0 {
		return window
	}
	return unknownWindow
}

func newBucket(name string, number uint32, gov *shadow.Governor, floor float64) *Bucket {
	b := &Bucket{name: name, number: number, floor: floor, gov: gov, slot: -1}
	for lane := range b.lanes {
		b.lanes[lane].bucket, b.lanes[lane].lane = b, Lane(lane)
	}
	return b
}

// Name is the bucket's name.
func (b *Bucket) Name() string { return b.name }

func (b *Bucket) before(than *Bucket) bool { return b.wakes.Before(than.wakes) }
func (b *Bucket) seat() *int               { return &b.slot }

// parked tells whether lines of a lane are parked here.
func (b *Bucket) parked(lane Lane) bool { return b.lanes[lane].turns.len() > 0 }

func (b *Bucket) anyParked() bool {
	return b.parked(shadow.Critical) || b.parked(shadow.Interactive) || b.parked(shadow.Bulk)
}

// room tells whether a call on these terms may go now.
func (b *Bucket) room(now time.Time, terms Lane) bool { return !b.free(now, terms).After(now) }

// free is when a call on these terms may go: never, when that depends on an answer or on a trade.
func (b *Bucket) free(now time.Time, terms Lane) time.Time {
	at := b.gov.Next(now, terms)
	if b.leased != nil {
		at = later(at, b.leased.ledger.Next(now))
	}
	return at
}

// due tells whether the next place is bulk's, before interactive calls: by the floor, or because it has waited a whole window. An elder
// waits here wherever its line is parked.
func (b *Bucket) due(now time.Time) bool {
	const rounding = 1e-9
	bulk := &b.lanes[shadow.Bulk]
	since := bulk.since
	switch {
	case b.parked(shadow.Bulk):
	case b.elder != nil && b.elder.lane == shadow.Bulk:
		since = later(b.elder.since, bulk.last)
	default:
		return false
	}
	if b.floor > 0 && b.owing+b.floor >= 1-rounding {
		return true
	}
	if now.Sub(since) >= b.ages() {
		return !b.parked(shadow.Interactive) || !b.lanes[shadow.Interactive].since.Before(since)
	}
	return false
}

// took counts a grant for the floor.
func (b *Bucket) took(lane Lane) {
	if b.parked(shadow.Critical) || !b.parked(shadow.Bulk) && lane != shadow.Bulk {
		return
	}
	switch lane {
	case shadow.Interactive:
		b.owing = min(b.owing+b.floor, 1)
	case shadow.Bulk:
		b.owing = max(b.owing+b.floor-1, 0)
	}
}

// next is the line that goes next of those parked here, and the terms on which it may: its own lane's, or those of interactive calls for
// bulk that is due and for an elder. It is nil when nobody is parked here or the next place is kept for an elder parked elsewhere.
func (b *Bucket) next(now time.Time) (l *line, terms Lane) {
	var lane Lane
	switch {
	case b.parked(shadow.Critical):
		lane, terms = shadow.Critical, shadow.Critical
	case b.due(now):
		lane, terms = shadow.Bulk, shadow.Interactive
	case b.parked(shadow.Interactive):
		lane, terms = shadow.Interactive, shadow.Interactive
	case b.parked(shadow.Bulk):
		lane, terms = shadow.Bulk, shadow.Bulk
	default:
		return nil, shadow.Bulk
	}
	if b.keepsFrom(lane) {
		if b.elder.parked != b {
			return nil, terms
		}
		return b.elder, min(b.elder.lane, shadow.Interactive)
	}
	return b.lanes[lane].turns.top().lines.top(), terms
}

// keepsFrom tells whether the next place is kept for an elder and a call of this lane does not go before it.
func (b *Bucket) keepsFrom(lane Lane) bool { return b.elder != nil && b.elder.lane <= lane }

// wake is when the next line parked here may go: never, when that depends on another bucket or on an answer.
func (b *Bucket) wake(now time.Time) time.Time {
	l, terms := b.next(now)
	if l == nil {
		return never
	}
	at := b.free(now, terms)
	if terms == shadow.Bulk { // waiting long enough makes its terms easier
		eased := b.lanes[shadow.Bulk].since.Add(b.ages())
		at = earlier(at, later(eased, b.free(now, shadow.Interactive)))
	}
	return at
}

// never is a time that only an event can bring nearer.
var never = time.Unix(1<<40, 0)

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// callers is how many wait here, by lane.
func (b *Bucket) callers() (n [shadow.Lanes]int) {
	for lane := range b.lanes {
		n[lane] = b.lanes[lane].waiting
	}
	return n
}

// ahead is how many calls go before one that has inLane others of its own lane before it, when so many wait.
func (b *Bucket) ahead(lane Lane, inLane int, waiting [shadow.Lanes]int) int {
	switch lane {
	case shadow.Critical:
		return inLane
	case shadow.Interactive: // and what the floor lets through meanwhile
		let := int(float64(inLane+1) * b.floor / (1 - b.floor))
		return waiting[shadow.Critical] + inLane + min(waiting[shadow.Bulk], let)
	}
	others := waiting[shadow.Interactive]
	if b.floor > 0 { // no more go before it than the floor leaves them
		others = min(others, int(float64(inLane+1)*(1-b.floor)/b.floor))
	}
	return waiting[shadow.Critical] + others + inLane
}

// newcomer predicts the wait of a caller who comes now, by who goes before it.
func (b *Bucket) newcomer(now time.Time, c *Caller) (wait time.Duration, ahead int) {
	ledger, own := &b.lanes[c.Lane], 0
	if a := ledger.accounts[c.Consumer]; a != nil {
		own = a.waiting
	}
	inLane := ledger.rounds.upTo(own + 1)
	if c.Again { // before its consumer's others
		inLane = ledger.rounds.upTo(1) - min(own, 1)
	}
	ahead = b.ahead(c.Lane, inLane, b.callers())
	return b.wait(now, c.Lane, ahead), ahead
}

// wait predicts the wait of a caller with so many others before it.
func (b *Bucket) wait(now time.Time, lane Lane, ahead int) time.Duration {
	if ahead == 0 && b.room(now, lane) {
		return 0
	}
	wait := b.gov.Wait(now, lane, ahead)
	if b.leased != nil {
		wait = max(wait, b.leased.ledger.Wait(now, ahead))
	}
	return wait
}

// places is how many calls of a lane may go at once.
func (b *Bucket) places(now time.Time, lane Lane) int {
	n := b.gov.Places(now, lane)
	if b.leased != nil {
		n = min(n, b.leased.ledger.Available(now))
	}
	return n
}

// hurry lets spacing rest if that is all that keeps a caller with ahead others before it from a place within its patience.
func (b *Bucket) hurry(now time.Time, lane Lane, ahead int, patience time.Duration) bool {
	if b.leased != nil && b.leased.ledger.Wait(now, ahead) > patience {
		return false
	}
	return b.gov.Hurry(now, lane, ahead, patience)
}

// passes is how many of the callers here one who comes does not go before.
func (b *Bucket) passes(lane Lane) (n int) {
	for other := range lane + 1 {
		n += b.lanes[other].waiting
	}
	return n
}

// state tells how the bucket stands.
func (b *Bucket) state(now time.Time) State {
	s := State{Name: b.name, Limit: b.gov.Limit(), Waiting: b.callers(), Model: b.gov.State(now)}
	if b.leased != nil {
		s.Model.Left = b.leased.ledger.Available(now)
	}
	b.use.advance(now, b)
	s.Permitted, s.Used = b.use.permitted, b.use.sent
	for lane := range Lane(shadow.Lanes) {
		s.Places[lane] = b.places(now, lane)
		s.Wait[lane], _ = b.newcomer(now, &Caller{Lane: lane})
		s.Why[lane] = b.why(now, lane)
	}
	return s
}

// why says in words why one who comes now waits here.
func (b *Bucket) why(now time.Time, lane Lane) string {
	if text := b.gov.Why(now, lane); text != "" {
		return text
	}
	if b.leased != nil {
		if text := b.leased.ledger.Why(now); text != "" {
			return text
		}
	}
	switch {
	case b.keepsFrom(lane) && !b.blockedBy(lane):
		return "the next place is kept for a call that needs places under several limits at once"
	case b.blockedBy(lane):
		return "others wait before it"
	}
	return ""
}
