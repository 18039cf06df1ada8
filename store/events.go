package store

import (
	"context"
	"errors"
	"fmt"
	"math"

	"sluice/aggregation"
	"sluice/triggers"
)

// FindEvents are the events of the outbox that a query asks for.
func (db *DB) FindEvents(ctx context.Context, q triggers.EventQuery) (events []Numbered, err error) {
	where, args := eventConditions(q)
	tail, most := page("seq", q.Newest, q.Limit)
	err = db.read("read the outbox", func(t tx) error {
		events, err = numberedEvents(ctx, t, where+tail, append(args, most)...)
		return err
	})
	return events, err
}

// eventConditions are a query's WHERE.
func eventConditions(q triggers.EventQuery) (where string, args []any) {
	where = "seq > ?"
	args = append(args, q.Beyond)
	if len(q.IDs) > 0 {
		where += " AND id IN (" + marks(len(q.IDs)) + ")"
		for _, id := range q.IDs {
			args = append(args, id)
		}
	}
	for _, c := range []struct{ column, value string }{{"type", q.Type}, {"source", q.Source}, {"subject", q.Subject}} {
		if c.value != "" {
			where += " AND " + c.column + " = ?"
			args = append(args, c.value)
		}
	}
	if !q.Since.IsZero() {
		where += " AND time >= ?"
		args = append(args, micros(q.Since))
	}
	return where, args
}

// Event is one event of the outbox; ErrNone when there is none.
func (db *DB) Event(ctx context.Context, id string) (e Numbered, err error) {
	err = db.read("read event "+id, func(t tx) error {
		e, err = oneEvent(ctx, t, id)
		return err
	})
	return e, err
}

// Tell is Emit of one event, for whoever must know what became of it. One whose id is there already is left as it was told then, and comes back
// as that.
func (db *DB) Tell(ctx context.Context, e triggers.Event) (told triggers.Told, err error) {
	err = db.tell(ctx, "write to the outbox", func(t tx) error {
		if _, err := next(ctx, t, "event", 0); err != nil { // first: it waits for others who emit, so that none tells the same meanwhile
			return err
		}
		switch before, err := oneEvent(ctx, t, e.ID); {
		case err == nil:
			told = triggers.Told{Event: before.Event, Number: before.Seq}
			return nil
		case !errors.Is(err, aggregation.ErrNone):
			return err
		}
		last, err := next(ctx, t, "invocation", 0)
		if err != nil {
			return err
		}
		if err := db.emit(ctx, t, []triggers.Event{e}); err != nil {
			return err
		}
		kept, err := oneEvent(ctx, t, e.ID)
		if err != nil {
			return err
		}
		told = triggers.Told{Event: kept.Event, Number: kept.Seq, Fresh: true}
		told.Invocations, err = invocationsWithin(ctx, t, math.MaxInt64, wholeInvocation+"i.seq > ? AND i.event = ? ORDER BY i.seq", last, kept.Seq)
		return err
	})
	if err == nil && told.Fresh {
		db.wake.tell()
	}
	return told, err
}

func oneEvent(ctx context.Context, t tx, id string) (Numbered, error) {
	all, err := numberedEvents(ctx, t, "id = ?", id)
	switch {
	case err != nil:
		return Numbered{}, err
	case len(all) == 0:
		return Numbered{}, fmt.Errorf("event %s: %w", id, aggregation.ErrNone)
	}
	return all[0], nil
}

func numberedEvents(ctx context.Context, t tx, where string, args ...any) (events []Numbered, err error) {
	err = t.each(ctx, "SELECT seq, id, tenant, type, source, subject, time, data FROM events WHERE "+where, args, func(scan scan) error {
		var e Numbered
		var at int64
		var data []byte
		err := scan(&e.Seq, &e.ID, &e.Tenant, &e.Type, &e.Source, &e.Subject, &at, &data)
		e.Time, e.Data = fromMicros(at), data
		events = append(events, e)
		return err
	})
	return events, err
}
