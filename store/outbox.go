package store

import (
	"context"
	"fmt"

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
		return t.each(ctx, "SELECT seq, id, tenant, type, source, subject, time, data FROM events WHERE seq > ? ORDER BY seq LIMIT ?",
			[]any{after, int64(limit)}, func(scan scan) error {
				var e Numbered
				var at int64
				var data []byte
				err := scan(&e.Seq, &e.ID, &e.Tenant, &e.Type, &e.Source, &e.Subject, &at, &data)
				e.Time, e.Data = fromMicros(at), data
				events = append(events, e)
				return err
			})
	})
	return events, err
}

// Emit writes events to the outbox. One whose id is there already was told before, and is left out.
func (db *DB) Emit(ctx context.Context, events ...triggers.Event) error {
	return db.write(ctx, "write to the outbox", func(t tx) error { return emit(ctx, t, events) })
}

// mostEventID is the length of an event's id, as triggers.Event has it.
const mostEventID = 64

func emit(ctx context.Context, t tx, events []triggers.Event) error {
	if len(events) == 0 {
		return nil
	}
	for _, e := range events {
		if err := checkID(e.ID); err != nil || len(e.ID) > mostEventID {
			return fmt.Errorf("event %q of type %s: its id must have 1 to %d characters", e.ID, e.Type, mostEventID)
		}
	}
	last, err := next(ctx, t, "event", len(events))
	if err != nil {
		return err
	}
	seq := last - int64(len(events))
	return insert(ctx, t, "INSERT INTO events (seq, id, tenant, type, source, subject, time, data)", " ON CONFLICT (id) DO NOTHING", events,
		func(e triggers.Event) []any {
			seq++
			return []any{seq, e.ID, e.Tenant, e.Type, e.Source, e.Subject, micros(e.Time), textOrNull(e.Data)}
		})
}
