package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// What --answer can be.
const (
	answerSync    = "sync"    // 200 with the output
	answerAsync   = "async"   // 200 {}, and the output later
	answerDynamic = "dynamic" // 202, and the output later
)

// play is how a receiver behaves.
type play struct {
	answer     string // "" = 200 {}
	output     json.RawMessage
	status     int // of what fails; 0 = nothing does
	fail       int // how many fail; 0 = all, where there is a status
	retryAfter time.Duration
	delay      time.Duration
}

// fails tells whether arrival n does.
func (p play) fails(n int) bool { return p.status != 0 && (p.fail == 0 || n <= p.fail) }

const (
	mostReceived = 4 << 20          // of a body
	readWithin   = 30 * time.Second // a whole request
	mostSeen     = 100_000          // ids that are remembered, to tell which came again
)

// receiver is who gets events on this machine. It is an http.Handler.
type receiver struct {
	play    play
	secrets []*standardwebhooks.Webhook // none: nothing is verified
	show    *arrivalPrinter
	client  *http.Client // to complete invocations

	ctx    context.Context // of what goes on behind an answer
	cancel context.CancelFunc
	behind sync.WaitGroup

	mu     sync.Mutex
	closed bool
	counts receivedCounts
	seen   map[string]bool
}

// receivedCounts are how many arrived.
type receivedCounts struct {
	Arrived  int `json:"arrived"`
	Verified int `json:"verified"`
	Repeated int `json:"repeated"` // with the webhook-id of one before
}

func newReceiver(ctx context.Context, p play, secrets []*standardwebhooks.Webhook, show *arrivalPrinter) *receiver {
	r := &receiver{play: p, secrets: secrets, show: show, client: completingClient(), seen: map[string]bool{}}
	r.ctx, r.cancel = context.WithCancel(context.WithoutCancel(ctx))
	return r
}

// close ends what goes on, and says how many arrived.
func (r *receiver) close() error {
	r.cancel()
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	r.behind.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.show.end(r.counts)
}

// ServeHTTP implements http.Handler.
func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	connection := http.NewResponseController(w)
	_ = connection.SetReadDeadline(time.Now().Add(readWithin)) // a test's recorder has none
	body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, mostReceived))
	_ = connection.SetReadDeadline(time.Time{}) // the answer may take longer
	_, tooLong := errors.AsType[*http.MaxBytesError](err)
	if err != nil && !tooLong {
		w.WriteHeader(http.StatusRequestTimeout) // it is not whole, and so has not arrived
		return
	}
	a := arrival{Time: time.Now().UTC(), Method: req.Method, Path: maskedPath(req.URL), Headers: req.Header, Body: body, Cut: tooLong}
	meta := metadataOf(body)
	a.hide(meta.Secret)
	switch {
	case tooLong:
		a.Problem = "its body is longer than 4 MiB"
	case len(r.secrets) > 0:
		a.Problem = unverified(r.secrets, req.Header, body)
		a.Verified = a.Problem == ""
	}
	r.count(&a, firstOf(req.Header, "Webhook-Id", "X-Sluice-Invocation-Id"))

	answer, later := []byte("{}"), false
	switch a.Answered = http.StatusOK; {
	case tooLong:
		a.Answered, answer = http.StatusRequestEntityTooLarge, nil
	case a.Problem != "":
		a.Answered, answer = http.StatusUnauthorized, nil
	case r.play.fails(a.Number):
		a.Answered, answer = r.play.status, nil
		if r.play.retryAfter > 0 {
			w.Header().Set("Retry-After", strconv.FormatInt(int64((r.play.retryAfter+time.Second-1)/time.Second), 10))
		}
	case r.play.answer == answerSync:
		answer = r.play.output
	case r.play.answer == answerAsync:
		later = true
	case r.play.answer == answerDynamic:
		a.Answered, later = http.StatusAccepted, true
	}
	r.show.arrived(a)
	if later {
		r.later(a.Number, meta)
	} else if r.play.delay > 0 && !r.waitFor(req.Context()) {
		w.WriteHeader(http.StatusServiceUnavailable) // whoever asked has gone, or the receiver ends
		return
	}
	if answer != nil {
		w.Header().Set("Content-Type", "application/json")
	}
	w.WriteHeader(a.Answered)
	_, _ = w.Write(answer)
}

// later completes an invocation behind its answer, unless the receiver ends.
func (r *receiver) later(number int, meta hookMetadata) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.closed {
		r.behind.Go(func() { r.show.completed(number, r.complete(meta)) })
	}
}

// count numbers an arrival, and tells whether its id was there before.
func (r *receiver) count(a *arrival, id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts.Arrived++
	a.Number = r.counts.Arrived
	if a.Verified {
		r.counts.Verified++
	}
	if a.Repeated = id != "" && r.seen[id]; a.Repeated {
		r.counts.Repeated++
	}
	if id != "" && len(r.seen) < mostSeen {
		r.seen[id] = true
	}
}

// waitFor waits for the delay; false: whoever asked has gone, or all is over.
func (r *receiver) waitFor(ctx context.Context) bool {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(r.ctx, cancel)()
	return sleep(ctx, r.play.delay) == nil
}

func firstOf(h http.Header, names ...string) string {
	for _, name := range names {
		if value := h.Get(name); value != "" {
			return value
		}
	}
	return ""
}
