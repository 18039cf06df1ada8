package pace

import (
	"slices"
	"time"
)

// ledger is who has had how many turns in one lane of one bucket.
type ledger struct {
	bucket   *Bucket
	lane     Lane
	accounts map[string]*account // by consumer
	roomFor  int                 // accounts before it looks again which it can do without
	turns    heap[*account]      // those with a line parked here
	turn     uint64              // the latest that was taken: who comes now starts from it
	waiting  int                 // callers, wherever their lines are parked
	rounds   rounds
	last     time.Time // the latest grant
	since    time.Time // lines are parked here and none was granted since
}

// account is one consumer's in a ledger.
type account struct {
	ledger  *ledger
	name    string
	turn    uint64 // its next
	waiting int    // its callers, wherever their lines are parked
	all     []*line
	lines   heap[*line] // those parked here
	slot    int         // in ledger.turns
}

// head is who goes next of those parked here.
func (a *account) head() *Waiter { return a.lines.top().head() }

func (a *account) before(than *account) bool {
	if a.turn != than.turn {
		return a.turn < than.turn
	}
	return a.head().earlier(than.head())
}
func (a *account) seat() *int { return &a.slot }

// idleAccounts is how many accounts a ledger has before it looks for the first time which of them it can do without.
const idleAccounts = 32

// open returns the account of a consumer. One who has been away long enough begins where the others are.
func (g *ledger) open(consumer string) *account {
	if a := g.accounts[consumer]; a != nil {
		return a
	}
	if g.accounts == nil {
		g.accounts = map[string]*account{}
	}
	if len(g.accounts) >= max(g.roomFor, idleAccounts) {
		for name, a := range g.accounts {
			if a.waiting == 0 && a.turn <= g.turn {
				delete(g.accounts, name)
			}
		}
		g.roomFor = 2 * len(g.accounts) // so that looking costs O(1) for each that is opened
	}
	a := &account{ledger: g, name: consumer}
	g.accounts[consumer] = a
	return a
}

// enter counts one more caller of a consumer.
func (a *account) enter() {
	a.waiting++
	a.ledger.waiting++
	a.ledger.rounds.add(a.waiting, 1)
}

// leave counts one less.
func (a *account) leave() {
	a.ledger.rounds.add(a.waiting, -1)
	a.waiting--
	a.ledger.waiting--
}

// charge takes a turn.
func (a *account) charge(now time.Time) {
	g := a.ledger
	g.turn = max(g.turn, a.turn)
	a.turn = g.turn + 1
	g.last, g.since = now, now
	if g.turns.holds(a) {
		g.turns.fix(a)
	}
}

// park has a line wait here.
func (a *account) park(l *line) {
	g := a.ledger
	since := l.since
	if since.Before(g.last) {
		since = g.last
	}
	if g.turns.len() == 0 || since.Before(g.since) {
		g.since = since
	}
	a.lines.push(l)
	if g.turns.holds(a) {
		g.turns.fix(a)
		return
	}
	a.turn = max(a.turn, g.turn) // what it did not want here is not saved up
	g.turns.push(a)
}

// unpark ends that.
func (a *account) unpark(l *line) {
	a.lines.remove(l)
	if a.lines.len() == 0 {
		a.ledger.turns.remove(a)
		return
	}
	a.ledger.turns.fix(a)
}

// mend follows a line whose head has changed.
func (a *account) mend(l *line) {
	a.lines.fix(l)
	a.ledger.turns.fix(a)
}

func (a *account) forget(l *line) {
	if i := slices.Index(a.all, l); i >= 0 {
		a.all = slices.Delete(a.all, i, i+1)
	}
}
