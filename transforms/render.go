package transforms

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Write shows limits in h, which the caller owns and which is changed in place. The vendor's headers that the face has
// shown in another form go away or, with KeepOriginal, move; sources, when not nil, names the only ones that may (X-A-* is
// a prefix, as LimitReader.Sources writes it). A header
// that could not be read is not in any Limits.From and so stays as it was. Of several policies the X- headers show the one
// with the least left; the headers of the others stay.
func (f Face) Write(h http.Header, sources []string, limits []Limits, now time.Time) {
	if f == (Face{}) || len(limits) == 0 {
		return
	}
	p := painter{Face: &f, header: h, sources: sources, now: now}
	if f.IETF {
		p.draft(limits)
	}
	p.tightest(limits)
	if wait, source, said := longestWait(limits); said {
		p.retryAfter(wait, source)
	}
}

// WriteRefusal is Write for a 429: there is always a Retry-After, even when the vendor sent none. It is the longest wait the
// vendor asks for; without one the time to the latest reset of the exhausted limits (of all, when none says it is exhausted);
// without that RetryAfterMin, at least a second, unless a Retry-After that nobody could read is there.
func (f Face) WriteRefusal(h http.Header, sources []string, limits []Limits, now time.Time) {
	f.Write(h, sources, limits, now)
	if f.RetryAfterHeader == "" {
		return
	}
	if _, _, said := longestWait(limits); said {
		return
	}
	p := painter{Face: &f, header: h, sources: sources, now: now}
	wait, known := untilReset(limits)
	if !known && len(h[f.RetryAfterHeader]) > 0 {
		return
	}
	p.retryAfter(max(wait, time.Second), f.RetryAfterHeader)
}

// tightest returns the index of the limit with the least left; the first when none says.
func tightest(limits []Limits) int {
	best := 0
	for i := range limits {
		l, b := &limits[i], &limits[best]
		if l.HasRemaining && (!b.HasRemaining || l.Remaining < b.Remaining || l.Remaining == b.Remaining && l.ResetAfter > b.ResetAfter) {
			best = i
		}
	}
	return best
}

// longestWait returns the longest wait that the vendor asks for, and the header that asks.
func longestWait(limits []Limits) (wait time.Duration, source string, said bool) {
	for i := range limits {
		if l := &limits[i]; l.HasRetry && (!said || l.RetryAfter > wait) {
			wait, source, said = l.RetryAfter, l.From.RetryAfter, true
		}
	}
	return wait, source, said
}

func untilReset(limits []Limits) (wait time.Duration, known bool) {
	exhausted := func(l Limits) bool { return l.HasRemaining && l.Remaining < 1 }
	some := slices.ContainsFunc(limits, exhausted)
	for i := range limits {
		if limits[i].HasReset() && (!some || exhausted(limits[i])) {
			wait, known = max(wait, limits[i].ResetAfter), true
		}
	}
	return wait, known
}

// painter is one Write under way.
type painter struct {
	*Face
	header  http.Header
	sources []string
	now     time.Time
	space   [64]byte
}

// tightest writes the three X- headers, which can show one limit only.
func (p *painter) tightest(limits []Limits) {
	best := tightest(limits)
	l := &limits[best]
	if p.LimitHeader != "" && l.HasLimit {
		p.put(p.LimitHeader, strconv.AppendInt(p.space[:0], int64(l.Limit), 10))
	}
	if p.RemainingHeader != "" && l.HasRemaining {
		p.put(p.RemainingHeader, strconv.AppendInt(p.space[:0], int64(max(0, l.Remaining)), 10))
	}
	if p.ResetHeader != "" && l.HasReset() {
		at := l.Reset
		if p.ResetFormat.Relative() {
			at = p.now.Add(l.ResetAfter)
		}
		p.put(p.ResetHeader, AppendTime(p.space[:0], at, p.ResetFormat, p.now))
	}
	for _, source := range [...]string{l.From.Limit, l.From.Remaining, l.From.Reset} {
		if p.shows(l, source, p.LimitHeader != "", p.RemainingHeader != "", p.ResetHeader != "") && !usedByOthers(limits, best, source) {
			p.retire(source)
		}
	}
}

// shows says whether all that was read from source is shown in another header.
func (p *painter) shows(l *Limits, source string, limit, remaining, reset bool) bool {
	return source != "" && source != p.LimitHeader && source != p.RemainingHeader && source != p.ResetHeader &&
		(limit || l.From.Limit != source) && (remaining || l.From.Remaining != source) && (reset || l.From.Reset != source)
}

// usedByOthers says whether another limit, which is not shown, stands in the same header.
func usedByOthers(limits []Limits, shown int, source string) bool {
	for i := range limits {
		if from := &limits[i].From; i != shown && (from.Limit == source || from.Remaining == source || from.Reset == source) {
			return true
		}
	}
	return false
}

func (p *painter) retryAfter(wait time.Duration, source string) {
	if p.RetryAfterHeader == "" {
		return
	}
	wait = max(wait, p.RetryAfterMin)
	if p.RetryAfterMax > 0 {
		wait = min(wait, p.RetryAfterMax)
	}
	p.put(p.RetryAfterHeader, AppendTime(p.space[:0], p.now.Add(wait), p.RetryAfterFormat, p.now))
	if source != p.RetryAfterHeader {
		p.retire(source)
	}
}

// put sets a header in place; an equal value is left alone, another one is kept if the face says so.
func (p *painter) put(name string, value []byte) {
	have := p.header[name]
	if len(have) == 1 && have[0] == string(value) {
		return
	}
	if len(have) == 0 {
		p.header[name] = []string{string(value)}
		return
	}
	if p.KeepOriginal {
		p.keep(name, have)
		p.header[name] = []string{string(value)}
		return
	}
	have[0] = string(value)
	p.header[name] = have[:1]
}

// retire takes a vendor's header away whose content is shown elsewhere.
func (p *painter) retire(name string) {
	have := p.header[name]
	if len(have) == 0 || p.sources != nil && !listed(p.sources, name) {
		return
	}
	if p.KeepOriginal {
		p.keep(name, have)
	}
	delete(p.header, name)
}

// listed says whether names holds name, or a prefix of it that ends in *.
func listed(names []string, name string) bool {
	for _, n := range names {
		if prefix, many := strings.CutSuffix(n, "*"); n == name || many && strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// keep moves the vendor's values to their upstream name; the first writer wins, so that what the vendor wrote is never
// replaced by something of ours.
func (p *painter) keep(name string, values []string) {
	if upstream := upstreamName(name); len(p.header[upstream]) == 0 {
		p.header[upstream] = values
	}
}

// A table that spares the usual names a concatenation on every answer.
var upstreamNames = map[string]string{
	"X-Ratelimit-Limit": "X-Upstream-Ratelimit-Limit", "X-Ratelimit-Remaining": "X-Upstream-Ratelimit-Remaining",
	"X-Ratelimit-Reset": "X-Upstream-Ratelimit-Reset", "Retry-After": "X-Upstream-Retry-After",
	"X-Rate-Limit-Limit": "X-Upstream-Rate-Limit-Limit", "X-Rate-Limit-Remaining": "X-Upstream-Rate-Limit-Remaining",
	"X-Rate-Limit-Reset": "X-Upstream-Rate-Limit-Reset",
}

func upstreamName(name string) string {
	if known, ok := upstreamNames[name]; ok {
		return known
	}
	if len(name) > 2 && name[:2] == "X-" {
		name = name[2:]
	}
	return "X-Upstream-" + name
}
