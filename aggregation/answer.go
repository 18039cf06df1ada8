package aggregation

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"sluice/internal/fault"
)

// StatusError is an answer with a status that is not 2xx, after the chain's own retries. Its text has the status; whoever wraps it adds
// the route. It says nothing of the answer's body.
type StatusError struct {
	Status int
	Route  string // "GET /api/people/{key}"
}

// Error implements error.
func (e *StatusError) Error() string {
	text := http.StatusText(e.Status)
	if e.Status >= 300 && e.Status < 400 {
		text += "; redirects are not followed"
	}
	return fmt.Sprintf("status %d %s", e.Status, text)
}

// What a listing may turn out to be besides whole. None of them is ever compared with a snapshot.
var (
	ErrEmpty    = errors.New("an empty list: the credential may lack rights")
	ErrNotWhole = errors.New("the list is not whole")
	ErrEndless  = errors.New("the list does not end")
	ErrTooLarge = errors.New("the answer is too large")
)

// Retryable tells whether the same reading may well succeed at another time without anybody's doing: the vendor or the way to it had a
// fault, or the list moved while it was read. Whoever lacks rights, and a mistake in the connector, must be seen to first.
func Retryable(err error) bool {
	if errors.Is(err, ErrNotWhole) {
		return true
	}
	if status, ok := errors.AsType[*StatusError](err); ok {
		return passes(status.Status)
	}
	if refused, ok := errors.AsType[*fault.Error](err); ok {
		return passes(refused.Status)
	}
	_, way := errors.AsType[*wayError](err)
	return way && !errors.Is(err, context.Canceled)
}

// passes tells whether a status says something of the moment, and not of the request.
func passes(status int) bool {
	return status >= 500 || status == http.StatusTooManyRequests || status == http.StatusRequestTimeout
}

// spoilt tells whether a list must be read from its beginning after an error.
func spoilt(err error) bool {
	return errors.Is(err, ErrEmpty) || errors.Is(err, ErrNotWhole) || errors.Is(err, ErrEndless)
}

// gone tells whether an error says that what was asked for is not there.
func gone(err error) bool {
	status, ok := errors.AsType[*StatusError](err)
	return ok && (status.Status == http.StatusNotFound || status.Status == http.StatusGone)
}

// wayError is a call that got no answer, or not all of one.
type wayError struct{ err error }

func (e *wayError) Error() string { return e.err.Error() }
func (e *wayError) Unwrap() error { return e.err }

// send sends r and returns an answer of status 2xx, whose body the caller closes. Redirects are never followed, whatever the client's
// policy: they may lead away from the vendor. The error leaves out the URL, which may hold a key or a cursor.
func send(client *http.Client, r *http.Request, route string) (*http.Response, error) {
	own := *client
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := own.Do(r)
	if err != nil {
		if outer, ok := errors.AsType[*url.Error](err); ok {
			err = outer.Err
		}
		return nil, &wayError{err}
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		_, _ = io.CopyN(io.Discard, resp.Body, 64<<10) // so that the connection can be used again
		_ = resp.Body.Close()
		return nil, &StatusError{resp.StatusCode, route}
	}
	return resp, nil
}

// limited reads at most left bytes and then fails, so that a vendor's answer cannot fill the memory. A connection that breaks within the
// answer is told from an answer that is no JSON.
type limited struct {
	r    io.Reader
	left int64
}

func (l *limited) Read(p []byte) (int, error) {
	if l.left < 0 {
		return 0, ErrTooLarge
	}
	if int64(len(p)) > l.left+1 {
		p = p[:l.left+1]
	}
	n, err := l.r.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return n - 1, ErrTooLarge
	}
	if err != nil && !errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = &wayError{err}
	}
	return n, err
}
