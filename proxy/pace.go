package proxy

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"time"

	"sluice/connectors"
	"sluice/internal/fault"
	"sluice/proxy/pace"
	"sluice/proxy/wire"
	"sluice/transforms"
)

// pace holds a call until the vendor has room for it, so that it is not refused. Each limit rule that binds the route is a bucket of its
// own per scope key (source address, credential or connection); all of them must have a place. A wait that would outlast the
// caller's patience is answered 429 at once, a queue at its bound 503.
func (u *Upstreams) pace(conn *connectors.Connection) Stage {
	// What is learned belongs to this vendor and to this way of reading its headers.
	settings := fmt.Sprintf("%d %v %+v", conn.Bounds.Queue, conn.Base, conn.Connector.Limits)
	gates, _ := keep(&u.kept, keptKey("gates", conn.Name, settings), func() (*gates, error) {
		return &gates{bound: conn.Bounds.Queue, byKey: map[gateKey]*pace.Gate{}}, nil
	})
	u.afterwards(func() {
		gates.reloaded(conn)
		u.opts.Metrics.buckets.watch(conn.Name, gates)
	})
	return func(next http.RoundTripper) http.RoundTripper {
		return &pacer{next: next, conn: conn, gates: gates, now: u.opts.Now, metrics: u.opts.Metrics}
	}
}

type pacer struct {
	next    http.RoundTripper
	conn    *connectors.Connection
	gates   *gates
	now     func() time.Time
	metrics *Metrics
}

// ticket is a place taken under one limit.
type ticket struct {
	gate *pace.Gate
	rule pace.Rule
}

// RoundTrip implements http.RoundTripper.
func (p *pacer) RoundTrip(r *http.Request) (*http.Response, error) {
	call := CallOf(r.Context())
	var room [2]ticket
	tickets := p.tickets(room[:0], call, r)
	if len(tickets) == 0 {
		return p.next.RoundTrip(r)
	}
	held, err := p.enter(r.Context(), call, tickets)
	if err != nil {
		return nil, err
	}
	call.Refused = false
	settled := false
	defer func() { // a panic below must not keep the places
		if !settled {
			lose(tickets, nil)
		}
	}()
	resp, err := p.next.RoundTrip(r)
	settled = true
	if err != nil {
		lose(tickets, err)
		return nil, err
	}
	p.leave(call, r, resp, tickets)
	if held && !call.Refused {
		p.metrics.Refusal(p.conn.Name, call.Route.Name, "avoided")
	}
	return resp, nil
}

// lose ends a call that got no answer.
func lose(tickets []ticket, err error) {
	for _, t := range tickets {
		if err != nil && wire.NotSent(err) {
			t.gate.Unsent()
		} else {
			t.gate.Lost()
		}
	}
}

// enter takes a place under every ticket, or none.
func (p *pacer) enter(ctx context.Context, call *Call, tickets []ticket) (held bool, err error) {
	start := time.Now()
	patience := p.patience(call, start)
	for i, t := range tickets {
		if err := t.gate.Enter(ctx, patience-call.Held); err != nil {
			for _, taken := range tickets[:i] {
				taken.gate.Unsent()
			}
			return false, p.refuse(call, t, err)
		}
		if waited := time.Since(start); waited > time.Millisecond {
			call.Held += waited
			start = start.Add(waited)
			held = true
		}
	}
	if held {
		p.metrics.route(p.conn.Name, call.Route.Name).hold.Observe(call.Held.Seconds())
		call.Note("pace", "held for %s, then a place was free", call.Held.Round(time.Millisecond))
	} else {
		call.Note("pace", "a place was free")
	}
	return held, nil
}

// answerTime is what a held call keeps of its deadline for the vendor to answer.
const answerTime = 2 * time.Second

// patience is how long a call may be held in all: what its consumer or connection allows, and not so long that no time is
// left for the vendor's answer.
func (p *pacer) patience(call *Call, now time.Time) time.Duration {
	patience := p.conn.Bounds.MaxHold
	if call.Consumer.MaxHold > 0 {
		patience = call.Consumer.MaxHold
	}
	if deadline, ok := call.Deadline(); ok {
		patience = min(patience, deadline.Sub(now)+call.Held-answerTime)
	}
	return patience
}

// refuse turns a gate's no into what the caller sees.
func (p *pacer) refuse(call *Call, t ticket, err error) error {
	refusal, ok := errors.AsType[*pace.Refusal](err)
	if !ok && isHangUp(err) {
		return err
	}
	if why, told := errors.AsType[*fault.Error](err); told { // the house is stopping
		return why
	}
	call.Answered = "pace"
	if !ok {
		return fault.New("pace", http.StatusGatewayTimeout, "out_of_time", "the request's time ran out while it waited for its turn at the vendor").Because(err)
	}
	if refusal.Full {
		p.metrics.Refusal(p.conn.Name, call.Route.Name, "shed")
		return fault.New("pace", http.StatusServiceUnavailable, "queue_full",
			"%d calls of %s wait already; try again later, or raise limits.queue", p.conn.Bounds.Queue, call.Route.Name).After(max(refusal.Wait, time.Second))
	}
	p.metrics.Refusal(p.conn.Name, call.Route.Name, "own")
	state := t.gate.State()
	now, wait := time.Now(), max(refusal.Wait, time.Second)
	call.Limits = []transforms.Limits{{
		Limit: float64(state.Limit), HasLimit: state.Limit > 0, HasRemaining: state.Limit > 0,
		Reset: now.Add(wait), ResetAfter: wait, Window: t.rule.Window,
	}}
	call.Note("pace", "refused: %v", refusal)
	return fault.New("pace", http.StatusTooManyRequests, "rate_limited",
		"the vendor's limit for %s is spent; the next place is free in %s", call.Route.Name, wait.Round(time.Second)).After(wait)
}

// leave tells the gates what the answer said.
func (p *pacer) leave(call *Call, r *http.Request, resp *http.Response, tickets []ticket) {
	now := p.now()
	call.Refused = p.refused(r, resp)
	if p.conn.Connector.Limits != nil {
		var unread []error
		call.Limits, unread = p.conn.Connector.Limits.Append(call.room[:0], resp.Header, now)
		for _, why := range unread {
			call.left("pace", "left as it was: %v", why)
		}
	}
	if call.Refused {
		p.metrics.Refusal(p.conn.Name, call.Route.Name, "seen")
	}
	for _, t := range tickets {
		t.gate.Leave(report(call, t.rule))
	}
}

// refused tells whether the vendor did nothing because there were too many calls: a 429, or what the connector says means it.
func (p *pacer) refused(r *http.Request, resp *http.Response) bool {
	if resp.StatusCode == http.StatusTooManyRequests {
		return true
	}
	m := transforms.Message{Method: r.Method, Status: resp.StatusCode, Header: resp.Header}
	for _, refusal := range p.conn.Connector.Refusals {
		if !refusal.Wants(&m) {
			continue
		}
		if refusal.Body && m.Body == nil {
			data, body, err := readAtMost(resp.Body, p.conn.Bounds.BufferBody)
			if err != nil {
				resp.Body = body
				return false
			}
			_ = body.Close()
			resp.Body = newBytesBody(data)
			m.Body = data
		}
		if refusal.Match(&m) {
			return true
		}
	}
	return false
}

// report puts what an answer said of limits in the terms of one rule's gate.
func report(call *Call, rule pace.Rule) pace.Report {
	rep := pace.Report{Refused: call.Refused}
	l := binding(call.Limits, rule)
	if l == nil {
		return rep
	}
	if l.HasLimit && l.HasRemaining && l.Limit >= 1 {
		rep.HasRemaining, rep.Limit, rep.Remaining = true, int(l.Limit), max(0, int(l.Remaining))
	}
	rep.Window = l.Window
	rep.HasReset, rep.ResetAfter = l.HasReset(), max(0, l.ResetAfter)
	if l.HasRetry {
		rep.RetryAfter = l.RetryAfter
	}
	return rep
}

// binding finds, among several limits that an answer names, the one that a rule is about: that of the same window, else that of the
// same size, else the first.
func binding(limits []transforms.Limits, rule pace.Rule) *transforms.Limits {
	for i := range limits {
		if rule.Window > 0 && limits[i].Window == rule.Window {
			return &limits[i]
		}
	}
	for i := range limits {
		if rule.Limit > 0 && limits[i].HasLimit && int(limits[i].Limit) == rule.Limit {
			return &limits[i]
		}
	}
	if len(limits) == 0 {
		return nil
	}
	return &limits[0]
}

// tickets names the gates of a call, and the source address that it will use when a limit counts by address.
func (p *pacer) tickets(room []ticket, call *Call, r *http.Request) []ticket {
	rules := p.conn.Rules(call.Route)
	if len(rules) == 0 {
		if !p.conn.Connector.LearnLimits {
			return room
		}
		key := gateKey{rule: call.Route.Name, conf: learned(p.conn)}
		return append(room, ticket{gate: p.byAddress(call, key), rule: key.conf})
	}
	for _, rule := range rules {
		key := gateKey{rule: rule.Name, conf: conf(p.conn, rule)}
		t := ticket{rule: key.conf}
		switch rule.Scope {
		case "address":
			t.gate = p.byAddress(call, key)
		case "credential":
			if !p.conn.Managed {
				sum := sha256.Sum256([]byte(r.Header.Get("Authorization")))
				copy(key.scope[:], sum[:8])
			}
			t.gate = p.gates.gate(key)
		default:
			t.gate = p.gates.gate(key)
		}
		room = append(room, t)
	}
	return room
}

// byAddress returns the gate of key at the call's source address. The first limit that counts by address chooses it: the one where
// a caller who comes now waits least.
func (p *pacer) byAddress(call *Call, key gateKey) *pace.Gate {
	pool := p.conn.Wire.Egress
	if len(pool) == 0 {
		return p.gates.gate(key)
	}
	at := func(addr netip.Addr) *pace.Gate {
		sum := sha256.Sum256(addr.AsSlice())
		copy(key.scope[:], sum[:8])
		return p.gates.gate(key)
	}
	if call.Egress.IsValid() {
		return at(call.Egress)
	}
	var best *pace.Gate
	var bestState pace.State
	for _, addr := range pool {
		gate := at(addr)
		state := gate.State()
		if best == nil || state.Wait < bestState.Wait || state.Wait == bestState.Wait && state.Places > bestState.Places {
			best, bestState, call.Egress = gate, state, addr
		}
	}
	return best
}

// egressOf tells the wire which source address a call was paced for.
func egressOf(ctx context.Context) netip.Addr {
	if call := CallOf(ctx); call != nil {
		return call.Egress
	}
	return netip.Addr{}
}
