package web

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"sluice/aggregation"
)

// reply is an answer in the making.
type reply struct {
	status int
	kind   string
	etag   string
	header http.Header
}

// send makes an answer of a document, or 304 where the client has it.
func (v *visit) send(a reply, document any) (*http.Response, error) {
	header := a.header
	if header == nil {
		header = http.Header{}
	}
	header.Set("Cache-Control", "private, no-cache")
	if a.etag != "" {
		header.Set("ETag", a.etag)
		if matches(v.Header.Values("If-None-Match"), a.etag) {
			return respond(v.Request, http.StatusNotModified, header, nil), nil
		}
	}
	var body bytes.Buffer
	e := json.NewEncoder(&body)
	e.SetEscapeHTML(false)
	if err := e.Encode(document); err != nil {
		return nil, fmt.Errorf("write an answer: %w", err)
	}
	header.Set("Content-Type", a.kind)
	return respond(v.Request, a.status, header, body.Bytes()), nil
}

func respond(r *http.Request, status int, header http.Header, body []byte) *http.Response {
	return &http.Response{
		StatusCode: status, Status: strconv.Itoa(status) + " " + http.StatusText(status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: header, ContentLength: int64(len(body)), Body: io.NopCloser(bytes.NewReader(body)), Request: r,
	}
}

// matches compares by the weak comparison that If-None-Match is for (RFC 9110, section 8.8.3.2).
func matches(values []string, etag string) bool {
	for _, value := range values {
		for one := range strings.SplitSeq(value, ",") {
			one = strings.TrimSpace(one)
			if one == "*" || strings.TrimPrefix(one, "W/") == strings.TrimPrefix(etag, "W/") {
				return true
			}
		}
	}
	return false
}

// tagOf is a weak entity tag of all that an answer depends on.
func tagOf(parts ...any) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q", parts))
	return `W/"` + hex.EncodeToString(sum[:12]) + `"`
}

// versionOf is the entity tag of one account: it changes when the account does.
func versionOf(r aggregation.Record, more ...any) string {
	return tagOf(append(more, string(r.Account))...)
}

// readOnly refuses what would change something.
func (v *visit) readOnly() error {
	if slices.Contains([]string{http.MethodGet, http.MethodHead}, v.Method) {
		return nil
	}
	return refuse(http.StatusMethodNotAllowed, "read_only", "what was aggregated can only be read, by GET; changes go to the vendor, by /%s/…", v.conn.Name)
}

// number reads a whole number of the query that is not negative; without one it is otherwise.
func (v *visit) number(name string, otherwise int64) (int64, error) {
	values := v.question[name]
	switch len(values) {
	case 0:
		return otherwise, nil
	case 1:
		if n, err := strconv.ParseInt(values[0], 10, 64); err == nil && n >= 0 && values[0][0] != '+' {
			return n, nil
		}
	}
	return 0, refuse(http.StatusBadRequest, "bad_"+name, "%s must be one whole number that is not negative", name)
}
