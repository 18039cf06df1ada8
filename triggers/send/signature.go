package send

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"sluice/triggers"
)

// mostSecrets is how many secrets sign at once: the one in use and its successor.
const mostSecrets = 2

// signer signs as Standard Webhooks has it. A body is signed with each secret, so that a receiver that knows either verifies it.
type signer []*standardwebhooks.Webhook

func newSigner(all []triggers.SigningSecret) (signer, error) {
	if len(all) > mostSecrets {
		return nil, fmt.Errorf("sluice.signing has %d secrets; at most %d sign at once", len(all), mostSecrets)
	}
	var s signer
	for i, one := range all {
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(text(one.Secret), "whsec_"))
		if err != nil || len(key) < 24 || len(key) > 64 {
			return nil, fmt.Errorf("sluice.signing[%d] is no secret; write whsec_ and 24 to 64 bytes in base64", i)
		}
		w, err := standardwebhooks.NewWebhookRaw(key)
		if err != nil {
			return nil, fmt.Errorf("sluice.signing[%d] cannot sign", i)
		}
		s = append(s, w)
	}
	return s, nil
}

// mark sets the headers by which a receiver knows a delivery again and verifies it. The id stays the same however often it is sent, the time is
// that of the attempt, because receivers refuse old ones.
func (s signer) mark(h http.Header, id string, at time.Time, body []byte) error {
	h.Set("Webhook-Id", id)
	h.Set("Webhook-Timestamp", strconv.FormatInt(at.Unix(), 10))
	var all []string
	for _, w := range s {
		one, err := w.Sign(id, at, body)
		if err != nil {
			return fmt.Errorf("sign the body: %w", err)
		}
		all = append(all, one)
	}
	if len(all) > 0 {
		h.Set("Webhook-Signature", strings.Join(all, " "))
	}
	return nil
}
