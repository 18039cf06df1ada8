package store

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"sluice/aggregation"
	"sluice/internal/client"
)

const clientColumns = "id, name, hash, scopes, created, revoked"

// CreateClient keeps a new client of the API.
func (db *DB) CreateClient(ctx context.Context, c client.Client) error {
	if err := checkID(c.ID); err != nil {
		return err
	}
	scopes, err := json.Marshal(c.Scopes)
	if err != nil {
		return err
	}
	return db.write(ctx, "create a client", func(t tx) error {
		_, err := t.exec(ctx, "INSERT INTO clients ("+clientColumns+") VALUES (?, ?, ?, ?, ?, ?)",
			c.ID, clean(c.Name), hex.EncodeToString(c.Hash[:]), string(scopes), micros(c.Created), micros(c.Revoked))
		return err
	})
}

// Client is one client; ErrNone when there is none.
func (db *DB) Client(ctx context.Context, id string) (c client.Client, err error) {
	if checkID(id) != nil { // it comes from whoever wants to sign in
		return c, fmt.Errorf("client: %w", aggregation.ErrNone)
	}
	err = db.read("read a client", func(t tx) error {
		all, err := clients(ctx, t, " WHERE id = ?", id)
		if err == nil && len(all) == 0 {
			return aggregation.ErrNone
		}
		if err == nil {
			c = all[0]
		}
		return err
	})
	return c, err
}

// Clients are all clients, revoked ones too, the oldest first.
func (db *DB) Clients(ctx context.Context) (all []client.Client, err error) {
	err = db.read("read clients", func(t tx) error {
		all, err = clients(ctx, t, " ORDER BY created, id")
		return err
	})
	return all, err
}

func clients(ctx context.Context, t tx, tail string, args ...any) (all []client.Client, err error) {
	err = t.each(ctx, "SELECT "+clientColumns+" FROM clients"+tail, args, func(scan scan) error {
		var c client.Client
		var hash, scopes string
		var created, revoked int64
		if err := scan(&c.ID, &c.Name, &hash, &scopes, &created, &revoked); err != nil {
			return err
		}
		n, err := hex.Decode(c.Hash[:], []byte(hash))
		if err != nil || n != len(c.Hash) {
			return errors.New("the hash of a client's secret cannot be read")
		}
		c.Created, c.Revoked = fromMicros(created), fromMicros(revoked)
		all = append(all, c)
		return json.Unmarshal([]byte(scopes), &all[len(all)-1].Scopes)
	})
	return all, err
}

// RevokeClient shuts a client out for good; ErrNone when there is none. Doing it again does nothing.
func (db *DB) RevokeClient(ctx context.Context, id string) error {
	return db.write(ctx, "revoke client "+id, func(t tx) error {
		now, err := db.now(ctx, t)
		if err != nil {
			return err
		}
		n, err := t.exec(ctx, "UPDATE clients SET revoked = CASE revoked WHEN 0 THEN ? ELSE revoked END WHERE id = ?", micros(now), id)
		if err == nil && n == 0 {
			err = aggregation.ErrNone
		}
		return err
	})
}
