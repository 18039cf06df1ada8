package send

import (
	"encoding/hex"

	"crypto/sha256"

	"sluice/triggers"
)

// mark is a name and a value beside a message.
type mark struct{ name, value string }

// marks are what every message carries, so that its reader knows it again without its body.
func marks(d triggers.Delivery) []mark {
	return []mark{
		{"X-Sluice-Invocation-Id", d.Invocation.ID},
		{"X-Sluice-Trigger-Id", d.Subscription.TriggerID},
		{"X-Sluice-Subscription-Id", d.Subscription.ID},
		{"Content-Type", "application/json"},
	}
}

// group is what keeps events of one subject in order where a queue has groups. AWS takes 128 printable characters, and a native id may be
// anything, so it is its hash.
func group(d triggers.Delivery) string {
	sum := sha256.Sum256([]byte(d.Event.Source + "\x00" + d.Event.Subject))
	return hex.EncodeToString(sum[:])
}
