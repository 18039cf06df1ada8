// Package client is who calls Sluice's own API, as SailPoint's: by client credentials, with scopes. A client's secret is told once, when it
// is made; what is kept is its SHA-256, which is enough for a secret of 256 random bits.
package client

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"slices"
	"time"
)

// Scopes, in SailPoint's words but for the last, for which it has none. All is every right, Default none.
const (
	All                = "sp:scopes:all"
	Default            = "sp:scopes:default"
	SubscriptionsRead  = "sp:trigger-service-subscriptions:read"
	SubscriptionsWrite = "sp:trigger-service-subscriptions:manage"
	InvocationsRead    = "sp:trigger-service-invocation-status:read"
	InvocationsWrite   = "sp:trigger-service-invocation-status:manage"
	EventsEmit         = "sluice:trigger-events:emit"
)

// Known are all scopes.
var Known = []string{All, Default, SubscriptionsRead, SubscriptionsWrite, InvocationsRead, InvocationsWrite, EventsEmit}

// Client is one of those who call.
type Client struct {
	ID      string
	Name    string
	Hash    [sha256.Size]byte // of its secret
	Scopes  []string
	Created time.Time
	Revoked time.Time // zero: it may call
}

// New makes a client with a secret.
func New(name string, scopes []string, now time.Time) (c Client, secret string) {
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails (crypto/rand)
	var text [32]byte
	_, _ = rand.Read(text[:])
	secret = hex.EncodeToString(text[:])
	return Client{ID: hex.EncodeToString(id[:]), Name: name, Hash: sha256.Sum256([]byte(secret)), Scopes: scopes, Created: now}, secret
}

// Is tells whether a secret is the client's, in a time that says nothing of it.
func (c *Client) Is(secret string) bool {
	sum := sha256.Sum256([]byte(secret))
	return subtle.ConstantTimeCompare(sum[:], c.Hash[:]) == 1 && c.Revoked.IsZero()
}

// May tells whether one of the scopes in have is among those that are enough.
func May(have []string, enough ...string) bool {
	return slices.Contains(have, All) || slices.ContainsFunc(enough, func(scope string) bool { return slices.Contains(have, scope) })
}
