package store

import "context"

// Unopened names the subscriptions whose secrets none of our keys opens, so that nothing can be delivered to them.
func (db *DB) Unopened(ctx context.Context) (names []string, err error) {
	type row struct{ id, name, sealed string }
	var rows []row
	err = db.read("look for sealed secrets", func(t tx) error {
		rows = nil
		return t.each(ctx, "SELECT id, name, sealed FROM subscriptions WHERE sealed <> '' ORDER BY id", nil, func(scan scan) error {
			var r row
			err := scan(&r.id, &r.name, &r.sealed)
			rows = append(rows, r)
			return err
		})
	})
	for _, r := range rows {
		err := ErrUnsealed
		if db.sealer != nil {
			_, err = db.sealer.Open(r.sealed, "subscription/"+r.id)
		}
		if err != nil {
			names = append(names, r.name)
		}
	}
	return names, err
}
