// Package seal keeps secrets unreadable where they are stored. A Ring has one key or several: the first seals, every one opens, so that a
// new key can be put behind the old one at every process, then before it, and what is stored sealed again. From each key others are derived,
// for purposes of their own, so that an operator has one secret to look after.
//
// A sealed text is "1.KEY.DATA": a version, the id of its key, and in base64 a nonce and what AES-256-GCM made of the secret. Whose it is
// goes into the tag, so that a text that is moved to another row opens no more.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// version stands first in a sealed text.
const version = "1"

// keyBytes is the length of a key.
const keyBytes = 32

// ErrKey says that the key of a sealed text is not in the ring.
var ErrKey = errors.New("seal: it was sealed with a key that is not here; put that key behind the first one until everything is sealed again")

// errBroken says nothing of what was read, because it may be a secret.
var errBroken = errors.New("seal: what is stored was changed, or belongs to another row")

// Ring is the keys, the one that seals first. It cannot be printed.
type Ring struct{ keys []key }

type key struct {
	id     string
	secret []byte
	aead   cipher.AEAD
}

// NewKey is a new key as it stands in a file.
func NewKey() string {
	secret := make([]byte, keyBytes)
	_, _ = rand.Read(secret) // never fails (crypto/rand)
	return base64.StdEncoding.EncodeToString(secret)
}

// Parse reads keys as they stand in a file: 32 bytes in base64 each, with white space between them, the one that seals first.
func Parse(text string) (*Ring, error) {
	r := &Ring{}
	for i, word := range strings.Fields(text) {
		secret, err := base64.StdEncoding.DecodeString(word)
		if err != nil || len(secret) != keyBytes {
			return nil, fmt.Errorf("key %d is not %d bytes in base64; sluice keys create-seal makes one", i+1, keyBytes)
		}
		made, err := newKey(secret)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(r.keys, func(k key) bool { return k.id == made.id }) {
			return nil, fmt.Errorf("key %d stands there twice", i+1)
		}
		r.keys = append(r.keys, made)
	}
	if len(r.keys) == 0 {
		return nil, errors.New("there is no key; sluice keys create-seal makes one")
	}
	return r, nil
}

// newKey derives what a key is used for. Its id is derived as well, so that nobody has to name keys.
func newKey(secret []byte) (key, error) {
	id, err := derive(secret, "id", 4)
	if err != nil {
		return key{}, err
	}
	sealing, err := derive(secret, "aes-256-gcm", keyBytes)
	if err != nil {
		return key{}, err
	}
	block, err := aes.NewCipher(sealing)
	if err != nil {
		return key{}, err
	}
	aead, err := cipher.NewGCM(block)
	return key{id: hex.EncodeToString(id), secret: secret, aead: aead}, err
}

func derive(secret []byte, purpose string, length int) ([]byte, error) {
	return hkdf.Key(sha256.New, secret, nil, "sluice seal "+purpose, length)
}

// Seal seals a secret. of is whose it is.
func (r *Ring) Seal(plain []byte, of string) (string, error) {
	k := r.keys[0]
	data := make([]byte, k.aead.NonceSize(), k.aead.NonceSize()+len(plain)+k.aead.Overhead())
	_, _ = rand.Read(data)
	data = k.aead.Seal(data, data, plain, additional(k.id, of))
	return version + "." + k.id + "." + base64.StdEncoding.EncodeToString(data), nil
}

// Open is what was sealed.
func (r *Ring) Open(sealed, of string) ([]byte, error) {
	parts := strings.Split(sealed, ".")
	if len(parts) != 3 || parts[0] != version {
		return nil, errBroken
	}
	i := slices.IndexFunc(r.keys, func(k key) bool { return k.id == parts[1] })
	if i < 0 {
		return nil, ErrKey
	}
	aead := r.keys[i].aead
	data, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil || len(data) < aead.NonceSize() {
		return nil, errBroken
	}
	plain, err := aead.Open(nil, data[:aead.NonceSize()], data[aead.NonceSize():], additional(parts[1], of))
	if err != nil {
		return nil, errBroken
	}
	return plain, nil
}

// Newest tells whether a text is sealed with the key that seals.
func (r *Ring) Newest(sealed string) bool {
	return strings.HasPrefix(sealed, version+"."+r.keys[0].id+".")
}

func additional(id, of string) []byte { return []byte(version + "." + id + "." + of) }

// Derived is a key that was made of one of the ring's.
type Derived struct {
	ID     string // that of the key
	Secret []byte
}

// Derive makes a key for a purpose of each of the ring's, in their order. Who knows one learns nothing of the others.
func (r *Ring) Derive(purpose string, length int) ([]Derived, error) {
	all := make([]Derived, len(r.keys))
	for i, k := range r.keys {
		secret, err := derive(k.secret, "for "+purpose, length)
		if err != nil {
			return nil, err
		}
		all[i] = Derived{ID: k.id, Secret: secret}
	}
	return all, nil
}

// String keeps keys out of what is printed.
func (*Ring) String() string { return "[redacted]" }

// GoString keeps keys out of what is printed with %#v.
func (*Ring) GoString() string { return "[redacted]" }
