package lease

import (
	"cmp"
	"slices"
	"time"
)

// Book is what a store knows of one bucket: where each node stands. It is plain data; the zero Book is a bucket that nobody has used.
type Book struct {
	At    time.Duration // the store's time of the last trade
	Nodes map[string]*Account
}

// Account is the last word of one node, in the store's time.
type Account struct {
	Seq       uint64        // of that word
	Ends      time.Duration // the node does not send any more with what it holds, unless it is heard before
	Lapses    time.Duration // what it holds is free then, unless it is heard before
	Holds     int           // places in its hand and out
	Spent     []Taken
	Strangers []Taken
	Wants     int
}

// Taken is places that come free together.
type Taken struct {
	Free  time.Duration
	Calls int
}

// Trade does one trade that the pulse has just heard.
func (b *Book) Trade(pulse Pulse, trade Trade) (Grant, error) {
	if err := trade.Check(); err != nil {
		return Grant{}, err
	}
	b.At = max(b.At, pulse.At)
	b.expire()
	if known := b.Nodes[trade.Node]; known != nil && trade.Seq <= known.Seq {
		return Grant{}, ErrStale
	}
	terms := trade.Terms
	a := &Account{
		Seq: trade.Seq, Ends: b.At + terms.TTL, Lapses: b.At + terms.lapse(), Holds: trade.Holds, Wants: trade.Wants,
		Spent: b.taken(trade.Spent), Strangers: b.taken(trade.Strangers),
	}
	if b.Nodes == nil {
		b.Nodes = make(map[string]*Account)
	}
	b.Nodes[trade.Node] = a
	grant := Grant{Places: max(0, b.grant(pulse, terms, a)), Epoch: pulse.Epoch}
	a.Holds += grant.Places
	a.Wants -= grant.Places
	if a.Wants > 0 {
		grant.Next = b.next(pulse, terms)
	}
	return grant, nil
}

// Idle tells whether the book says nothing that a new one would not.
func (b *Book) Idle(pulse Pulse) bool {
	b.At = max(b.At, pulse.At)
	b.expire()
	return len(b.Nodes) == 0
}

// grant is how many places the node of account a gets of those that it wants.
func (b *Book) grant(pulse Pulse, terms Terms, a *Account) int {
	if b.At < pulse.closed(terms) {
		return 0
	}
	capacity := terms.Limit - b.strangers()
	free := capacity
	for _, n := range b.Nodes {
		free -= n.places()
	}
	n := min(a.Wants, free, b.fair(capacity, free, a))
	if b.At < pulse.cautious(terms) {
		n = min(n, terms.share()-a.places())
	}
	return n
}

// fair is how many more places the node of account a may have beside the others: all that it wants if that leaves enough for them, and
// else until it has as many as any other node that wants more. Those that cannot be divided go to whoever asks first, once enough
// are left to bring all up to the same level. A node that was alone and has had more than that waits until enough of its places
// have come free.
func (b *Book) fair(capacity, free int, a *Account) int {
	level, odd := b.level(capacity)
	more := level - a.places()
	if odd && more >= 0 {
		for _, other := range b.Nodes {
			if other != a {
				free -= max(0, min(b.demand(other), level)-other.places())
			}
		}
		return max(more, min(more+1, free))
	}
	return more
}

// level is how many places a node has if all that want more than it have equally many; odd tells that some cannot be divided.
func (b *Book) level(capacity int) (level int, odd bool) {
	demands := make([]int, 0, len(b.Nodes))
	for _, a := range b.Nodes {
		demands = append(demands, b.demand(a))
	}
	slices.Sort(demands)
	for i, d := range demands {
		if rest := len(demands) - i; d > capacity/rest {
			return max(0, capacity) / rest, max(0, capacity)%rest > 0
		}
		capacity -= d
	}
	return demands[len(demands)-1], false
}

// demand is the places that a node has and wants. Who has fallen silent wants nothing.
func (b *Book) demand(a *Account) int {
	if b.At < a.Ends {
		return a.places() + a.Wants
	}
	return a.places()
}

// strangers is how many places others hold. Nodes that have been refused at the same time have seen the same strangers.
func (b *Book) strangers() (most int) {
	for _, a := range b.Nodes {
		most = max(most, count(a.Strangers))
	}
	return most
}

// next is how long it takes until something changes by itself; 0 when only a word of a node can change anything.
func (b *Book) next(pulse Pulse, terms Terms) time.Duration {
	at := never
	for _, end := range []time.Duration{pulse.closed(terms), pulse.cautious(terms)} {
		if end > b.At {
			at = min(at, end)
		}
	}
	for _, a := range b.Nodes {
		for _, list := range [][]Taken{a.Spent, a.Strangers} {
			if len(list) > 0 {
				at = min(at, list[0].Free)
			}
		}
		if a.Holds > 0 && a.Ends <= b.At {
			at = min(at, a.Lapses)
		}
	}
	if at == never {
		return 0
	}
	return at - b.At
}

// expire drops what time has made void.
func (b *Book) expire() {
	for name, a := range b.Nodes {
		a.Spent, a.Strangers = expire(a.Spent, b.At), expire(a.Strangers, b.At)
		if a.Lapses > b.At {
			continue
		}
		if a.Holds = 0; len(a.Spent)+len(a.Strangers) == 0 {
			delete(b.Nodes, name)
		}
	}
}

func (b *Book) taken(list []Spent) []Taken {
	out := make([]Taken, 0, len(list))
	for _, s := range list {
		if s.Calls > 0 && s.FreeIn > 0 {
			out = append(out, Taken{b.At + s.FreeIn, s.Calls})
		}
	}
	slices.SortFunc(out, func(x, y Taken) int { return cmp.Compare(x.Free, y.Free) })
	return out
}

// places is all that a node has in hand, out and in the window.
func (a *Account) places() int { return a.Holds + count(a.Spent) }

func count(list []Taken) (n int) {
	for _, s := range list {
		n += s.Calls
	}
	return n
}

// expire drops places that are free by t from the front of a list in order.
func expire(list []Taken, t time.Duration) []Taken {
	n := 0
	for n < len(list) && list[n].Free <= t {
		n++
	}
	return list[n:]
}
