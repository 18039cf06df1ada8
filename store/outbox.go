package store

import (
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"

	"github.com/google/uuid"

	"sluice/triggers"
)

// Numbered is an event with its place in the outbox.
type Numbered struct {
	Seq int64
	triggers.Event
}

// Events returns at most limit events after a sequence number, in their order. No event comes to be seen later that has a lower number than
// one that was seen: who remembers the last number misses none. Numbers have gaps.
func (db *DB) Events(ctx context.Context, after int64, limit int) (events []Numbered, err error) {
	err = db.read("read the outbox", func(t tx) error {
		events, err = numberedEvents(ctx, t, "seq > ? ORDER BY seq LIMIT ?", after, int64(limit))
		return err
	})
	return events, err
}

// Emit writes events to the outbox, and an invocation for each subscription that one goes to. One whose id is there already was told before,
// and is left out.
func (db *DB) Emit(ctx context.Context, events ...triggers.Event) error {
	err := db.tell(ctx, "write to the outbox", func(t tx) error { return db.emit(ctx, t, events) })
	if err == nil {
		db.wake.tell()
	}
	return err
}

// mostEventID is the length of an event's id, as triggers.Event has it.
const mostEventID = 64

// emit writes events and their invocations. Whoever calls it tells db.wake when the transaction is over.
func (db *DB) emit(ctx context.Context, t tx, events []triggers.Event) error {
	for _, e := range events {
		if err := checkID(e.ID); err != nil || len(e.ID) > mostEventID {
			return fmt.Errorf("event %q of type %s: its id must have 1 to %d characters", e.ID, e.Type, mostEventID)
		}
	}
	for some := range slices.Chunk(events, mostRows) {
		if err := db.emitSome(ctx, t, some); err != nil {
			return err
		}
	}
	return nil
}

func (db *DB) emitSome(ctx context.Context, t tx, events []triggers.Event) error {
	last, err := next(ctx, t, "event", len(events)) // first: whoever emits waits here for others, and sees what they have told
	if err != nil {
		return err
	}
	fresh, err := keepEvents(ctx, t, last-int64(len(events))+1, events)
	if err != nil || len(fresh) == 0 {
		return err
	}
	return db.routeAll(ctx, t, fresh)
}

// keepEvents writes events with the numbers from first on, and returns those whose ids were not there yet. It does not ask before it writes:
// PostgreSQL, which has counted a table when it was small, would read all of one that grows to find a hundred ids.
func keepEvents(ctx context.Context, t tx, first int64, events []triggers.Event) (fresh []Numbered, err error) {
	var args []any
	for i, e := range events {
		args = append(args, first+int64(i), e.ID, e.Tenant, e.Type, e.Source, e.Subject, micros(e.Time), textOrNull(e.Data))
	}
	kept := make(map[int64]bool, len(events))
	err = t.each(ctx, "INSERT INTO events (seq, id, tenant, type, source, subject, time, data) VALUES "+groups(len(events), 8)+" ON CONFLICT (id) DO NOTHING RETURNING seq",
		args, func(scan scan) error {
			var seq int64
			err := scan(&seq)
			kept[seq] = true
			return err
		})
	for i, e := range events {
		if seq := first + int64(i); kept[seq] {
			fresh = append(fresh, Numbered{seq, e})
		}
	}
	return fresh, err
}

// newInvocation is an invocation that is to be kept.
type newInvocation struct {
	id, subscription string
	event            triggers.Event
	seq              int64 // of the event; 0 of a test
	test             bool
	content          any
	dead             string // why it is, from the beginning; ""
}

// filteredOut is an event that a subscription's filter did not let through.
type filteredOut struct {
	subscription string
	why          func() string
	reason       string // what that says
	seq          int64
}

// routeAll makes an invocation for each subscription that an event goes to, and leaves a trace of those whose filter it did not pass. Where the filter
// failed the invocation is dead: what nobody knows to be unwanted is kept, and sent when an operator asks for it.
func (db *DB) routeAll(ctx context.Context, t tx, events []Numbered) error {
	routes, err := db.router.at(ctx, t)
	if err != nil || len(routes) == 0 {
		return err
	}
	var made []newInvocation
	var left []filteredOut
	speaker := speakerIn(t)
	for _, e := range events {
		payload := decoded{data: e.Data}
		for _, route := range routes[e.Type] {
			passes, why, failed := payload.passes(route.passes)
			if err := speaker.speak(ctx); err != nil { // a filter may take a while
				return err
			}
			if !passes && failed == nil {
				left = append(left, filteredOut{subscription: route.subscription, why: why, seq: e.Seq})
				continue
			}
			n := newInvocation{id: invocationID(e.ID, route.subscription), subscription: route.subscription, event: e.Event, seq: e.Seq}
			if failed != nil {
				n.dead = triggers.Undecided + failed.Error()
			}
			made = append(made, n)
		}
	}
	if err := db.keepInvocations(ctx, t, made); err != nil {
		return err
	}
	return keepFiltered(ctx, t, left)
}

// atOnce is when an invocation is due that was not sent yet. It is no time, so that their order is that of their numbers even where a clock
// was set back.
const atOnce = int64(0)

// keepInvocations writes invocations that are due at once, or dead, numbered in their order.
func (db *DB) keepInvocations(ctx context.Context, t tx, made []newInvocation) error {
	if len(made) == 0 {
		return nil
	}
	now, err := db.now(ctx, t)
	if err != nil {
		return err
	}
	last, err := next(ctx, t, "invocation", len(made))
	if err != nil {
		return err
	}
	if err := db.engine.notify(ctx, t); err != nil {
		return err
	}
	number, at := last-int64(len(made)), micros(now)
	return insert(ctx, t, `INSERT INTO invocations (seq, id, subscription, trigger_id, subject, event, test, data, content,
		state, attempts, tries, due, created, completed, deadline, reason, output, fault)`, "", made, func(n newInvocation) []any {
		number++
		var data any
		if n.seq == 0 {
			data = string(n.event.Data)
		}
		state, completed := triggers.Waiting, int64(0)
		if n.dead != "" {
			state, completed = triggers.Dead, at
		}
		return []any{number, n.id, n.subscription, n.event.Type, n.event.Subject, n.seq, bit(n.test), data, n.content,
			string(state), int64(0), int64(0), atOnce, at, completed, int64(0), clean(n.dead), nil, ""}
	})
}

// mostFiltered is how many of the events that a filter did not let through are remembered with the reason.
const mostFiltered = 20

// keepFiltered counts, and remembers the last.
func keepFiltered(ctx context.Context, t tx, left []filteredOut) error {
	of, speaker := map[string][]filteredOut{}, speakerIn(t)
	for _, f := range left {
		of[f.subscription] = append(of[f.subscription], f)
	}
	for _, id := range slices.Sorted(maps.Keys(of)) {
		all := of[id]
		if _, err := t.exec(ctx, "INSERT INTO filtered_counts (subscription, n) VALUES (?, ?) ON CONFLICT (subscription) DO UPDATE SET n = filtered_counts.n + excluded.n",
			id, int64(len(all))); err != nil {
			return err
		}
		recent := all[max(0, len(all)-mostFiltered):]
		for i, f := range recent {
			recent[i].reason = clean(f.why())
			if err := speaker.speak(ctx); err != nil { // to say why takes as long again
				return err
			}
		}
		err := insert(ctx, t, "INSERT INTO filtered (subscription, seq, reason)", " ON CONFLICT DO NOTHING", recent, func(f filteredOut) []any {
			return []any{f.subscription, f.seq, f.reason}
		})
		if err != nil {
			return err
		}
		_, err = t.exec(ctx, `DELETE FROM filtered WHERE subscription = ? AND seq <= (
			SELECT seq FROM filtered WHERE subscription = ? ORDER BY seq DESC LIMIT 1 OFFSET ?)`, id, id, int64(mostFiltered))
		if err != nil {
			return err
		}
	}
	return nil
}

// invocationID derives an invocation's id from what it is of, in the form of a UUID of version 8 (RFC 9562).
func invocationID(event, subscription string) string {
	sum := sha256.Sum256([]byte(fmt.Sprintf("%d:%s%s", len(event), event, subscription)))
	return uuidOf(sum, 8)
}

// uuidOf makes the beginning of a hash a UUID of a version.
func uuidOf(sum [sha256.Size]byte, version byte) string {
	id := uuid.UUID(sum[:16])
	id[6], id[8] = id[6]&0x0f|version<<4, id[8]&0x3f|0x80
	return id.String()
}
