package auth

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"sluice/connectors"
)

// Fingerprint tells apart the settings that a connection's token depends on: where it comes from, how, and with which credentials. It
// is keyed by salt, which must be random and never leave the process, so that it tells nothing of a credential.
func Fingerprint(conn *connectors.Connection, salt []byte) (string, error) {
	mac := hmac.New(sha256.New, salt)
	settings, err := json.Marshal(conn.Connector.Auth)
	if err != nil {
		return "", fmt.Errorf("auth: fingerprint the settings: %w", err)
	}
	_, _ = fmt.Fprintf(mac, "%q %q", conn.Base.String(), settings)
	for _, name := range slices.Sorted(maps.Keys(conn.Secrets)) {
		_, _ = fmt.Fprintf(mac, " %q %q", name, conn.Secrets[name].Reveal())
	}
	return hex.EncodeToString(mac.Sum(nil)), nil
}
