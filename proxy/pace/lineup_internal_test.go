package pace

import (
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"sluice/proxy/pace/shadow"
)

// FuzzLineup plays any interleaving of joins, withdrawals, answers, losses and pauses over three buckets. Whatever happens, nobody who
// could go is left standing, no critical call is passed by another lane, what waits is granted or told no within its patience, and
// places are neither lost nor made.
func FuzzLineup(f *testing.F) {
	f.Add([]byte{0, 0, 0, 7, 0, 1, 1, 7, 6, 20, 2, 0, 0, 0, 2, 3, 6, 200})
	f.Add([]byte{0, 0, 2, 1, 0, 1, 2, 1, 0, 2, 1, 1, 0, 3, 0, 1, 6, 9, 2, 1, 9, 9, 9, 3, 4, 5, 0, 6, 255})
	f.Add([]byte{1, 0, 2, 3, 1, 0, 2, 3, 1, 0, 1, 3, 1, 1, 1, 3, 1, 2, 0, 3, 1, 0, 2, 3, 1, 0, 2, 3, 6, 255, 2, 3, 4, 0, 0, 1, 5, 1, 3, 6, 99})
	f.Fuzz(func(t *testing.T, script []byte) {
		p := newPlay(t, script[:min(len(script), 2000)]) // a longer play says nothing new
		p.q.lostTurns = 1 + p.byte()%3
		for len(p.script) > 0 {
			p.step()
			p.settle()
		}
		p.finish()
	})
}

// play drives a lineup by a script and keeps books of its own.
type play struct {
	t       *testing.T
	script  []byte
	now     time.Time
	q       *Lineup
	buckets []*Bucket
	waiting []*Waiter
	out     []Ticket // sent and not ended
}

func newPlay(t *testing.T, script []byte) *play {
	t.Helper()
	q := NewLineup(Settings{Bound: 40, Floor: DefaultFloor})
	return &play{t: t, script: script, q: q, now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC), buckets: []*Bucket{
		q.Bucket("all", Rule{Limit: 5, Window: 10 * time.Second}),
		q.Bucket("people", Rule{Limit: 3, Window: 30 * time.Second, Patience: 25 * time.Second}),
		q.Bucket("learned", Rule{}),
	}}
}

func (p *play) byte() int {
	if len(p.script) == 0 {
		return 0
	}
	b := p.script[0]
	p.script = p.script[1:]
	return int(b)
}

func (p *play) step() {
	switch op := p.byte() % 8; {
	case op <= 1:
		p.join()
	case op == 2 && len(p.out) > 0:
		flags := p.byte()
		p.q.Answer(p.now, p.takeOut(), Report{
			Refused: flags&3 == 3, HasLimit: flags&4 != 0, HasRemaining: flags&4 != 0, Limit: float64(flags % 9), Remaining: float64(p.byte() % 9),
			HasReset: flags&8 != 0, ResetAfter: time.Duration(p.byte()) * time.Second / 8,
		})
	case op == 3 && len(p.out) > 0:
		p.q.Lost(p.now, p.takeOut())
	case op == 4 && len(p.out) > 0:
		p.q.Unsend(p.now, p.takeOut())
	case op == 5 && len(p.waiting) > 0:
		at := p.byte() % len(p.waiting)
		w := p.waiting[at]
		p.waiting = append(p.waiting[:at:at], p.waiting[at+1:]...)
		p.q.Withdraw(p.now, w)
	default:
		p.now = p.now.Add(time.Duration(p.byte()) * 100 * time.Millisecond)
	}
}

func (p *play) takeOut() Ticket {
	at := p.byte() % len(p.out)
	t := p.out[at]
	p.out = append(p.out[:at:at], p.out[at+1:]...)
	return t
}

func (p *play) join() {
	who, where := p.byte(), p.byte()%7+1
	w := &Waiter{Caller: Caller{
		Consumer: string(rune('a' + who%4)), Lane: Lane(who / 4 % shadow.Lanes), Patience: 240 * time.Hour, Again: who&64 != 0,
	}}
	if who&128 != 0 {
		w.Patience = 20 * time.Second
	}
	for i, b := range p.buckets {
		if where&(1<<i) != 0 {
			w.Tickets = append(w.Tickets, Ticket{Bucket: b})
		}
	}
	refusal := p.q.Join(p.now, w)
	switch {
	case refusal != nil:
		if !refusal.Full && refusal.Wait <= w.Patience {
			p.t.Fatalf("refused with a predicted wait of %v under a patience of %v", refusal.Wait, w.Patience)
		}
	case w.Granted():
		p.granted(w)
	default:
		p.waiting = append(p.waiting, w)
	}
}

// granted holds a grant against those who still wait.
func (p *play) granted(w *Waiter) {
	p.out = append(p.out, w.Tickets...)
	for _, c := range p.waiting {
		if c.state == waiting && c.Lane == shadow.Critical && w.Lane != shadow.Critical && within(c, w) {
			p.t.Fatalf("a %v call went before a critical one that needs no more than its places", w.Lane)
		}
	}
}

// within tells whether all buckets of c are among those of w.
func within(c, w *Waiter) bool {
	n := 0
	for i := range c.Tickets {
		for j := range w.Tickets {
			if c.Tickets[i].Bucket == w.Tickets[j].Bucket {
				n++
			}
		}
	}
	return n == len(c.Tickets)
}

// settle grants and checks what must hold after it.
func (p *play) settle() {
	for _, w := range p.q.Grant(p.now) {
		if w.Granted() {
			p.granted(w)
		} else if w.Refusal() == nil {
			p.t.Fatalf("a caller ended in state %d without a word", w.state)
		}
	}
	stay := p.waiting[:0]
	for _, w := range p.waiting {
		if w.state == waiting {
			stay = append(stay, w)
		}
	}
	p.waiting = stay
	p.books()
	if _, ok := p.q.NextGrant(); len(p.out) == 0 && len(p.waiting) > 0 && !ok {
		p.t.Fatalf("nothing is out, %d callers wait, and no time is named at which one may go", len(p.waiting))
	}
	for _, l := range p.q.lines {
		if p.q.elder != nil {
			break
		}
		if l.head().until.Before(p.now) {
			p.t.Fatalf("a caller waits %v longer than its patience", p.now.Sub(l.head().until))
		}
		free := true
		asked := false // is about to be asked again: what is held back or was found out may just have been forgotten
		for _, a := range l.accounts {
			b := a.ledger.bucket
			free = free && b.room(p.now, l.lane)
			asked = asked || !b.wakes.IsZero() && b.wakes.Sub(p.now) <= 5*time.Second
		}
		if free && !asked {
			p.t.Fatalf("a %v call of %q is left standing though all of its buckets have room", l.lane, l.key.consumer)
		}
	}
}

// books holds the lineup's counts against the play's.
func (p *play) books() {
	if p.q.Waiting() != len(p.waiting) || p.q.patience.len() != len(p.waiting) {
		p.t.Fatalf("the lineup counts %d who wait and %d patiences, want %d", p.q.Waiting(), p.q.patience.len(), len(p.waiting))
	}
	inOrder(p.t, "patience", &p.q.patience)
	inOrder(p.t, "wakes", &p.q.wakes)
	for _, b := range p.buckets {
		for lane := range b.lanes {
			g := &b.lanes[lane]
			inOrder(p.t, "turns", &g.turns)
			want := 0
			for _, w := range p.waiting {
				if int(w.Lane) != lane {
					continue
				}
				for i := range w.Tickets {
					if w.Tickets[i].Bucket == b {
						want++
					}
				}
			}
			inAccounts := 0
			for _, a := range g.accounts {
				inAccounts += a.waiting
				inOrder(p.t, "lines", &a.lines)
				if (a.lines.len() > 0) != g.turns.holds(a) {
					p.t.Fatalf("%s: an account with %d lines parked is in turn: %t", b.name, a.lines.len(), g.turns.holds(a))
				}
			}
			if g.waiting != want || inAccounts != want || g.rounds.upTo(1<<20) != want {
				p.t.Fatalf("%s, lane %d: counts %d, accounts %d, rounds %d; want %d", b.name, lane, g.waiting, inAccounts, g.rounds.upTo(1<<20), want)
			}
			if (b.slot >= 0) != b.anyParked() {
				p.t.Fatalf("%s: in the list of those to wake: %t, lines parked: %t", b.name, b.slot >= 0, b.anyParked())
			}
		}
	}
}

// inOrder checks a heap.
func inOrder[T sortable[T]](t *testing.T, name string, h *heap[T]) {
	t.Helper()
	for i, x := range h.items {
		if i > 0 && x.before(h.items[(i-1)/2]) {
			t.Fatalf("%s: item %d goes before the one above it", name, i)
		}
		if *x.seat() != i {
			t.Fatalf("%s: item %d thinks that it is number %d", name, i, *x.seat())
		}
	}
}

// finish answers all that is out and lets time pass until nobody waits; then an idle bucket has all its places again.
func (p *play) finish() {
	for rounds := 0; len(p.waiting) > 0 || len(p.out) > 0; rounds++ {
		if rounds > 20_000 {
			p.t.Fatalf("%d callers wait still", len(p.waiting))
		}
		for len(p.out) > 0 {
			p.q.Answer(p.now, p.takeOut(), Report{})
		}
		p.settle()
		if at, ok := p.q.NextGrant(); ok && len(p.out) == 0 {
			if at.Sub(p.now) > 3*time.Hour {
				p.t.Fatalf("the next may go in %v", at.Sub(p.now))
			}
			p.now = later(p.now, at)
		}
		p.settle()
	}
	if len(p.q.lines) != 0 || p.q.wakes.len() != 0 || p.q.elder != nil {
		p.t.Fatalf("nobody waits, but %d lines and %d buckets are kept, elder %v", len(p.q.lines), p.q.wakes.len(), p.q.elder)
	}
	p.now = p.now.Add(2 * time.Hour)
	for i, b := range p.buckets[:2] {
		state := b.gov.State(p.now)
		if state.Kind == shadow.Refill { // found out from a refusal: it is trusted with less than the limit for a while
			continue
		}
		if got, limit := state.Left, b.gov.Limit(); got != limit {
			p.t.Fatalf("bucket %d has %d places at rest, want its limit of %d", i, got, limit)
		}
	}
}

// TestLineupLongScripts plays what the fuzzer seldom finds by itself: many who wait at once, for a long time.
func TestLineupLongScripts(t *testing.T) {
	t.Parallel()
	elders := 0
	for seed := range uint64(300) {
		random := rand.New(rand.NewPCG(seed, 1))
		script := make([]byte, 1500)
		for i := range script {
			script[i] = byte(random.Uint32())
		}
		p := newPlay(t, script)
		p.q.lostTurns = 1 + int(seed%2)*lostTurns
		for len(p.script) > 0 {
			p.step()
			p.settle()
			if p.q.elder != nil {
				elders++
			}
		}
		p.finish()
	}
	if elders == 0 {
		t.Error("no line was ever the elder: the scripts show nothing of it")
	}
}

// TestLedgerForgetsTheIdle: a ledger keeps no accounts of consumers who have long gone, but those that were served in this round: whoever
// comes back at once has had its turn.
func TestLedgerForgetsTheIdle(t *testing.T) {
	t.Parallel()
	g := &ledger{turn: 5}
	g.open("served").turn = 6
	waits := g.open("waits")
	waits.enter()
	for i := range 10_000 {
		g.open(strconv.Itoa(i))
	}
	if got := len(g.accounts); got > 4*idleAccounts {
		t.Errorf("%d accounts after 10,000 consumers who came and went, want at most %d", got, 4*idleAccounts)
	}
	if got := g.open("served").turn; got != 6 {
		t.Errorf("who was served in this round has turn %d, want 6", got)
	}
	if g.open("waits") != waits {
		t.Error("the account of one who waits was forgotten")
	}
}
