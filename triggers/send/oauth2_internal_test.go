package send

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sluice/triggers"
)

// play answers each request after its time; a request of no time is never answered.
type play struct {
	times  []time.Duration
	status []int
	asked  int
}

func (p *play) RoundTrip(r *http.Request) (*http.Response, error) {
	i := p.asked
	p.asked++
	if i >= len(p.times) || p.times[i] == 0 {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	select {
	case <-time.After(p.times[i]):
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	return &http.Response{
		StatusCode: p.status[i], Header: http.Header{"Content-Type": {"application/json"}}, Request: r,
		Body: io.NopCloser(strings.NewReader(`{"access_token":"t","token_type":"Bearer"}`)),
	}, nil
}

// An attempt takes 14 s at the most, whatever it consists of.
func TestWholeAttemptIsTimed(t *testing.T) {
	t.Parallel()
	const s = time.Second
	late := func(what string) string { return what + ": " + context.DeadlineExceeded.Error() }
	for name, c := range map[string]struct {
		times  []time.Duration
		status []int
		took   time.Duration
		want   string
	}{
		"no token":             {nil, nil, 4 * s, late("no token for this subscription: login.example did not answer in time")},
		"no answer":            {[]time.Duration{3 * s}, []int{200}, 13 * s, late("receiver.example did not answer whole within 10s")},
		"all of it in time":    {[]time.Duration{1 * s, 2 * s, 1 * s, 9 * s}, []int{200, 401, 200, 200}, 13 * s, ""},
		"no fresh token":       {[]time.Duration{1 * s, 2 * s}, []int{200, 401}, 7 * s, late("no token for this subscription: login.example did not answer in time")},
		"fresh token too late": {[]time.Duration{3 * s, 9 * s}, []int{200, 401}, 14 * s, late("no token for this subscription: login.example did not answer in time")},
		"no second answer":     {[]time.Duration{3 * s, 8 * s, 1 * s}, []int{200, 401, 200}, 14 * s, late("receiver.example did not answer whole within 2s")},
		"refused twice":        {[]time.Duration{1 * s, 1 * s, 1 * s, 1 * s}, []int{200, 401, 200, 401}, 4 * s, "receiver.example answered 401 Unauthorized, " + ruleOf(401).says},
	} {
		synctest.Test(t, func(t *testing.T) {
			sub := &triggers.Subscription{Type: triggers.TypeHTTP, HTTP: &triggers.HTTPConfig{URL: "https://receiver.example/"}}
			sub.Sluice.OAuth2 = &triggers.ClientCredentials{TokenURL: "https://login.example/", ClientID: "c"}
			sender, err := newHTTP(Options{Timeout: 10 * s}, guard{}, sub, &secrets{})
			if err != nil {
				t.Fatal(err)
			}
			sender.client.Transport = &play{times: c.times, status: c.status}
			began, got := time.Now(), ""
			if _, err := sender.Send(t.Context(), triggers.Delivery{Subscription: sub}); err != nil {
				got = err.Error()
			}
			if took := time.Since(began); took != c.took || got != c.want {
				t.Errorf("%s: got %q after %s, want %q after %s", name, got, took, c.want, c.took)
			}
		})
	}
}
