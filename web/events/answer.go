package events

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"sluice/aggregation"
	"sluice/internal/fault"
	"sluice/triggers"
	"sluice/web/collection"
)

// mostBody bounds what a client may send.
const mostBody = 1 << 20

// problem is SailPoint's ErrorResponseDto.
type problem struct {
	DetailCode string    `json:"detailCode"`
	TrackingID string    `json:"trackingId"`
	Messages   []message `json:"messages"`
	Causes     []message `json:"causes"`
}

type message struct {
	Locale       string `json:"locale"`
	LocaleOrigin string `json:"localeOrigin"`
	Text         string `json:"text"`
}

// detailCodes are SailPoint's words for statuses. The small f is its own.
var detailCodes = map[int]string{
	http.StatusBadRequest:          "400.1 Bad Request Content",
	http.StatusForbidden:           "403 Forbidden",
	http.StatusNotFound:            "404 Not found",
	http.StatusInternalServerError: "500.0 Internal Fault",
}

// awayFor is how long a client is told to wait for a database that does not answer.
const awayFor = 5 * time.Second

// refuse answers with an error. What is not a fault is told to the log alone, under the tracking id that the client gets.
func (a *API) refuse(v *visit, err error) {
	why := fault.Of(err)
	if why.Status == http.StatusInternalServerError && errors.Is(err, aggregation.ErrAway) {
		why = refuse(http.StatusServiceUnavailable, "database_away", "The service cannot reach its database at the moment; try again later.").After(awayFor)
	}
	switch why.Status {
	case http.StatusUnauthorized:
		v.ResponseWriter.Header().Set("WWW-Authenticate", "Bearer")
		v.send(why.Status, map[string]string{"error": why.Message})
		return
	case http.StatusTooManyRequests:
		v.ResponseWriter.Header().Set("Retry-After", strconv.FormatInt(int64((why.RetryAfter+time.Second-1)/time.Second), 10))
		v.send(why.Status, map[string]string{"message": why.Message})
		return
	}
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails (crypto/rand)
	p := problem{
		DetailCode: detailCodes[why.Status], TrackingID: hex.EncodeToString(id[:]),
		Messages: []message{{Locale: "en-US", LocaleOrigin: "DEFAULT", Text: why.Message}}, Causes: []message{},
	}
	if p.DetailCode == "" {
		p.DetailCode = strconv.Itoa(why.Status) + " " + http.StatusText(why.Status)
	}
	switch why.Status {
	case http.StatusInternalServerError:
		a.Log.Error("a request to the trigger API failed", "trackingId", p.TrackingID, "method", v.Method, "error", err)
		p.Messages[0].Text = "An internal fault occurred."
	case http.StatusServiceUnavailable:
		a.Log.Error("a request to the trigger API failed", "trackingId", p.TrackingID, "method", v.Method, "error", err)
		v.ResponseWriter.Header().Set("Retry-After", strconv.Itoa(int(why.RetryAfter.Seconds())))
	}
	v.send(why.Status, p)
}

// send answers with a document.
func (v *visit) send(status int, document any) {
	var body bytes.Buffer
	e := json.NewEncoder(&body)
	e.SetEscapeHTML(false)
	if err := e.Encode(document); err != nil { // what was read from JSON can be written as such
		status = http.StatusInternalServerError
		body.Reset()
	}
	h := v.ResponseWriter.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	v.WriteHeader(status)
	_, _ = v.ResponseWriter.Write(body.Bytes())
}

// body reads what a client sent into a document. Errors name the member that is wrong and never its value, which may be a secret.
func (v *visit) body(into any) error {
	text, err := v.text()
	if err != nil {
		return err
	}
	return decode(text, into)
}

// ours is body for what SailPoint has not, of which every member is known: a window that is misspelt would replay all, and a subject that is, an
// event in no order.
func (v *visit) ours(into any) error {
	text, err := v.text()
	if err != nil {
		return err
	}
	if err := decode(text, into); err != nil {
		return err
	}
	return familiar(text, reflect.TypeOf(into), "the body")
}

func (v *visit) text() ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(v.Body, mostBody+1))
	switch {
	case err != nil:
		return nil, bad("the body could not be read to its end")
	case len(text) > mostBody:
		return nil, refuse(http.StatusRequestEntityTooLarge, "request_too_large", "the body is longer than %d bytes", mostBody)
	}
	return text, nil
}

// decode reads JSON in UTF-8: encoding/json takes other bytes too, which a part that is kept as it came would bring to where nobody takes them.
func decode(text []byte, into any) error {
	if !utf8.Valid(text) {
		return bad("the body is not UTF-8")
	}
	if triggers.Nested(text) > triggers.MostNested {
		return bad("the body is nested too deep: %d levels are the most", triggers.MostNested)
	}
	err := json.Unmarshal(text, into)
	if wrong, is := errors.AsType[*json.UnmarshalTypeError](err); is {
		field := wrong.Field
		if field == "" {
			field = "the body"
		}
		want, got := kindOf(wrong.Type.Kind().String()), strings.Fields(wrong.Value + " another value")[0]
		if got == "number" && strings.HasSuffix(want, "number") {
			return bad("%s must be %s, not this one", field, want)
		}
		return bad("%s must be %s, not %s", field, want, got)
	}
	if refused, is := errors.AsType[*fault.Error](err); is { // of what reads a part of it
		return refused
	}
	if err != nil {
		return bad("the body %s", triggers.WhyNotJSON(text, err))
	}
	return nil
}

// kindOf is what JSON calls a kind of Go's.
func kindOf(kind string) string {
	switch {
	case kind == "string":
		return "a string"
	case kind == "bool":
		return "true or false"
	case kind == "slice":
		return "an array"
	case strings.HasPrefix(kind, "int"):
		return "a whole number"
	case strings.HasPrefix(kind, "float"):
		return "a number"
	}
	return "an object"
}

// page answers with the part of a collection that is asked for.
func page[T any](v *visit, fields []collection.Field[T], all func() ([]T, error), show func(T) any) error {
	items, err := choose(v, fields, all)
	if err != nil {
		return err
	}
	shown := make([]any, len(items))
	for i, item := range items {
		shown[i] = show(item)
	}
	v.send(http.StatusOK, shown)
	return nil
}

// choose is the part of a collection that is asked for; the answer's head says how much there is, where that is asked for too.
func choose[T any](v *visit, fields []collection.Field[T], all func() ([]T, error)) ([]T, error) {
	values, err := url.ParseQuery(v.URL.RawQuery) // what cannot be read must not be as if it had not been said
	if err != nil {
		return nil, bad("the query cannot be read: %s; in a value write %%3B for a semicolon and %%25 for a per cent sign", err)
	}
	q, err := collection.Read(values, fields)
	if err != nil {
		return nil, bad("%s", err)
	}
	items, err := all()
	if err != nil {
		return nil, err
	}
	items, total := q.Of(items)
	if q.Count {
		v.ResponseWriter.Header().Set("X-Total-Count", strconv.Itoa(total))
	}
	return items, nil
}
