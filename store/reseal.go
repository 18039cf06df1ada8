package store

import (
	"context"
	"fmt"
)

// Resealed is what Reseal did.
type Resealed struct {
	Rows   int // that have secrets
	Sealed int // of those: sealed again
}

// Sealed counts the subscriptions that have secrets.
func (db *DB) Sealed(ctx context.Context) (rows int64, err error) {
	err = db.read("count sealed secrets", func(t tx) error {
		return t.one(ctx, "SELECT count(*) FROM subscriptions WHERE sealed <> ''", nil, &rows)
	})
	return rows, err
}

// Reseal seals every secret again that newest says was sealed with an old key. It is one transaction, so that either all old keys can go
// afterwards, or none. A row that no key opens ends it.
func (db *DB) Reseal(ctx context.Context, newest func(sealed string) bool) (done Resealed, err error) {
	if db.sealer == nil {
		return done, ErrUnsealed
	}
	err = db.write(ctx, "seal secrets again", func(t tx) error {
		done = Resealed{}
		if _, err := next(ctx, t, changes, 1); err != nil { // nobody makes one or changes it until this is over
			return err
		}
		rows := map[string]string{}
		// Whoever pauses one draws no number of changes, and waits for its row.
		err := t.each(ctx, "SELECT id, sealed FROM subscriptions WHERE sealed <> '' ORDER BY id FOR UPDATE", nil, func(scan scan) error {
			var id, sealed string
			err := scan(&id, &sealed)
			rows[id] = sealed
			return err
		})
		if err != nil {
			return err
		}
		done.Rows = len(rows)
		for id, sealed := range rows {
			if newest(sealed) {
				continue
			}
			plain, err := db.sealer.Open(sealed, "subscription/"+id)
			if err != nil {
				return fmt.Errorf("secrets of subscription %s: %w", id, err)
			}
			again, err := db.sealer.Seal(plain, "subscription/"+id)
			if err != nil {
				return err
			}
			if _, err := t.exec(ctx, "UPDATE subscriptions SET sealed = ? WHERE id = ?", again, id); err != nil {
				return err
			}
			done.Sealed++
		}
		return nil
	})
	return done, err
}
