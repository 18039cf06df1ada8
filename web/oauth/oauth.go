// Package oauth is how clients of Sluice's own API sign in: they fetch a token for their client credentials at /oauth/token, as they do from
// SailPoint, and show it with each request. A token is a JWT of ES256 whose key every node derives from the key that seals secrets, so that
// nodes need not tell each other of keys, and a token outlives a restart. It says what the client may do; whether the client is still there
// is asked of the store each time, so that revoking one takes effect at once.
package oauth

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"time"

	"sluice/internal/client"
)

// Clients are those who may sign in. Client gives aggregation.ErrNone for one that is not there.
type Clients interface {
	Client(ctx context.Context, id string) (client.Client, error)
}

// Key signs tokens.
type Key struct {
	ID      string
	private *ecdsa.PrivateKey
}

// SeedBytes is how many random bytes a Key is made of: eight more than it has, so that no key is likelier than another (FIPS 186-5, A.2.1).
const SeedBytes = 40

// NewKey makes a key of a seed. Whoever has the seed makes the same.
func NewKey(id string, seed []byte) (Key, error) {
	if len(seed) != SeedBytes {
		return Key{}, fmt.Errorf("a seed has %d bytes, got %d", SeedBytes, len(seed))
	}
	curve := elliptic.P256()
	one := big.NewInt(1)
	scalar := new(big.Int).SetBytes(seed)
	scalar.Mod(scalar, new(big.Int).Sub(curve.Params().N, one)).Add(scalar, one)
	private, err := ecdsa.ParseRawPrivateKey(curve, scalar.FillBytes(make([]byte, 32)))
	return Key{ID: id, private: private}, err
}

// Options are what a Server is made of.
type Options struct {
	Clients Clients
	Keys    []Key // the first signs, all verify; none: no token is made
	Tenant  string
	TTL     time.Duration    // of a token; 0: DefaultTTL
	Calls   int              // of one client and one version of the API in each Window; 0: DefaultCalls, negative: no limit
	Window  time.Duration    // 0: DefaultWindow
	Now     func() time.Time // nil: time.Now
	Log     *slog.Logger
}

// What SailPoint does.
const (
	DefaultTTL    = 749 * time.Second
	DefaultCalls  = 100
	DefaultWindow = 10 * time.Second
)

// Server makes tokens and verifies them.
type Server struct {
	Options

	windows windows
}

// New returns a Server.
func New(o Options) *Server {
	if o.TTL == 0 {
		o.TTL = DefaultTTL
	}
	if o.Calls == 0 {
		o.Calls = DefaultCalls
	}
	if o.Window == 0 {
		o.Window = DefaultWindow
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Server{Options: o, windows: windows{calls: o.Calls, length: o.Window, of: map[windowKey][]time.Time{}}}
}

// errNoKey is for the log.
var errNoKey = errors.New("no token can be made without the key that seals secrets; an operator sets triggers.seal")
