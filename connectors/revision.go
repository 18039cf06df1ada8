package connectors

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
)

// salt keeps a revision, which logs show, from being a way to guess a secret that went into it. A constant of the process,
// so that reading the same again gives the same revision.
var salt = []byte(rand.Text())

// revision is a running hash of all that a configuration was made of. The zero revision is ready.
type revision struct{ hash hash.Hash }

// add counts a name and its content, each with its length: no two ways to cut them give the same revision.
func (r *revision) add(name string, content []byte) {
	if r.hash == nil {
		r.hash = hmac.New(sha256.New, salt)
	}
	for _, part := range [][]byte{[]byte(name), content} {
		r.hash.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		r.hash.Write(part)
	}
}

// sum is 16 hexadecimal digits.
func (r *revision) sum() string {
	r.add("", nil)
	return hex.EncodeToString(r.hash.Sum(nil)[:8])
}
