package proxy

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"sluice/connectors"
)

// Trace is what one request met on its way: each stage's word, and what went over the wire, redacted. `sluice try` shows it.
type Trace struct {
	start time.Time
	conn  *connectors.Connection
	call  *Call // of Try; nil otherwise

	mu    sync.Mutex
	words []Word
	left  []string
	calls []Exchange
}

// Word is what a stage said.
type Word struct {
	After time.Duration `json:"after"` // since the request arrived
	Stage string        `json:"stage"`
	Text  string        `json:"text"`
}

// Exchange is a request as the vendor got it and the answer as it came, with secrets blanked and bodies cut at 4 KiB.
type Exchange struct {
	Method  string        `json:"method"`
	URL     string        `json:"url"`
	Header  http.Header   `json:"header"`
	Body    string        `json:"body,omitempty"`
	Status  int           `json:"status"`
	Answer  http.Header   `json:"answer"`
	Content string        `json:"content,omitempty"`
	Took    time.Duration `json:"took"`
	Error   string        `json:"error,omitempty"`
}

// NewTrace starts a trace of a call on conn.
func NewTrace(conn *connectors.Connection) *Trace { return &Trace{start: time.Now(), conn: conn} }

// Words returns what the stages said, in order.
func (t *Trace) Words() []Word {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.words)
}

// Left returns why values were left as they were: what could not be read, and by which transform.
func (t *Trace) Left() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.left)
}

// leave notes a value that a stage left as it was.
func (t *Trace) leave(stage, format string, args ...any) {
	t.add(stage, format, args...)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.left = append(t.left, t.blank(fmt.Sprintf(format, args...)))
}

// Exchanges returns what went over the wire, sign-ins included, in order.
func (t *Trace) Exchanges() []Exchange {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.calls)
}

func (t *Trace) add(stage, format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.words = append(t.words, Word{After: time.Since(t.start), Stage: stage, Text: t.blank(fmt.Sprintf(format, args...))})
}

// blank redacts by what looks secret, and the connection's own secrets wherever they stand.
func (t *Trace) blank(text string) string { return redactText(t.blankSecrets(text)) }

func (t *Trace) blankSecrets(text string) string {
	for _, secret := range t.conn.Secrets {
		if v := secret.Reveal(); len(v) >= 4 {
			text = strings.ReplaceAll(text, v, redacted)
		}
	}
	return text
}

// A trace shows traceBody bytes of a body. traceMore are read besides, so that a secret is whole when it is looked for.
const (
	traceBody = 4 << 10
	traceMore = 4 << 10
)

// tap notes what goes over the wire for calls that are traced. It stands between auth and the wire.
func tap(next http.RoundTripper) http.RoundTripper {
	return roundTrip(func(r *http.Request) (*http.Response, error) {
		call := CallOf(r.Context())
		if call == nil || call.trace == nil {
			return next.RoundTrip(r)
		}
		return call.trace.exchange(next, r)
	})
}

func (t *Trace) exchange(next http.RoundTripper, r *http.Request) (*http.Response, error) {
	x := Exchange{Method: r.Method, URL: t.blank(redactTarget(t.conn.Base.String() + target(r))), Header: t.blankHeader(r.Header)}
	if r.GetBody != nil {
		if body, err := r.GetBody(); err == nil {
			x.Body = t.sentBody(body, r)
		}
	}
	start := time.Now()
	resp, err := next.RoundTrip(r)
	x.Took = time.Since(start)
	if err != nil {
		x.Error = t.blank(err.Error())
	} else {
		x.Status, x.Answer = resp.StatusCode, t.blankHeader(resp.Header)
		head, _ := io.ReadAll(io.LimitReader(resp.Body, traceBody+traceMore))
		resp.Body = &joinedBody{Reader: io.MultiReader(bytes.NewReader(head), resp.Body), Closer: resp.Body}
		x.Content = t.blankBody(head, r, resp)
	}
	t.mu.Lock()
	t.calls = append(t.calls, x)
	t.mu.Unlock()
	return resp, err
}

// blankBody hides the whole body of an answer to a sign-in: its token may be bare text that looks like nothing in particular.
func (t *Trace) blankBody(head []byte, r *http.Request, resp *http.Response) string {
	if t.conn.Route(r.Method, rawPath(r)).SignIn != nil && resp.StatusCode/100 == 2 {
		return redacted
	}
	return t.excerpt(head)
}

func (t *Trace) blankHeader(h http.Header) http.Header {
	shown := redactHeader(h)
	for _, values := range shown {
		for i, v := range values {
			values[i] = t.blank(v)
		}
	}
	return shown
}

// sentBody hides the whole body of a sign-in: which of its fields are secret is the vendor's own affair.
func (t *Trace) sentBody(body io.ReadCloser, r *http.Request) string {
	defer func() { _ = body.Close() }()
	head, err := io.ReadAll(io.LimitReader(body, traceBody+traceMore))
	switch {
	case err != nil || len(head) == 0:
		return ""
	case t.conn.Route(r.Method, rawPath(r)).SignIn != nil:
		return redacted
	}
	return t.excerpt(head)
}

// excerpt blanks the head of a body and cuts it then: half a secret would not be found. Of a body that is longer than head the last
// traceMore bytes are left out, because the secret that they may begin with is cut off too.
func (t *Trace) excerpt(head []byte) string {
	text := redactBody(t.blankSecrets(string(head)))
	shown := min(len(text), traceBody)
	if len(head) == traceBody+traceMore && !strings.HasSuffix(strings.TrimSuffix(text, `"`), redacted) {
		shown = max(0, min(shown, len(text)-traceMore))
	}
	return strings.ToValidUTF8(text[:shown], "")
}
