package connectors

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/netip"
	"strings"
	"time"
)

// Consumer is whoever calls us.
type Consumer struct {
	Name        string
	Keys        [][32]byte      // SHA-256 of its access keys; none: its networks say who it is
	Networks    []netip.Prefix  // empty: from anywhere
	Connections map[string]bool // nil: all
	Methods     map[string]bool // nil: all
	View        *View
	MaxHold     time.Duration // 0: the connection's
	ChooseView  bool          // may name a view by path prefix or header
	FixedLane   Lane          // zero: by route and method
	ChooseLane  bool          // may name a lane by header
}

// What keeps a caller out.
var (
	ErrKeyMissing = errors.New("an access key is needed")
	ErrKeyUnknown = errors.New("the access key is unknown")
	ErrNetwork    = errors.New("the access key is not valid from this network")
)

// Consumer returns who calls with an access key ("" for none) from an address, or one of ErrKeyMissing, ErrKeyUnknown and
// ErrNetwork. The key is looked up by its SHA-256, so the time that it takes says nothing of the keys that there are. Without
// a key the consumer is Anonymous, or the one without keys whose network holds the address most narrowly.
func (s *Set) Consumer(key string, from netip.Addr) (*Consumer, error) {
	from = from.Unmap().WithZone("")
	if key == "" {
		return s.keyless(from)
	}
	consumer := s.keys[sha256.Sum256([]byte(key))]
	switch {
	case consumer == nil:
		return nil, ErrKeyUnknown
	case consumer.narrowest(from) < 0 && len(consumer.Networks) > 0:
		return nil, ErrNetwork
	}
	return consumer, nil
}

func (s *Set) keyless(from netip.Addr) (*Consumer, error) {
	best, bits := s.Anonymous, -1
	for _, consumer := range s.byNetwork {
		if n := consumer.narrowest(from); n > bits {
			best, bits = consumer, n
		}
	}
	if best == nil {
		return nil, ErrKeyMissing
	}
	return best, nil
}

// narrowest returns the length of the longest prefix of c that holds an address, or -1.
func (c *Consumer) narrowest(from netip.Addr) int {
	bits := -1
	for _, network := range c.Networks {
		if network.Contains(from) {
			bits = max(bits, network.Bits())
		}
	}
	return bits
}

// Allows tells whether c may call a connection by a method.
func (c *Consumer) Allows(connection, method string) bool {
	return (c.Connections == nil || c.Connections[connection]) && (c.Methods == nil || c.Methods[method])
}

const (
	keyPrefix  = "slk_" // secret scanners find keys by it
	hashPrefix = "sha256:"
)

// NewKey makes an access key of 32 random bytes: slk_ and 43 letters of base64url. hash is what sluice.yaml holds of it:
// sha256: and 64 hexadecimal digits. The key itself is kept nowhere.
func NewKey() (key, hash string) {
	var random [32]byte
	_, _ = rand.Read(random[:]) // never returns an error (crypto/rand)
	key = keyPrefix + base64.RawURLEncoding.EncodeToString(random[:])
	sum := sha256.Sum256([]byte(key))
	return key, hashPrefix + hex.EncodeToString(sum[:])
}

// IsKey tells whether text has the form of an access key, known or not.
func IsKey(text string) bool { return strings.HasPrefix(text, keyPrefix) }

// parseHash reads the hash of a key. Its error never repeats the text: it may be a key, pasted by mistake.
func parseHash(text string) (hash [32]byte, err error) {
	if strings.HasPrefix(text, keyPrefix) {
		return hash, errors.New("is an access key, and whoever reads this file now has it: make a new one by sluice keys create, and write its sha256:… here")
	}
	digits, found := strings.CutPrefix(text, hashPrefix)
	decoded, err := hex.DecodeString(digits)
	if !found || err != nil || len(decoded) != len(hash) {
		return hash, errors.New("is not the hash of a key: must be sha256: and 64 hexadecimal digits, as sluice keys create prints it")
	}
	copy(hash[:], decoded)
	return hash, nil
}
