package proxy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"

	"sluice/connectors"
	"sluice/proxy/pace"
	"sluice/proxy/pace/lease"
)

// Leases say how limits are shared with other processes. The zero value is a process by itself.
type Leases = pace.Leases

// newNode makes this process one of those that share limits; nil when there is no store.
func newNode(opts Options) *pace.Node {
	if opts.Leases.Store == nil {
		return nil
	}
	leases := opts.Leases
	leases.Store = &loudStore{Store: leases.Store, log: opts.Log}
	return pace.NewNode(leases)
}

// shareable tells whether other processes spend the limit of a rule too, and leases can count it. A source address is this machine's own.
// Of limits that count by credential only those are shared of which Sluice holds the credential: a key in the store for each that
// callers bring would have to be made of it, and a hash of a weak password can be tried by whoever reads the store. How many calls are
// under way has no window in which a place of a dead process comes free.
func shareable(conn *connectors.Connection, rule *connectors.Rule) bool {
	if rule.Concurrent > 0 || rule.Limit < 1 || rule.Window <= 0 {
		return false
	}
	return rule.Scope == "connection" || rule.Scope == "credential" && conn.Managed
}

// poolOf names a connection to all processes that share its limits.
func poolOf(conn *connectors.Connection) string {
	return fmt.Sprintf("%q %q", conn.Name, conn.Base.String())
}

// sharedBucket makes the bucket of a key that other processes share. In the store it is known by what says which of the vendor's limits it
// is. How many calls that permits is not part of the name: while a new number is rolled out, processes of both configurations still spend
// the same places.
func (g *gates) sharedBucket(key gateKey) *pace.Bucket {
	return g.scheduler.Shared(key.rule, key.conf, fmt.Sprintf("%s %q %q", g.pool, key.rule, key.policy))
}

// loudStore says in the log when the store of leases cannot be reached, and when it can again.
type loudStore struct {
	lease.Store

	log  *slog.Logger
	gone atomic.Bool
}

// Trade implements lease.Store.
func (s *loudStore) Trade(ctx context.Context, trade lease.Trade) (lease.Grant, error) {
	grant, err := s.Store.Trade(ctx, trade)
	s.hear(err)
	return grant, err
}

// Beat implements lease.Store.
func (s *loudStore) Beat(ctx context.Context, node string) (string, error) {
	epoch, err := s.Store.Beat(ctx, node)
	s.hear(err)
	return epoch, err
}

// hear says what has changed. A trade that was overtaken has been answered, and one that we ended ourselves says nothing.
func (s *loudStore) hear(err error) {
	switch {
	case errors.Is(err, context.Canceled):
	case err == nil || errors.Is(err, lease.ErrStale):
		if s.gone.Swap(false) {
			s.log.Info("the store of leases answers again")
		}
	default:
		if !s.gone.Swap(true) {
			s.log.Warn("the store of leases does not answer; shared limits wait for it, and then keep to this process's share", "error", err)
		}
	}
}
