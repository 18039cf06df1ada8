package proxy

import (
	"iter"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"sluice/connectors"
)

// wish is what a caller says of answers from memory (RFC 9111 section 5.2.1).
type wish struct {
	pass         bool          // memory is neither asked nor told: no-store, or a request for a part or a condition
	anew         bool          // memory is not asked, but told
	onlyIfCached bool          // the vendor is not asked
	bounded      bool          // there is a maxAge
	maxAge       time.Duration // the oldest answer that will do
	minFresh     time.Duration // how much longer it must be good
}

// conditional are headers that make an answer one for this request alone: a part of the content, or "not modified" for a copy
// that only the caller has.
var conditional = []string{"Range", "If-Range", "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since"}

// wishOf reads what a request allows. One with a body is not for memory: the answer may depend on it.
func wishOf(r *http.Request) (w wish) {
	if r.Body != nil && r.Body != http.NoBody {
		w.pass = true
	}
	for _, name := range conditional {
		if len(r.Header[name]) > 0 {
			w.pass = true
		}
	}
	control := r.Header["Cache-Control"]
	if len(control) == 0 {
		w.anew = slices.ContainsFunc(r.Header["Pragma"], func(v string) bool { return strings.EqualFold(strings.TrimSpace(v), "no-cache") })
		return w
	}
	for name, arg := range directives(control) {
		switch name {
		case "no-store":
			w.pass = true
		case "no-cache":
			w.anew = true
		case "only-if-cached":
			w.onlyIfCached = true
		case "max-age":
			w.bounded, w.maxAge = true, seconds(arg)
			w.anew = w.anew || w.maxAge == 0
		case "min-fresh":
			w.minFresh = seconds(arg)
		}
	}
	return w
}

// takes says whether an answer of that age will do: fresh, or stale and no worse than the rule and the caller permit.
func (w *wish) takes(rule *connectors.Cache, age time.Duration) (fresh, stale bool) {
	if w.anew || w.bounded && age > w.maxAge {
		return false, false
	}
	if age+w.minFresh <= rule.TTL {
		return true, false
	}
	return false, age <= rule.TTL+rule.Stale && w.minFresh == 0
}

// keepable are the statuses whose answers are kept. Not 404: an account that was just made must be found at once. Not 206 and 304,
// which answer what memory is not asked for.
var keepable = []int{
	http.StatusOK, http.StatusNonAuthoritativeInfo, http.StatusNoContent, http.StatusMovedPermanently, http.StatusPermanentRedirect,
}

// keeps says whether an answer may be kept, and the request headers beyond the key that it depends on. How long is for the rule to say: vendors
// mark everything no-cache by habit (ASP.NET does), and the rule is the word of somebody who has thought about this route. But
// no-store is obeyed, private is where answers are shared, and what sets a cookie is for one caller only.
func keeps(call *Call, rule *connectors.Cache, resp *http.Response) (vary []string, ok bool) {
	if call.Refused || !slices.Contains(keepable, resp.StatusCode) || len(resp.Header["Set-Cookie"]) > 0 || len(resp.Header["Content-Range"]) > 0 {
		return nil, false
	}
	for name := range directives(resp.Header["Cache-Control"]) {
		if name == "no-store" || name == "private" && rule.Shared {
			return nil, false
		}
	}
	for _, line := range resp.Header["Vary"] {
		for name := range strings.SplitSeq(line, ",") {
			name = http.CanonicalHeaderKey(strings.TrimSpace(name))
			switch {
			case name == "*":
				return nil, false
			case name != "" && !keyed(rule, name) && !slices.Contains(vary, name):
				vary = append(vary, name)
			}
		}
	}
	slices.Sort(vary)
	return vary, true
}

// directives yields the names, in lower case, and arguments of Cache-Control lines. What is not a token stands for nothing; a quoted
// argument comes without its quotes.
func directives(lines []string) iter.Seq2[string, string] {
	return func(yield func(name, arg string) bool) {
		for _, line := range lines {
			for line != "" {
				var item string
				item, line = cutDirective(line)
				name, arg, _ := strings.Cut(item, "=")
				name = strings.ToLower(strings.TrimSpace(name))
				if !isDirective(name) {
					continue
				}
				if !yield(name, strings.Trim(strings.TrimSpace(arg), `"`)) {
					return
				}
			}
		}
	}
}

// cutDirective cuts a line at its first comma that is not in quotes.
func cutDirective(line string) (item, rest string) {
	quoted := false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '"':
			quoted = !quoted
		case quoted && c == '\\':
			i++
		case !quoted && c == ',':
			return line[:i], line[i+1:]
		}
	}
	return line, ""
}

func isDirective(name string) bool {
	for i := range len(name) {
		if c := name[i]; c != '-' && c != '_' && (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return name != ""
}

// seconds reads delta-seconds; what cannot be read is 0, the strictest reading of max-age.
func seconds(s string) time.Duration {
	n, err := strconv.ParseUint(s, 10, 31)
	if err != nil {
		return 0
	}
	return time.Duration(n) * time.Second
}
