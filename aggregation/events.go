package aggregation

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"time"

	"sluice/triggers"
)

// Origin says of which run events are. Revision is the run's number within its scope, kept when the run is resumed: it is part of every
// event's id, so that a run which is compared a second time after a crash makes the same events, and the next run makes others.
type Origin struct {
	Tenant string
	Scope
	Kind     string // of the resource: user | group
	Revision int64
	Time     time.Time
}

// Outcome is how a run ended, for the events that tell of it.
type Outcome struct {
	Status   string // Success | Failed | Terminated, SailPoint's words
	Started  time.Time
	Ended    time.Time
	Counts   Counts
	Errors   []string
	Warnings []string
}

// stats are a run's counts in SailPoint's words, and what we count besides.
type stats struct {
	Scanned   int `json:"scanned"`
	Unchanged int `json:"unchanged"`
	Changed   int `json:"changed"`
	Added     int `json:"added"`
	Removed   int `json:"removed"`
	Failed    int `json:"failed"`
}

// Completed returns idn:account-aggregation-completed: the snapshot has what the vendor has.
func (o Origin) Completed(out Outcome) (triggers.Event, error) {
	return o.ofRun(triggers.AccountAggregationCompleted, out, "")
}

// Collected returns idn:aggregation-accounts-collected: all is read, and nothing yet compared or committed.
func (o Origin) Collected(out Outcome) (triggers.Event, error) {
	return o.ofRun(triggers.AggregationAccountsCollected, out, "")
}

// Held returns sluice:aggregation-held, with the Guard's reason.
func (o Origin) Held(out Outcome, reason string) (triggers.Event, error) {
	return o.ofRun(triggers.AggregationHeld, out, reason)
}

// ofRun returns an event of a run. A run that is resumed may end badly or be held more than once, and end well after that: each is a fact of
// its own, which the change of the run's state tells once.
func (o Origin) ofRun(kind string, out Outcome, reason string) (triggers.Event, error) {
	c := out.Counts
	event, err := o.event(kind, "", struct {
		Source    source    `json:"source"`
		Status    string    `json:"status"`
		Started   time.Time `json:"started"`
		Completed time.Time `json:"completed"`
		Errors    []string  `json:"errors"`
		Warnings  []string  `json:"warnings"`
		Stats     stats     `json:"stats"`
		Reason    string    `json:"reason,omitempty"`
	}{
		o.source(), out.Status, moment(out.Started), moment(out.Ended), append([]string{}, out.Errors...), append([]string{}, out.Warnings...),
		stats{c.Scanned, c.Unchanged, c.Changed, c.Added, c.Removed, c.Failed}, reason,
	})
	if out.Status != "Success" {
		event.ID = o.ID(kind, out.Status+moment(out.Ended).Format(time.RFC3339Nano))
	}
	return event, err
}

// event fills in what all events have. Subject is an account's id; events of a run have the resource for theirs.
func (o Origin) event(kind, account string, data any) (triggers.Event, error) {
	b, err := canonicalJSON(data)
	if err != nil {
		return triggers.Event{}, fmt.Errorf("event %s of account %s: %w", kind, account, err)
	}
	subject := account
	if subject == "" {
		subject = o.Resource
	}
	return triggers.Event{
		ID: o.ID(kind, account), Tenant: o.Tenant, Type: kind, Source: o.Connection, Subject: subject, Time: moment(o.Time), Data: b,
	}, nil
}

// ID derives an event's id from what it tells, in the form of a UUID of version 8 (RFC 9562), 36 characters. Each part goes in with its
// length, so that no two facts run into one.
func (o Origin) ID(kind, account string) string {
	h := sha256.New()
	for _, part := range []string{o.Tenant, o.Connection, o.Resource, account, kind, strconv.FormatInt(o.Revision, 10)} {
		_ = binary.Write(h, binary.BigEndian, uint64(len(part))) // a hash never fails
		_, _ = h.Write([]byte(part))
	}
	b := h.Sum(nil)[:16]
	b[6], b[8] = b[6]&0x0f|0x80, b[8]&0x3f|0x80
	text := hex.EncodeToString(b)
	return text[:8] + "-" + text[8:12] + "-" + text[12:16] + "-" + text[16:20] + "-" + text[20:]
}

// moment is a time as events have it: UTC, in whole microseconds.
func moment(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }
