package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"sluice/connectors"
)

// token is what a sign-in brought.
type token struct {
	unprinted
	value   string
	exp     time.Time // its end by the vendor's clock; zero: the vendor did not say
	ends    time.Time // its end by ours, as far as is known or assumed
	fetched time.Time
	refresh string // what the next sign-in shows instead of the configured refresh token; "" = the same
}

// lifetime fills in when t ends. exp is by the vendor's clock, which read date when ours read now: a clock that is off by minutes
// must not cost a token its life. Without exp the token is assumed to live for fallback.
func (t *token) lifetime(exp, date, now time.Time, fallback time.Duration) error {
	t.fetched = now
	if exp.IsZero() {
		t.ends = now.Add(fallback)
		return nil
	}
	t.exp, t.ends = exp, now.Add(exp.Sub(date))
	if !t.ends.After(now) {
		return errors.New("the token that the vendor gave has already ended; check the clocks")
	}
	return nil
}

// usable is how long before its end a token is no longer sent: the request must still be under way when the vendor looks.
func (t *token) usable() time.Time {
	return t.ends.Add(-min(5*time.Second, t.ends.Sub(t.fetched)/20))
}

// slack is how near to its end a refused token counts as ended: clocks differ and requests take time.
const slack = 30 * time.Second

// mayHaveEnded tells whether its age explains that the vendor refused t when the vendor's clock read date.
func (t *token) mayHaveEnded(date, now time.Time) bool {
	if t.exp.IsZero() {
		// Any age may be too old, but one that was fetched a moment ago was refused for another reason.
		return now.Sub(t.fetched) >= time.Minute
	}
	return !now.Add(slack).Before(t.ends) || !date.IsZero() && !date.Add(slack).Before(t.exp)
}

// fetch signs in once.
type fetch func(ctx context.Context) (*token, error)

// signedIn is a scheme that fetches a token and puts it in a header: login, oauth2, jwt_bearer.
type signedIn struct {
	unprinted
	held   *Held
	fetch  fetch
	header string
	value  text // with a place for the token
	shown  atomic.Pointer[shown]
}

// shown is a token as it stands in the header.
type shown struct {
	token  *token
	values []string
}

// applied builds the scheme that puts the tokens of f where a says.
func (k *kit) applied(kind string, a connectors.Apply, f fetch) (Scheme, error) {
	name, err := k.name(kind+".apply.header", a.Header)
	if err != nil {
		return nil, err
	}
	value, err := k.value(kind+".apply.value", a.Value, "token")
	if err != nil {
		return nil, err
	}
	if !value.open() {
		return nil, fmt.Errorf("auth.%s.apply.value: has no ${token}", kind)
	}
	if k.ways.Held == nil {
		return nil, fmt.Errorf("auth.%s: no place to hold the token", kind)
	}
	return &signedIn{held: k.ways.Held, fetch: k.told(f), header: name, value: value}, nil
}

// told wraps f so that its failures are faults and the house hears how it ended.
func (k *kit) told(f fetch) fetch {
	return func(ctx context.Context) (*token, error) {
		t, err := unbroken(ctx, f)
		if err == nil {
			k.ways.Told("vendor", t.ends)
			return t, nil
		}
		err = k.failure(err)
		outcome := "failed"
		if isRefused(err) {
			outcome = "refused"
		}
		k.ways.Told(outcome, time.Time{})
		return nil, err
	}
}

// unbroken is f, with a panic as an error: a sign-in runs in a goroutine of its own, where a panic would end the process.
func unbroken(ctx context.Context, f fetch) (t *token, err error) {
	defer func() {
		if p := recover(); p != nil {
			t, err = nil, fmt.Errorf("the sign-in broke: %v", p)
		}
	}()
	return f(ctx)
}

// Apply implements Scheme.
func (s *signedIn) Apply(ctx context.Context, r *http.Request) error {
	t, err := s.held.token(ctx, &s.fetch)
	if err != nil {
		return err
	}
	r.Header[s.header] = s.show(t).values
	return nil
}

// show returns the header's value for t; it is made once per token.
func (s *signedIn) show(t *token) *shown {
	v := s.shown.Load()
	if v == nil || v.token != t {
		v = &shown{token: t, values: []string{s.value.fill(t.value)}[:1:1]}
		s.shown.Store(v)
	}
	return v
}

// Headers implements Scheme.
func (s *signedIn) Headers() []string { return []string{s.header} }

// Refused implements Renewer.
func (s *signedIn) Refused(sent *http.Request, date time.Time) bool {
	values := sent.Header[s.header]
	return s.held.refused(date, func(t *token) bool {
		return len(values) == 1 && values[0] == s.show(t).values[0]
	})
}

// Accepted implements Renewer.
func (s *signedIn) Accepted() { s.held.accepted() }
