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
// own per scope key (source address, credential or connection); the call takes its place in all of them in one moment, and holds none
// while it waits. Who goes first is decided by lane and by fair turns of the consumers (package pace). A wait that would outlast the
// caller's patience is answered 429, at once when that is known at once; a queue at its bound 503.
func (u *Upstreams) pace(conn *connectors.Connection) Stage {
	// What is learned belongs to this vendor and to this way of reading its headers. What a rule says is in the key of its gates, so that
	// another word for one rule does not forget what is known of the rest.
	settings := fmt.Sprintf("%d %g %v %+v", conn.Bounds.Queue, conn.Bounds.BulkFloor, conn.Base, conn.Connector.Limits)
	gates, _ := keep(&u.kept, keptKey("gates", conn.Name, settings), func() (*gates, error) {
		return newGates(conn, u.opts.Metrics, u.opts.Memory, u.node), nil
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

// RoundTrip implements http.RoundTripper.
func (p *pacer) RoundTrip(r *http.Request) (*http.Response, error) {
	call := CallOf(r.Context())
	caller := p.caller(call)
	var gateRoom [2]*gate
	gates := p.gatesOf(gateRoom[:0], call, caller, r)
	if len(gates) == 0 {
		return p.next.RoundTrip(r)
	}
	var ticketRoom [2]pace.Ticket
	tickets := ticketRoom[:0]
	for _, g := range gates {
		tickets = append(tickets, pace.Ticket{Bucket: g.bucket})
	}
	held, err := p.enter(r.Context(), call, caller, gates, tickets)
	if err != nil {
		return nil, err
	}
	p.gates.memory.changed()
	defer p.gates.memory.changed()
	call.Refused = false
	settled := false
	defer func() { // a panic below must not keep the places
		if !settled {
			p.lose(gates, tickets, nil)
		}
	}()
	resp, err := p.next.RoundTrip(r)
	settled = true
	if err != nil {
		p.lose(gates, tickets, err)
		return nil, err
	}
	p.leave(call, r, resp, gates, tickets)
	if held && !call.Refused {
		p.metrics.Refusal(p.conn.Name, call.Route.Name, "avoided")
	}
	return resp, nil
}

// caller says who asks for a place.
func (p *pacer) caller(call *Call) pace.Caller {
	caller := pace.Caller{
		Consumer: call.Consumer.Name, Lane: call.lane(), Again: call.again,
		Patience: p.patience(call, time.Now()) - call.Held,
	}
	caller.Deadline, _ = call.Deadline()
	return caller
}

// lose ends a call that got no answer.
func (p *pacer) lose(gates []*gate, tickets []pace.Ticket, err error) {
	if err != nil && wire.NotSent(err) {
		p.gates.scheduler.Unsent(tickets)
		return
	}
	for _, g := range gates {
		g.calls.Inc()
	}
	p.gates.scheduler.Lost(tickets)
}

// enter takes a place under every ticket, or none.
func (p *pacer) enter(ctx context.Context, call *Call, caller pace.Caller, gates []*gate, tickets []pace.Ticket) (held bool, err error) {
	start := time.Now()
	turn, err := p.gates.scheduler.Enter(ctx, caller, tickets)
	waited := time.Duration(0)
	if turn.Waited {
		waited = time.Since(start)
	}
	if held = waited > time.Millisecond; held {
		call.Held += waited
	}
	if err != nil {
		return false, p.refuse(call, gates, err)
	}
	if !held {
		call.Note("pace", "a place was free")
		return false, nil
	}
	p.metrics.held(call, caller.Lane, waited, turn.Predicted)
	call.Note("pace", "held for %s in lane %s, then a place was free", call.Held.Round(time.Millisecond), caller.Lane)
	return true, nil
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

// refuse turns the queue's no into what the caller sees.
func (p *pacer) refuse(call *Call, gates []*gate, err error) error {
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
	now, wait := time.Now(), max(refusal.Wait, time.Second)
	state, window := p.gates.scheduler.State(refusal.Bucket), time.Duration(0)
	for _, g := range gates {
		if g.bucket == refusal.Bucket {
			window = g.rule.Window
		}
	}
	call.Limits = []transforms.Limits{{
		Limit: float64(state.Limit), HasLimit: state.Limit > 0, HasRemaining: state.Limit > 0,
		Reset: now.Add(wait), ResetAfter: wait, Window: window,
	}}
	call.Note("pace", "refused: %v", refusal)
	return fault.New("pace", http.StatusTooManyRequests, "rate_limited",
		"the vendor's limit for %s is spent; the next place is free in %s", call.Route.Name, wait.Round(time.Second)).After(wait)
}

// leave tells the buckets what the answer said.
func (p *pacer) leave(call *Call, r *http.Request, resp *http.Response, gates []*gate, tickets []pace.Ticket) {
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
	p.learn(call)
	var room [2]pace.Report
	reports := p.reports(room[:0], call, gates)
	for i, g := range gates {
		g.calls.Inc()
		if reports[i].Refused {
			g.refused.Inc()
		}
	}
	p.gates.scheduler.Leave(tickets, reports)
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

// gatesOf names the buckets of a call, and the source address that it will use when a limit counts by address.
func (p *pacer) gatesOf(room []*gate, call *Call, caller pace.Caller, r *http.Request) []*gate {
	rules := p.conn.Rules(call.Route)
	if len(rules) == 0 {
		if !p.conn.Connector.LearnLimits {
			return room
		}
		key := gateKey{rule: call.Route.Name, conf: learned(p.conn)}
		room = append(room, p.byAddress(call, caller, key))
		for _, further := range p.gates.further(call.Route.Name) {
			key.rule = further.bucket
			room = append(room, p.byAddress(call, caller, key))
		}
		return room
	}
	for _, rule := range rules {
		key := gateKey{rule: rule.Name, policy: rule.Policy, conf: p.gates.conf(p.conn, rule)}
		switch rule.Scope {
		case "address":
			room = append(room, p.byAddress(call, caller, key))
			continue
		case "credential":
			if !p.conn.Managed {
				key.by, key.scope = byCredential, p.gates.credential(r.Header.Get("Authorization"))
			}
		}
		room = append(room, p.gates.gate(key, netip.Addr{}))
	}
	return room
}

// byAddress returns the gate of key at the call's source address. The first limit that counts by address chooses it: the one where
// a caller who comes now waits least, and of those the one with the most places left.
func (p *pacer) byAddress(call *Call, caller pace.Caller, key gateKey) *gate {
	pool := p.conn.Wire.Egress
	if len(pool) == 0 {
		return p.gates.gate(key, netip.Addr{})
	}
	at := func(addr netip.Addr) *gate {
		sum := sha256.Sum256(addr.AsSlice())
		copy(key.scope[:], sum[:8])
		key.by = bySource
		return p.gates.gate(key, addr)
	}
	if call.Egress.IsValid() {
		return at(call.Egress)
	}
	var best *gate
	var shortest time.Duration
	most := 0
	for _, addr := range pool {
		gate := at(addr)
		wait, places := p.gates.scheduler.Outlook(gate.bucket, caller)
		if best == nil || wait < shortest || wait == shortest && places > most {
			best, shortest, most, call.Egress = gate, wait, places, addr
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
