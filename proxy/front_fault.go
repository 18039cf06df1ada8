package proxy

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"

	"sluice/internal/fault"
	"sluice/proxy/wire"
	"sluice/transforms"
)

// faultBody is what a caller reads of a fault: our JSON, or RFC 9457 with the same words beside its own.
type faultBody struct {
	Type       string `json:"type,omitempty"`
	Title      string `json:"title,omitempty"`
	Status     int    `json:"status"`
	Detail     string `json:"detail,omitempty"`
	Error      string `json:"error"`
	Message    string `json:"message,omitempty"`
	Stage      string `json:"stage"`
	Connection string `json:"connection,omitempty"`
	RetryAfter int64  `json:"retryAfter,omitempty"` // whole seconds
	RequestID  string `json:"requestId,omitempty"`
}

// writeFault answers with why in the view of the call, as far as it is known by now. call and r may be nil.
func writeFault(c *fasthttp.RequestCtx, call *Call, r *http.Request, why *fault.Error) {
	c.Response.ResetBody()
	c.Response.SetStatusCode(why.Status)
	h := make(http.Header, 8)
	body := faultBody{Status: why.Status, Error: why.Code, Message: why.Message, Stage: why.Stage}
	style := "json"
	h["X-Sluice-Held-Ms"] = []string{"0"}
	if call != nil {
		if call.Connection != nil && call.Consumer != nil { // a stranger learns no names
			body.Connection = call.Connection.Name
		}
		body.RequestID = call.ID
		h["X-Sluice-Request-Id"] = []string{call.ID}
		h["X-Sluice-Held-Ms"] = []string{call.HeldMillis()}
		if call.View != nil {
			style = call.View.Errors
		}
		if call.answers == "scim" || call.answers == ownName { // whose clients read no other
			style = call.answers
		}
	}
	h["X-Sluice-Stage"] = []string{why.Stage}
	if why.Status == http.StatusUnauthorized {
		h["Www-Authenticate"] = []string{`Basic realm="sluice"`}
	}
	body.RetryAfter = showLimits(h, call, why)
	text, kind := body.render(style, why)
	h["Content-Type"] = []string{kind}
	wire.ToResponse(h, &c.Response.Header)
	if r != nil && r.Method == http.MethodHead {
		c.Response.SkipBody = true
		c.Response.Header.SetContentLength(len(text))
		return
	}
	c.Response.SetBodyRaw(text)
}

// showLimits writes Retry-After, and for a 429 the limit headers, in the caller's view. It returns the whole seconds to wait.
func showLimits(h http.Header, call *Call, why *fault.Error) int64 {
	if why.RetryAfter <= 0 {
		return 0
	}
	seconds := int64((why.RetryAfter + time.Second - 1) / time.Second)
	if call == nil || call.View == nil || call.View.Face.RetryAfterHeader == "" {
		h["Retry-After"] = []string{strconv.FormatInt(seconds, 10)}
	}
	if call == nil || call.View == nil {
		return seconds
	}
	h[wire.Spelling] = limitSpelling
	limits := call.Limits
	if len(limits) == 0 {
		limits = []transforms.Limits{{}}
	}
	limits[0].RetryAfter, limits[0].HasRetry = why.RetryAfter, true
	call.View.Face.Write(h, nil, limits, time.Now())
	return seconds
}

// limitSpelling is how the usual limit headers are written where no vendor has shown us his way.
var limitSpelling = []string{"X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "RateLimit", "RateLimit-Policy"}

// render returns the text of a fault and its content type.
func (b faultBody) render(style string, why *fault.Error) (text []byte, kind string) {
	switch style {
	case "text":
		return []byte(why.Message + "\n"), "text/plain; charset=utf-8"
	case "scim":
		return b.scim(), "application/scim+json"
	case ownName:
		return b.own(), "application/json"
	case "problem":
		b.Type, b.Title, b.Detail, b.Message = "about:blank", http.StatusText(why.Status), b.Message, ""
		kind = "application/problem+json"
	default:
		kind = "application/json"
	}
	text, err := json.Marshal(b)
	if err != nil { // strings and numbers always marshal
		return []byte(why.Message), "text/plain; charset=utf-8"
	}
	return text, kind
}

// scim is a fault in the shape of RFC 7644, section 3.12, with our words beside its own.
func (b faultBody) scim() []byte {
	text, err := json.Marshal(struct {
		Schemas   []string `json:"schemas"`
		Status    string   `json:"status"`
		Detail    string   `json:"detail"`
		Error     string   `json:"error"`
		RequestID string   `json:"requestId,omitempty"`
	}{[]string{"urn:ietf:params:scim:api:messages:2.0:Error"}, strconv.Itoa(b.Status), b.Message, b.Error, b.RequestID})
	if err != nil { // texts always marshal
		return nil
	}
	return text
}
