package proxy

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"sluice/connectors"
	"sluice/transforms"
)

// transform runs the connector's transforms over requests and answers and then shows the answer in the caller's view: limits, token,
// refusals. A caller with the raw view gets and sends what the vendor does, byte for byte. A body that nothing touches streams.
func (u *Upstreams) transform(conn *connectors.Connection) Stage {
	return func(next http.RoundTripper) http.RoundTripper {
		return &transformer{next: next, conn: conn, vendorBase: conn.Base.String(), now: u.opts.Now, metrics: u.opts.Metrics}
	}
}

type transformer struct {
	next       http.RoundTripper
	conn       *connectors.Connection
	vendorBase string
	now        func() time.Time
	metrics    *Metrics
}

// RoundTrip implements http.RoundTripper.
func (t *transformer) RoundTrip(r *http.Request) (*http.Response, error) {
	call := CallOf(r.Context())
	if call.View.Raw {
		return t.next.RoundTrip(r)
	}
	sent, err := t.request(call, r)
	if err != nil {
		return nil, err
	}
	resp, err := t.next.RoundTrip(sent)
	if err != nil {
		return nil, err
	}
	unread := call.Unread
	if err := t.answer(call, r, resp); err != nil {
		_ = resp.Body.Close()
		return nil, err
	}
	if call.Unread > unread {
		t.metrics.unread.WithLabelValues(t.conn.Name, call.Route.Name).Add(float64(call.Unread - unread))
	}
	return resp, nil
}

// request runs the route's request transforms over a copy of r.
func (t *transformer) request(call *Call, r *http.Request) (*http.Request, error) {
	reads := t.readsAnswer(call)
	if len(call.Route.Request) == 0 && !reads {
		return r, nil
	}
	sent := r.Clone(call)
	if reads && sent.Header.Get("Accept-Encoding") != "" {
		// What we must read should come as we can read it; the caller's own preference is for what is passed on untouched.
		sent.Header.Set("Accept-Encoding", "gzip;q=0.5, identity")
	}
	if len(call.Route.Request) == 0 {
		return sent, nil
	}
	m := t.message(call, r, sent.Header)
	m.Request = true
	load := func() ([]byte, error) {
		if r.Body == nil || r.Body == http.NoBody {
			return nil, nil
		}
		data, body, err := readAtMost(r.Body, t.conn.Bounds.BufferBody)
		sent.Body = body
		return data, err
	}
	before := m.Body
	if err := t.run(call, call.Route.Request, m, load); err != nil {
		return nil, err
	}
	if m.Body != nil && !sameBytes(before, m.Body) {
		data := m.Body
		sent.Body = newBytesBody(data)
		sent.GetBody = func() (io.ReadCloser, error) { return newBytesBody(data), nil }
		sent.ContentLength = int64(len(data))
		sent.TransferEncoding = nil
		sent.Header.Del("Content-Length")
	}
	return sent, nil
}

// readsAnswer tells whether an answer of this call's route may have to be read whole.
func (t *transformer) readsAnswer(call *Call) bool {
	if call.Route.SignIn != nil && call.View.Token == "json" {
		return true
	}
	return slices.ContainsFunc(call.Route.Response, func(f transforms.Func) bool { return f.Body })
}

// answer changes resp in place.
func (t *transformer) answer(call *Call, r *http.Request, resp *http.Response) error {
	if call.Refused {
		setStatus(resp, http.StatusTooManyRequests)
	}
	now := t.now()
	if len(call.Route.Response) > 0 {
		m := t.message(call, r, resp.Header)
		m.Status, m.Now = resp.StatusCode, now
		var loaded []byte
		err := t.run(call, call.Route.Response, m, func() ([]byte, error) {
			data, err := t.body(resp)
			loaded = data
			return data, err
		})
		if err != nil {
			return err
		}
		if m.Body != nil && !sameBytes(loaded, m.Body) {
			setBody(resp, m.Body)
		}
		if m.Status != resp.StatusCode {
			setStatus(resp, m.Status)
		}
	}
	if call.Route.SignIn != nil && call.View.Token == "json" && resp.StatusCode/100 == 2 {
		if err := t.token(call, resp, now); err != nil {
			return err
		}
	}
	show := call.View.Face.Write
	if resp.StatusCode == http.StatusTooManyRequests {
		show = call.View.Face.WriteRefusal // clients that find no Retry-After try again after a second or a minute
	}
	show(resp.Header, t.conn.Connector.LimitHeaders, call.Limits, now)
	return nil
}

func (t *transformer) message(call *Call, r *http.Request, h http.Header) *transforms.Message {
	return &transforms.Message{
		Method: r.Method, URL: r.URL, Header: h, Now: t.now(),
		VendorBase: t.vendorBase, CallerBase: call.Caller.String(),
	}
}

// run applies fs and counts what could not be read. A body that does not fit in memory is left as it is.
func (t *transformer) run(call *Call, fs []transforms.Func, m *transforms.Message, load func() ([]byte, error)) error {
	unread, err := transforms.Run(fs, m, load)
	for _, why := range unread {
		call.left("transform", "left as it was: %v", why)
	}
	if errors.Is(err, errTooLong) || errors.Is(err, errCoding) {
		call.left("transform", "body left as it was: %v", err)
		m.Body = nil
		return nil
	}
	if err != nil {
		return fmt.Errorf("transform %s: %w", call.Route.Name, err)
	}
	return nil
}

// token shows a sign-in answer as JSON with access_token, token_type and expires_in.
func (t *transformer) token(call *Call, resp *http.Response, now time.Time) error {
	data, err := t.body(resp)
	if errors.Is(err, errTooLong) || errors.Is(err, errCoding) {
		call.left("transform", "body left as it was: %v", err)
		return nil
	}
	if err != nil {
		return err
	}
	token, err := transforms.ReadToken(call.Route.SignIn.Token, resp.StatusCode, resp.Header, data, now)
	if err != nil {
		call.left("transform", "the answer holds no token that could be read: %v", err)
		return nil
	}
	setBody(resp, transforms.TokenJSON(token, now))
	resp.Header["Content-Type"] = []string{"application/json"}
	call.Note("transform", "token shown as JSON")
	return nil
}

// errCoding is returned for a body in a content coding that we cannot undo.
var errCoding = errors.New("the body's content coding is not known here")

// body reads an answer's body whole and undoes its content coding; the answer still has a body afterwards.
func (t *transformer) body(resp *http.Response) ([]byte, error) {
	coding := strings.ToLower(strings.TrimSpace(resp.Header.Get("Content-Encoding")))
	if coding != "" && coding != "identity" && coding != "gzip" && coding != "x-gzip" && coding != "deflate" {
		return nil, errCoding
	}
	data, body, err := readAtMost(resp.Body, t.conn.Bounds.BufferBody)
	if err != nil {
		resp.Body = body
		return nil, err
	}
	_ = body.Close()
	resp.Body = newBytesBody(data)
	if coding == "" || coding == "identity" {
		return data, nil
	}
	plain, err := decode(coding, data, t.conn.Bounds.BufferBody)
	if err != nil {
		return nil, err
	}
	setBody(resp, plain) // from here on the answer goes out plain, changed or not
	resp.Header.Del("Content-Encoding")
	return plain, nil
}

// decode undoes gzip or deflate, to at most limit bytes.
func decode(coding string, data []byte, limit int64) ([]byte, error) {
	var plain io.Reader
	var err error
	if coding == "deflate" {
		plain, err = zlib.NewReader(bytes.NewReader(data))
	} else {
		plain, err = gzip.NewReader(bytes.NewReader(data))
	}
	if err != nil {
		return nil, errCoding
	}
	out, err := io.ReadAll(io.LimitReader(plain, limit+1))
	if err != nil {
		return nil, errCoding
	}
	if int64(len(out)) > limit {
		return nil, errTooLong
	}
	return out, nil
}

// sameBytes tells whether two slices are the same memory: a transform replaces a body, it never changes one in place.
func sameBytes(a, b []byte) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

func setStatus(resp *http.Response, status int) {
	resp.StatusCode = status
	resp.Status = fmt.Sprintf("%d %s", status, http.StatusText(status))
}
