package store

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"

	"sluice/aggregation"
	"sluice/proxy/pace/lease"
)

// Trade implements lease.Store. It locks the bucket's row, and then reads the pulse and the clock; it locks and writes the pulse only when
// that is old, so that buckets seldom wait for each other. Pulse after book is the order of all locks.
func (db *DB) Trade(ctx context.Context, trade lease.Trade) (grant lease.Grant, err error) {
	if err := trade.Check(); err != nil {
		return lease.Grant{}, err
	}
	err = db.write(ctx, "trade places of "+trade.Bucket, func(t tx) error {
		var book lease.Book
		if err := lockBook(ctx, t, trade.Bucket, &book); err != nil {
			return err
		}
		pulse, err := db.hear(ctx, t)
		if err != nil {
			return err
		}
		if grant, err = book.Trade(pulse, trade); err != nil {
			return err
		}
		text, err := json.Marshal(book)
		if err != nil {
			return err
		}
		_, err = t.exec(ctx, "UPDATE lease_books SET book = ? WHERE bucket = ?", string(text), trade.Bucket)
		return err
	})
	if err != nil {
		return lease.Grant{}, err
	}
	return grant, nil
}

// Beat implements lease.Store.
func (db *DB) Beat(ctx context.Context, _ string) (epoch string, err error) {
	err = db.write(ctx, "beat", func(t tx) error {
		pulse, err := db.rewritePulse(ctx, t)
		epoch = pulse.Epoch
		return err
	})
	return epoch, err
}

// SweepLeases deletes the books of buckets that nobody has used for long. Once an hour is often enough.
func (db *DB) SweepLeases(ctx context.Context) error {
	return db.write(ctx, "sweep leases", func(t tx) error {
		pulse, err := db.readPulse(ctx, t, "")
		if err != nil {
			return err
		}
		now, err := db.now(ctx, t)
		if err != nil {
			return err
		}
		pulse.Hear(now)
		var idle []string
		err = t.each(ctx, "SELECT bucket, book FROM lease_books ORDER BY bucket FOR UPDATE SKIP LOCKED", nil, func(scan scan) error {
			var book lease.Book
			var bucket, text string
			if err := scan(&bucket, &text); err != nil {
				return err
			}
			if err := json.Unmarshal([]byte(text), &book); err != nil {
				return fmt.Errorf("the book of %s: %w", bucket, err)
			}
			if book.Idle(pulse) {
				idle = append(idle, bucket)
			}
			return nil
		})
		for _, bucket := range idle {
			if err == nil {
				_, err = t.exec(ctx, "DELETE FROM lease_books WHERE bucket = ?", bucket)
			}
		}
		return err
	})
}

// lockBook reads the bucket's book and keeps others from it. It makes one if there is none, and again if that was swept at that moment.
func lockBook(ctx context.Context, t tx, bucket string, book *lease.Book) error {
	for {
		var text string
		err := t.one(ctx, "SELECT book FROM lease_books WHERE bucket = ? FOR UPDATE", []any{bucket}, &text)
		if err == nil {
			return json.Unmarshal([]byte(text), book)
		}
		if !errors.Is(err, aggregation.ErrNone) {
			return err
		}
		if _, err := t.exec(ctx, "INSERT INTO lease_books (bucket, book) VALUES (?, '{}') ON CONFLICT DO NOTHING", bucket); err != nil {
			return err
		}
	}
}

// hear is the pulse with this moment in it, written if it must be.
func (db *DB) hear(ctx context.Context, t tx) (lease.Pulse, error) {
	pulse, err := db.readPulse(ctx, t, "")
	if err != nil {
		return pulse, err
	}
	now, err := db.now(ctx, t)
	if err != nil {
		return pulse, err
	}
	if pulse.Old(now) {
		return db.rewritePulse(ctx, t)
	}
	pulse.Hear(now)
	return pulse, nil
}

// rewritePulse locks the pulse, reads the clock only then, and writes it.
func (db *DB) rewritePulse(ctx context.Context, t tx) (lease.Pulse, error) {
	pulse, err := db.readPulse(ctx, t, " FOR UPDATE")
	if err != nil {
		return pulse, err
	}
	now, err := db.now(ctx, t)
	if err != nil {
		return pulse, err
	}
	pulse.Hear(now)
	text, err := json.Marshal(pulse)
	if err != nil {
		return pulse, err
	}
	_, err = t.exec(ctx, "UPDATE lease_pulse SET pulse = ? WHERE one = 1", string(text))
	return pulse, err
}

func (db *DB) readPulse(ctx context.Context, t tx, lock string) (pulse lease.Pulse, err error) {
	var text string
	if err := t.one(ctx, "SELECT pulse FROM lease_pulse WHERE one = 1"+lock, nil, &text); err != nil {
		return pulse, err
	}
	err = json.Unmarshal([]byte(text), &pulse)
	return pulse, err
}

// bear begins the life of the store of leases in a database that is new.
func (db *DB) bear(ctx context.Context, t tx) error {
	now, err := db.now(ctx, t)
	if err != nil {
		return err
	}
	first, err := json.Marshal(lease.NewPulse(rand.Text(), now))
	if err != nil {
		return err
	}
	_, err = t.exec(ctx, "INSERT INTO lease_pulse (one, pulse) VALUES (1, ?) ON CONFLICT DO NOTHING", string(first))
	return err
}
