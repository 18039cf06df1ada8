// Package fault is the one kind of error that may reach a caller.
//
// Whoever refuses or fails a request where the caller could act on the reason (slow down, fix the path, sign in again)
// returns an *Error: the door of the house (proxy's front, later web) writes its status, code and message in the
// caller's view. Every other error is internal: the door answers 500 and says nothing of it outside. Message is for the
// caller and never holds a secret, an address of ours or a cause; the cause travels in Err, for the log alone.
package fault

import (
	"errors"
	"fmt"
	"net/http"
	"time"
)

// Error is a refusal or failure that its caller may see.
type Error struct {
	Status     int           // HTTP status of the answer
	Code       string        // stable snake_case word for machines: rate_limited, circuit_open, unknown_connection …
	Stage      string        // who says it: front, cache, transform, breaker, pace, auth, wire
	Message    string        // one sentence for the caller: what is wrong, and what to do
	RetryAfter time.Duration // when trying again makes sense; 0 = not said
	Err        error         // the cause, for the log only; may be nil
}

// New returns an Error of stage with a message for the caller.
func New(stage string, status int, code, format string, args ...any) *Error {
	return &Error{Status: status, Code: code, Stage: stage, Message: fmt.Sprintf(format, args...)}
}

// Because sets the internal cause and returns e.
func (e *Error) Because(err error) *Error {
	e.Err = err
	return e
}

// After sets when another try makes sense and returns e.
func (e *Error) After(d time.Duration) *Error {
	e.RetryAfter = d
	return e
}

// Error says code, message and cause: the text for the log. The caller sees Message only.
func (e *Error) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("%s: %s: %s: %v", e.Stage, e.Code, e.Message, e.Err)
	}
	return fmt.Sprintf("%s: %s: %s", e.Stage, e.Code, e.Message)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Of returns the Error in err's chain. An err without one becomes an internal error of status 500 that carries it as its cause,
// so that a door needs no second case. Of(nil) is nil.
func Of(err error) *Error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return New("front", http.StatusInternalServerError, "internal", "an internal error; the log has it under this request id").Because(err)
}
