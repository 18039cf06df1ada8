package auth

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/patrickmn/go-cache"
	"golang.org/x/sync/singleflight"

	"sluice/internal/fault"
)

// Held is one connection's token, over all its reloads. It is fetched once for all who wait for it, renewed in the background
// before it ends as long as somebody uses it, and not asked for while a refusal is fresh, so that a wrong key locks no account.
//
//	none → (Apply) fetching → live → (90 % of life, or a minute before the end, whichever is later) renewing → live
//	live → (ended, or forgotten after a 401 that age explains) none
//	fetching, renewing → (the vendor says no) pausing for 10 s, 20 s … 5 min → none; a token that still lives is used meanwhile
type Held struct {
	unprinted
	patience time.Duration
	detach   func(context.Context) context.Context
	kept     *cache.Cache // holds token and pausing, each as long as it is valid
	flight   singleflight.Group
	used     atomic.Bool           // since the latest sign-in
	latest   atomic.Pointer[fetch] // the way of the configuration in force
	doubts   doubts

	mu       sync.Mutex
	timer    *time.Timer
	failures int // sign-ins that the vendor answered with no, in a row
	refresh  string
	closed   bool
}

// The keys of Held.kept.
const (
	keyToken = "token"   // *token
	keyPause = "pausing" // *fault.Error
)

// NewHeld returns a Held without a token. A sign-in takes at most patience. detach makes the context of a sign-in from that of the
// caller who caused it: it outlives the caller, and carries over only what the house wants to know there. nil carries nothing.
func NewHeld(patience time.Duration, detach func(context.Context) context.Context) *Held {
	if detach == nil {
		detach = func(context.Context) context.Context { return context.Background() }
	}
	return &Held{patience: patience, detach: detach, kept: cache.New(cache.NoExpiration, 0)}
}

// Close ends the renewal in the background. The Held stays usable: calls under way on an old configuration may finish.
func (h *Held) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	if h.timer != nil {
		h.timer.Stop()
	}
}

// token returns a token that lives, signing in by f when there is none.
func (h *Held) token(ctx context.Context, f *fetch) (*token, error) {
	if h.latest.Load() != f {
		h.latest.Store(f)
	}
	if t := h.live(); t != nil {
		if !h.used.Load() {
			h.used.Store(true)
		}
		return t, nil
	}
	if err := h.pausing(); err != nil {
		return nil, err
	}
	// The sign-in runs on its own: whoever asked first may hang up without failing those who wait with him.
	own := h.detach(ctx)
	done := h.flight.DoChan("", func() (any, error) {
		if t := h.live(); t != nil {
			return t, nil
		}
		if err := h.pausing(); err != nil {
			return nil, err
		}
		return h.signIn(own, f)
	})
	select {
	case result := <-done:
		if result.Err != nil {
			return nil, result.Err
		}
		h.used.Store(true)
		return result.Val.(*token), nil
	case <-ctx.Done():
		return nil, waited(ctx)
	}
}

// waited is what a caller hears who could not wait for the sign-in.
func waited(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fault.New(stage, http.StatusGatewayTimeout, "sign_in_failed",
			"signing in at the vendor took longer than this call may take; try again").Because(ctx.Err())
	}
	return fmt.Errorf("wait for the sign-in: %w", ctx.Err())
}

// live returns the token while it can be sent, else nil.
func (h *Held) live() *token {
	t, ok := h.kept.Get(keyToken)
	if !ok {
		return nil
	}
	return t.(*token)
}

// pausing returns the fault of a sign-in that is not to be repeated yet, with the time that is left.
func (h *Held) pausing() error {
	err, until, ok := h.kept.GetWithExpiration(keyPause)
	left := time.Until(until)
	if !ok || left <= 0 {
		return nil
	}
	again := *err.(*fault.Error)
	return again.After(left)
}

// signIn fetches a token, whether there is one or not. It is called by one goroutine at a time.
func (h *Held) signIn(ctx context.Context, f *fetch) (*token, error) {
	ctx, cancel := context.WithTimeout(ctx, h.patience)
	defer cancel()
	t, err := (*f)(ctx)
	h.mu.Lock()
	defer h.mu.Unlock()
	if err != nil {
		h.pause(err)
		return nil, err
	}
	h.failures = 0
	h.doubts.clear()
	if t.refresh != "" {
		h.refresh = t.refresh
	}
	h.used.Store(false)
	h.kept.Set(keyToken, t, time.Until(t.usable()))
	h.arm(time.Until(renewal(t)))
	return t, nil
}

// renewal is when t is renewed: at 90 % of its life or a minute before its end, whichever is later, and a little after that by
// chance, so that the connections of a house do not all sign in at once.
func renewal(t *token) time.Time {
	lead := min(time.Minute, t.ends.Sub(t.fetched)/10)
	return t.ends.Add(-lead + time.Duration(rand.Float64()*float64(lead)/4))
}

// arm sets the timer of the renewal. The caller holds h.mu.
func (h *Held) arm(in time.Duration) {
	if h.closed {
		return
	}
	if h.timer != nil {
		h.timer.Stop()
	}
	h.timer = time.AfterFunc(in, h.renew)
}

// renew replaces a token that is in use. One that nobody asked for since it came is left to end.
func (h *Held) renew() {
	if h.live() == nil || !h.used.Load() {
		return
	}
	if h.replace() == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.arm(5 * time.Second) // renew ends it when the token has ended
}

// replace fetches a new token by the configuration in force, unless a refusal is fresh.
func (h *Held) replace() error {
	if err := h.pausing(); err != nil {
		return err
	}
	_, err, _ := h.flight.Do("", func() (any, error) { return h.signIn(context.Background(), h.latest.Load()) })
	return err
}

// refused takes in a 401. same tells whether the refused request carried a token.
func (h *Held) refused(date time.Time, same func(*token) bool) bool {
	t := h.live()
	if t == nil {
		return true
	}
	if !same(t) {
		return true // it was renewed while the request was under way
	}
	now := time.Now()
	if t.mayHaveEnded(date, now) {
		h.forget(t)
		return true
	}
	if h.doubts.add(now, t.fetched) {
		go func() { _ = h.replace() }() // nobody waits for it; its failure is counted by Ways.Told
	}
	return false
}

func (h *Held) accepted() { h.doubts.clear() }

// forget drops t unless a newer token has taken its place.
func (h *Held) forget(t *token) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.live() == t {
		h.kept.Delete(keyToken)
	}
}

// refreshToken is what a vendor gave last in place of configured.
func (h *Held) refreshToken(configured string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.refresh != "" {
		return h.refresh
	}
	return configured
}

// forgetRefresh goes back to the configured refresh token: an operator may have put a new one there.
func (h *Held) forgetRefresh() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.refresh = ""
}
