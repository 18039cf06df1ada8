package teamdynamix

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"mime"
	"net/http"
	"strconv"
	"strings"
)

// maxRequest is the global limit on a request body: 4 MB [V, KB 579]. What lies above is 413 here [G].
const maxRequest = 4 << 20

// call is one request on its way through a handler.
type call struct {
	vendor  *Vendor
	base    string
	site    *site
	route   *route
	opts    Options
	era     int
	dice    *dice
	w       *writer
	r       *http.Request
	caller  caller
	verdict verdict
	issued  int
}

// refusal is an error with the status that it is answered with.
type refusal struct {
	status int
	text   string
}

func (e refusal) Error() string { return e.text }

func badRequest(format string, args ...any) error {
	return refusal{http.StatusBadRequest, fmt.Sprintf(format, args...)}
}

func notFound(what string) error {
	return refusal{http.StatusNotFound, what + " could not be found."}
}

// answer writes v as JSON with status.
func (c *call) answer(status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		c.message(http.StatusInternalServerError, "An error has occurred.")
		return
	}
	c.w.Header().Set("Content-Type", "application/json; charset=utf-8")
	c.w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	c.w.WriteHeader(status)
	_, _ = c.w.Write(b)
}

// note is the vendor's small body for whatever has no record to show. Its shape is our guess.
type note struct {
	ID      int
	Message string
}

func (c *call) message(status int, text string) { c.answer(status, note{-1, text}) }

// settle answers v with status, or err if there is one.
func (c *call) settle(status int, v any, err error) {
	var no refusal
	switch {
	case err == nil:
		c.answer(status, v)
	case errors.As(err, &no):
		c.message(no.status, no.text)
	default:
		c.message(http.StatusInternalServerError, "An error has occurred.")
	}
}

// reading answers what fn finds. fn runs under the site's lock and the answer is sent after it, so that a caller who
// reads slowly holds up nobody.
func (c *call) reading(fn func(*site) (any, error)) {
	c.site.mu.RLock()
	v, err := fn(c.site)
	c.site.mu.RUnlock()
	c.settle(http.StatusOK, v, err)
}

// writing answers what fn has done, with status.
func (c *call) writing(status int, fn func(*site) (any, error)) {
	c.site.mu.Lock()
	v, err := fn(c.site)
	c.site.mu.Unlock()
	c.settle(status, v, err)
}

// list streams an array, one record in memory at a time: 55,000 people are 80 MB.
func list[T any](c *call, records iter.Seq[T]) {
	c.w.Header().Set("Content-Type", "application/json; charset=utf-8")
	c.w.WriteHeader(http.StatusOK)
	out := bufio.NewWriterSize(c.w, 32<<10)
	sep := []byte("[")
	for record := range records {
		b, err := json.Marshal(record)
		if err != nil {
			return
		}
		_, _ = out.Write(sep)
		if _, err := out.Write(b); err != nil {
			return // the caller is gone
		}
		sep = []byte(",")
	}
	if sep[0] == '[' {
		_, _ = out.WriteString("[")
	}
	_, _ = out.WriteString("]")
	_ = out.Flush()
}

// read decodes the JSON body. Other content types are "not supported" [V]; names match without regard to case, as in .NET.
func read[T any](c *call) (T, error) {
	var v T
	kind, _, _ := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	if kind != "application/json" && kind != "text/json" {
		return v, refusal{http.StatusUnsupportedMediaType, "The request entity's media type is not supported for this resource."}
	}
	b, err := c.body()
	if err != nil {
		return v, err
	}
	b = bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))
	if trimmed := bytes.TrimSpace(b); len(trimmed) == 0 || string(trimmed) == "null" {
		return v, badRequest("The request is invalid: a body is required.")
	}
	if err := json.Unmarshal(b, &v); err != nil {
		return v, badRequest("The request is invalid: the body is not what this method takes.")
	}
	return v, nil
}

// body reads the whole request body, up to the vendor's limit.
func (c *call) body() ([]byte, error) {
	b, err := io.ReadAll(http.MaxBytesReader(c.w.ResponseWriter, c.r.Body, maxRequest))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return nil, refusal{http.StatusRequestEntityTooLarge, "Maximum request length exceeded."}
	}
	if err != nil {
		return nil, badRequest("The request body could not be read.")
	}
	return b, nil
}

// query returns a query parameter; its name matches without regard to case.
func (c *call) query(name string) string {
	for key, values := range c.r.URL.Query() {
		if strings.EqualFold(key, name) && len(values) > 0 {
			return values[0]
		}
	}
	return ""
}

// flag reads an optional boolean parameter: absent and empty are nil.
func (c *call) flag(name string) (*bool, error) {
	text := c.query(name)
	if text == "" {
		return nil, nil
	}
	b, err := strconv.ParseBool(strings.ToLower(text))
	if err != nil {
		return nil, badRequest("The value '%s' is not valid for %s.", text, name)
	}
	return &b, nil
}

// id reads the {id} of the path. One that is no number is not found, as ASP.NET's route constraint would have it [G].
func (c *call) id(what string) (int, error) {
	n, err := strconv.Atoi(c.r.PathValue("id"))
	if err != nil {
		return 0, notFound(what)
	}
	return n, nil
}
