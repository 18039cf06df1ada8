// Package transforms holds pure functions from document to document and from header to header.
//
// A connector's YAML names transforms; the loader compiles each one once (Compile), and the proxy's transform stage runs
// the compiled list over every request or answer (Run). Beside the catalogue the package reads what vendors say about
// their limits (LimitReader), writes limits as a consumer's view wants them (Face), and reads sign-in tokens
// (TokenSpec). It never dials, never reads a clock, a file or the environment, and keeps nothing between two calls:
// what it needs to know of the time is Message.Now. A value that it cannot read is left as it was and reported with
// ErrUnreadable, so that the caller can count it; nothing is ever guessed, and no error text quotes a vendor's value.
package transforms

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// ErrUnreadable is wrapped by every error that says: this value could not be read and was left as it was.
var ErrUnreadable = errors.New("unreadable")

// Message is a request or an answer as a transform sees it.
type Message struct {
	Request    bool        // true: on the way to the vendor
	Method     string      // of the request, also on its answer
	URL        *url.URL    // as the caller sees it, scheme://host/connection/path?query; on any other host than CallerBase's, a path below VendorBase; may be nil
	Status     int         // 0 on a request
	Header     http.Header // canonical keys; changed in place, so the caller must own it
	Body       []byte      // the whole body, content coding undone, when Func.Body; replaced, never changed in place
	Now        time.Time   // when the message came: relative times count from here
	VendorBase string      // the vendor's base URL, e.g. https://x.teamdynamix.com/TDWebApi
	CallerBase string      // what the caller uses instead, e.g. https://sluice.example/tdx; "": links are written as paths below VendorBase
}

// Func is one compiled transform. It is safe for concurrent use by many messages.
type Func struct {
	Name  string               // as the YAML spells it
	Body  bool                 // Apply needs Message.Body
	Wants func(*Message) bool  // nil: always. Looks at everything but the body; false: Apply would do nothing, let the body stream
	Apply func(*Message) error // an error that wraps ErrUnreadable left the message usable
}

// Run applies fs to m in order. load fetches the whole body and is called at most once, when the first transform that
// needs a body also wants this message; until then the body may keep streaming. Errors that wrap ErrUnreadable are
// collected in unread and the run goes on; any other error, load's included, ends it.
func Run(fs []Func, m *Message, load func() ([]byte, error)) (unread []error, err error) {
	loaded := false
	for _, f := range fs {
		if f.Wants != nil && !f.Wants(m) {
			continue
		}
		if f.Body && !loaded {
			if m.Body, err = load(); err != nil {
				return unread, fmt.Errorf("%s: read the body: %w", f.Name, err)
			}
			loaded = true
		}
		switch err := f.Apply(m); {
		case errors.Is(err, ErrUnreadable):
			unread = append(unread, fmt.Errorf("%s: %w", f.Name, err))
		case err != nil:
			return unread, fmt.Errorf("%s: %w", f.Name, err)
		}
	}
	return unread, nil
}

// Builders is the whole catalogue: from a transform's YAML name to what compiles its arguments. The arguments are plain
// YAML data (nil, string, bool, int, float64, []any, map[string]any); a faulty one yields ArgErrors whose paths count
// from the arguments. Every entry also takes the key `when`, a matcher (see CompileMatcher).
var Builders = map[string]func(args any) (Func, error){
	"body_to_link":  builder("body_to_link", buildBodyToLink),
	"error":         builder("error", buildError),
	"header_time":   builder("header_time", buildHeaderTime),
	"jq":            builder("jq", buildJQ),
	"link_to_body":  builder("link_to_body", buildLinkToBody),
	"remove":        builder("remove", buildRemove),
	"rename_header": builder("rename_header", buildRenameHeader),
	"retry_after":   builder("retry_after", buildRetryAfter),
	"rewrite_links": builder("rewrite_links", buildRewriteLinks),
	"set":           builder("set", buildSet),
	"status":        builder("status", buildStatus),
	"wrap_text":     builder("wrap_text", buildWrapText),
	"xml_to_json":   builder("xml_to_json", buildXMLToJSON),
}
