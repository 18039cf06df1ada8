package store

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"

	"sluice/triggers"
)

// An invocation's secret, with which its receiver completes it, is kept nowhere: it is made of the invocation's id and a key that stands
// outside of the database. Whoever reads the database can complete nothing, and a key that is replaced is good as long as it is kept beside the
// new one.

// secretOf is an invocation's secret by one key: a UUID of version 4 in its form, as SailPoint's are.
func secretOf(key []byte, id string) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("invocation/" + id)) // never fails (hash.Hash)
	return uuidOf([sha256.Size]byte(mac.Sum(nil)), 4)
}

// giveSecrets puts secrets into invocations that are to be sent. Where there is no key there is none, and what needs one is not sent.
func (db *DB) giveSecrets(all []triggers.Invocation) {
	if db.keys == nil {
		return
	}
	keys := db.keys()
	if len(keys) == 0 {
		return
	}
	for i := range all {
		all[i].Secret = secretOf(keys[0], all[i].ID)
	}
}

// secretsOf are an invocation's secrets by all keys, any of which it may have been sent with.
func (db *DB) secretsOf(id string) (all []string) {
	if db.keys == nil {
		return nil
	}
	for _, key := range db.keys() {
		all = append(all, secretOf(key, id))
	}
	return all
}

// isSecret tells whether a secret is one of an invocation.
func (db *DB) isSecret(secret, id string) bool {
	right := 0
	for _, one := range db.secretsOf(id) {
		right |= subtle.ConstantTimeCompare([]byte(secret), []byte(one))
	}
	return right == 1
}
