package proxy

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"

	"sluice/connectors"
	"sluice/internal/fault"
)

// circuits are the breakers of one connection, by route group.
type circuits struct {
	connection string
	rule       connectors.Breaker
	log        *slog.Logger
	metrics    *Metrics

	mu      sync.RWMutex
	byGroup map[string]*circuit
}

// of returns the circuit of a group. Groups come from the configuration, so their number is bounded.
func (c *circuits) of(group string) *circuit {
	c.mu.RLock()
	found := c.byGroup[group]
	c.mu.RUnlock()
	if found != nil {
		return found
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if found = c.byGroup[group]; found == nil {
		found = c.closed(group)
		c.byGroup[group] = found
		c.metrics.BreakerState(c.connection, group, gobreaker.StateClosed.String())
	}
	return found
}

// Close takes back what metrics say of circuits that a reload has dropped: none of them is open any more.
func (c *circuits) Close() {
	c.mu.RLock()
	defer c.mu.RUnlock()
	for group := range c.byGroup {
		c.metrics.BreakerState(c.connection, group, gobreaker.StateClosed.String())
	}
}

// circuit is the breaker of one route group.
type circuit struct {
	*circuits
	group string
	two   *gobreaker.TwoStepCircuitBreaker[struct{}]
	born  time.Time
	until atomic.Int64 // when it may be half open: a time.Duration since born, which no change of the wall clock moves
	half  bool         // guarded by gobreaker's lock, which is held when changed and uncounted run
}

// closed makes a circuit.
func (c *circuits) closed(group string) *circuit {
	made := &circuit{circuits: c, group: group, born: time.Now()}
	made.two = gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		MaxRequests:   c.rule.Probes,
		Interval:      c.rule.Window,
		Timeout:       c.rule.Open,
		ReadyToTrip:   c.trips,
		OnStateChange: made.changed,
		IsExcluded:    made.uncounted,
		IsSuccessful:  func(err error) bool { return err == nil || errors.Is(err, errAlive) },
	})
	return made
}

// trips says whether the counts of a closed circuit open it. Calls that were not counted, or are still out, are no part of the share.
func (c *circuits) trips(n gobreaker.Counts) bool {
	if c.rule.Failures > 0 && n.ConsecutiveFailures >= c.rule.Failures {
		return true
	}
	ended := n.TotalSuccesses + n.TotalFailures
	return c.rule.Ratio > 0 && ended >= c.rule.Minimum && float64(n.TotalFailures) >= c.rule.Ratio*float64(ended)
}

// uncounted says which outcomes leave the counts as they are.
func (c *circuit) uncounted(outcome error) bool {
	return errors.Is(outcome, errUncounted) || errors.Is(outcome, errAlive) && !c.half
}

// changed tells log and metrics of a new state.
func (c *circuit) changed(_ string, from, to gobreaker.State) {
	c.half = to == gobreaker.StateHalfOpen
	level := slog.LevelInfo
	if to == gobreaker.StateOpen {
		c.until.Store(int64(time.Since(c.born) + c.rule.Open))
		level = slog.LevelWarn
	}
	c.metrics.BreakerState(c.connection, c.group, to.String())
	c.log.LogAttrs(context.Background(), level, "circuit breaker", slog.String("connection", c.connection),
		slog.String("group", c.group), slog.String("from", from.String()), slog.String("to", to.String()))
}

// refuse is the answer to a call that the circuit does not let through. When it is half open and its probes are out, their answers are
// due any moment.
func (c *circuit) refuse(call *Call) *fault.Error {
	call.Answered = "breaker"
	wait := max(time.Duration(c.until.Load())-time.Since(c.born), time.Second)
	which := "connection " + c.connection
	if c.group != "" {
		which = "route group " + c.group + " of " + which
	}
	call.Note("breaker", "open for another %s", wait.Round(time.Second))
	return fault.New("breaker", http.StatusServiceUnavailable, "circuit_open",
		"the vendor has failed too often, so the circuit breaker of %s is open; try again in %s", which, wait.Round(time.Second)).After(wait)
}
