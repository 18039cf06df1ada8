package pace

import (
	"context"
	"crypto/rand"
	"strconv"
	"sync"
	"time"

	"sluice/proxy/pace/lease"
)

// Leases say how a process shares limits with others. All that share must say the same.
type Leases struct {
	Store   lease.Store   // nil: nothing is shared
	TTL     time.Duration // how long places may be used without a word from the store; 0 = DefaultTTL, a second at least
	Transit time.Duration // how long after its sending a call may still reach the vendor; 0 = DefaultTransit
	Share   float64       // of each limit, while the store cannot be reached: 1/processes at most; 0 = then nothing goes
}

// The defaults of Leases.
const (
	DefaultTTL     = 5 * time.Second
	DefaultTransit = 5 * time.Second
)

// Node is this process among those that share limits. It is safe for concurrent use. Close ends all that it does.
type Node struct {
	leases  Leases
	name    string // of this life of the process
	alive   context.Context
	stop    context.CancelFunc
	running sync.WaitGroup // the beat, and trades under way

	mu         sync.Mutex // held for no other lock and no call of the store
	closed     bool
	epoch      string
	ledgers    int // how many were made
	schedulers map[*Scheduler]struct{}
}

// NewNode returns a node that beats until it is closed; nil when there is no store.
func NewNode(leases Leases) *Node {
	if leases.Store == nil {
		return nil
	}
	if leases.TTL == 0 {
		leases.TTL = DefaultTTL
	}
	if leases.Transit == 0 {
		leases.Transit = DefaultTransit
	}
	leases.TTL, leases.Transit = max(leases.TTL, time.Second), max(leases.Transit, 0)
	leases.Share = min(max(leases.Share, 0), 1)
	n := &Node{leases: leases, name: rand.Text(), schedulers: map[*Scheduler]struct{}{}}
	n.alive, n.stop = context.WithCancel(context.Background())
	n.running.Go(n.beat)
	return n
}

// ledger makes the ledger of a bucket. Each has a name of its own, because a name that comes back without its places would be taken for
// one that has given them up.
func (n *Node) ledger(key string, rule Rule) *lease.Ledger {
	terms := TermsOf(rule)
	terms.TTL, terms.Transit, terms.Share = n.leases.TTL, n.leases.Transit, n.leases.Share
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ledgers++
	return lease.NewLedger(key, n.name+"."+strconv.Itoa(n.ledgers), terms)
}

// join makes a scheduler one of those that are told when the store has forgotten everything.
func (n *Node) join(s *Scheduler) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.closed {
		n.schedulers[s] = struct{}{}
	}
}

// leave is the end of that, unless the scheduler has leases again.
func (n *Node) leave(s *Scheduler) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.schedulers, s)
}

func (n *Node) joined() (all []*Scheduler) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for s := range n.schedulers {
		all = append(all, s)
	}
	return all
}

// begin tells whether a trade may be taken to the store; the caller then calls running.Done.
func (n *Node) begin() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return false
	}
	n.running.Add(1)
	return true
}

// patience is how long the store has for an answer.
func (n *Node) patience() time.Duration { return n.leases.TTL / 4 }

// trade takes a word to the store.
func (n *Node) trade(trade lease.Trade) (lease.Grant, error) {
	ctx, cancel := context.WithTimeout(n.alive, n.patience())
	defer cancel()
	return n.leases.Store.Trade(ctx, trade)
}

// beat tells the store every TTL/2 that the node lives, and forgets what is idle for good.
func (n *Node) beat() {
	ticker := time.NewTicker(n.leases.TTL / 2)
	defer ticker.Stop()
	for {
		ctx, cancel := context.WithTimeout(n.alive, n.patience())
		epoch, err := n.leases.Store.Beat(ctx, n.name)
		cancel()
		if err == nil {
			n.hear(epoch)
		}
		for _, s := range n.joined() {
			s.tidy()
		}
		select {
		case <-n.alive.Done():
			return
		case <-ticker.C:
		}
	}
}

// hear takes in the life of the store. After another one than before, each ledger says anew where it stands.
func (n *Node) hear(epoch string) {
	n.mu.Lock()
	changed := n.epoch != "" && n.epoch != epoch
	n.epoch = epoch
	n.mu.Unlock()
	if changed {
		for _, s := range n.joined() {
			s.restate()
		}
	}
}

// Close gives back what idles and ends the beat and all trades. What is out then comes free at the store by itself. Callers who still
// wait for a shared limit wait in vain, so it is called after the last of them. It takes a quarter of a TTL at most.
func (n *Node) Close() {
	n.mu.Lock()
	closed := n.closed
	n.closed = true
	n.mu.Unlock()
	if closed {
		return
	}
	n.stop()
	n.running.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), n.patience())
	defer cancel()
	var words sync.WaitGroup
	for _, s := range n.joined() {
		for _, trade := range s.lastWords() {
			words.Go(func() { _, _ = n.leases.Store.Trade(ctx, trade) }) // what does not arrive lapses
		}
	}
	words.Wait()
}
