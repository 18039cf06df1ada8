package transforms

import (
	"mime"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Where vendors put what went wrong, tried in order when the configuration names no paths.
var (
	codePaths    = []string{".error.code", ".errorCode", ".ErrorCode", ".code", ".Code", ".error", ".errors[0].code", ".[0].errorCode", ".Envelope.Body.Fault.faultcode"}
	messagePaths = []string{".error.message", ".error_description", ".errorSummary", ".message", ".Message", ".error_message", ".detail", ".title", ".errors[0].message", ".[0].message", ".Envelope.Body.Fault.faultstring", ".error"}
	detailPaths  = []string{".error.details", ".errorCauses", ".details", ".errors", ".Detail"}
)

// faultShape is what error was told.
type faultShape struct {
	code, message, detail []*filter
	under                 string
	always                bool
}

const longestMessage = 1024

// buildError: error gives every vendor's error answer one shape,
//
//	{"code": "...", "message": "...", "status": 404, "detail": ...}
//
//	code: [.error.code]        jq paths; the first that gives a text or a number
//	message: [.error.message]
//	detail: [.errors]          the first that gives anything; left out when none does
//	under: error               the whole thing goes into {"error": {...}}
//
// JSON and XML bodies are read by path; a text body becomes the message; a page or nothing gives the status's own words.
// code falls back to http_404. Without `when` it applies to every status from 400 on.
func buildError(a *fields) Func {
	s := faultShape{under: a.text("under", ""), always: a.conditional}
	s.code, s.message, s.detail = a.paths("code", codePaths), a.paths("message", messagePaths), a.paths("detail", detailPaths)
	return Func{Body: true, Wants: s.wants, Apply: s.apply}
}

func (a *fields) paths(key string, otherwise []string) []*filter {
	if _, given := a.get(key); !given {
		list := make([]any, len(otherwise))
		for i, path := range otherwise {
			list[i] = path
		}
		a = subFields(map[string]any{key: list}, a.path, a.faults)
		return a.filters(key)
	}
	return a.filters(key)
}

func (s faultShape) wants(m *Message) bool { return !m.Request && (s.always || m.Status >= 400) }

func (s faultShape) apply(m *Message) error {
	if !s.wants(m) {
		return nil
	}
	doc, text, err := faultDocument(m)
	if err != nil {
		return err
	}
	out := map[string]any{"status": m.Status}
	out["code"] = firstText(s.code, doc, "http_"+strconv.Itoa(m.Status))
	out["message"] = firstText(s.message, doc, text)
	for _, f := range s.detail {
		if v, err := f.run(doc); err == nil && v != nil {
			out["detail"] = v
			break
		}
	}
	if s.under != "" {
		out = map[string]any{s.under: out}
	}
	return replaceJSON(m, out)
}

// faultDocument returns the body as a document, nil when it has none, and the words to use when no path gives any.
func faultDocument(m *Message) (doc any, text string, err error) {
	text = http.StatusText(m.Status)
	if text == "" {
		text = "status " + strconv.Itoa(m.Status)
	}
	body := trimBody(m.Body)
	switch {
	case len(body) == 0 || looksLikePage(m, body):
		return nil, text, nil
	case body[0] == '<':
		doc, err = decodeXML(body, xmlDefault)
		return doc, text, err
	}
	if doc, err = document(m); err == nil {
		if words, ok := doc.(string); ok {
			return nil, clip(words), nil
		}
		return doc, text, nil
	}
	if body[0] == '{' || body[0] == '[' || encoded(m.Header) || !utf8.Valid(body) {
		return nil, text, err
	}
	return nil, clip(string(body)), nil
}

func looksLikePage(m *Message, body []byte) bool {
	kind, _, _ := mime.ParseMediaType(firstValue(m.Header, "Content-Type"))
	start := strings.ToLower(string(body[:min(len(body), 15)]))
	return kind == "text/html" || strings.HasPrefix(start, "<!doctype html") || strings.HasPrefix(start, "<html")
}

func clip(s string) string {
	if len(s) <= longestMessage {
		return s
	}
	return strings.ToValidUTF8(s[:longestMessage], "")
}

func firstText(paths []*filter, doc any, otherwise string) string {
	if doc == nil {
		return otherwise
	}
	for _, f := range paths {
		if text, ok := f.text(doc); ok {
			return text
		}
	}
	return otherwise
}
