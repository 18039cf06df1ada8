package transforms

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Limits is what one answer says about one limit. What it does not say stays at zero with Has… false.
type Limits struct {
	Policy       string  // which limit: the vendor's name for it, or the configuration's; "" when there is just one
	Limit        float64 // how many units a window permits
	Remaining    float64 // how many are left in this one; Canvas writes fractions
	Cost         float64 // units that this call has cost; 0 = not said
	HasLimit     bool
	HasRemaining bool
	Unit         string        // what is counted: "" = requests; the draft's qu: content-bytes, concurrent-requests
	Reset        time.Time     // when the window ends, by the vendor's clock if it wrote an instant; zero = not said
	ResetAfter   time.Duration // Reset minus the answer's own Date, so that a wrong clock cancels; minus now when there is no Date
	Window       time.Duration // how long a window is; 0 = not said
	RetryAfter   time.Duration // how long the vendor asks to wait
	HasRetry     bool          // RetryAfter was said
	From         Origin        // the headers that this was read from
}

// Origin names the header, in canonical spelling, that each value was read from; "" when it was not read.
type Origin struct{ Limit, Remaining, Reset, RetryAfter string }

// HasReset says whether the answer told when the window ends.
func (l *Limits) HasReset() bool { return !l.Reset.IsZero() }

func (l *Limits) empty() bool {
	return !l.HasLimit && !l.HasRemaining && !l.HasRetry && l.Reset.IsZero() && l.Cost == 0
}

// LimitReader reads a vendor's limits from an answer's headers. It is compiled once (CompileLimitReader) and safe for
// concurrent use. The zero value reads nothing.
type LimitReader struct {
	policies []policyReader
	draft    bool        // RateLimit and RateLimit-Policy, all the draft's ages
	info     string      // Sforce-Limit-Info
	index    string      // prefix of headers such as Zendesk-Ratelimit-Tickets-Index
	retry    []timeField // asks of the whole answer
}

// policyReader is where one limit's values stand.
type policyReader struct {
	name                         string
	limit, remaining, used, cost string
	reset, retry                 []timeField
	window                       time.Duration
	windowHeader                 timeField
}

// timeField is a header that holds a time.
type timeField struct {
	header string
	format Format
}

// Read returns the limits that h tells of, one per policy, in the order of the configuration. Each error wraps
// ErrUnreadable and names a header whose value could not be read; that value is missing from the result. A Retry-After
// that belongs to no policy is in the first Limits, which is made for it if there is none.
func (r *LimitReader) Read(h http.Header, now time.Time) ([]Limits, []error) {
	limits, errs := r.Append(nil, h, now)
	if len(limits) == 0 {
		return nil, errs
	}
	return limits, errs
}

// Append is Read onto dst; with room in dst it does not allocate for headers of whole numbers and IMF dates.
func (r *LimitReader) Append(dst []Limits, h http.Header, now time.Time) ([]Limits, []error) {
	if r == nil {
		return dst, nil
	}
	a := answer{header: h, now: now, limits: dst}
	start := len(dst)
	for i := range r.policies {
		a.policy(&r.policies[i])
	}
	if r.draft {
		a.draft()
	}
	if r.info != "" {
		a.info(r.info)
	}
	if r.index != "" {
		a.index(r.index)
	}
	if wait, name, ok := a.wait(r.retry); ok {
		if len(a.limits) == start {
			a.limits = append(a.limits, Limits{})
		}
		first := &a.limits[start]
		if !first.HasRetry || wait > first.RetryAfter {
			first.RetryAfter, first.HasRetry, first.From.RetryAfter = wait, true, name
		}
	}
	return a.limits, a.errs
}

// Sources returns the names of the headers that r reads, in canonical spelling; those of an index are a prefix and `*`.
func (r *LimitReader) Sources() []string {
	var out []string
	add := func(names ...string) {
		for _, name := range names {
			if name != "" {
				out = append(out, name)
			}
		}
	}
	for _, p := range r.policies {
		add(p.limit, p.remaining, p.used, p.cost, p.windowHeader.header)
		for _, f := range append(p.reset[:len(p.reset):len(p.reset)], p.retry...) {
			add(f.header)
		}
	}
	if r.draft {
		add("Ratelimit", "Ratelimit-Policy", "Ratelimit-Limit", "Ratelimit-Remaining", "Ratelimit-Reset")
	}
	add(r.info)
	if r.index != "" {
		add(r.index + "*")
	}
	for _, f := range r.retry {
		add(f.header)
	}
	return out
}

// Policies returns the names under which Read tells of limits, as far as the configuration or the style gives them; headers that name
// their limits themselves add to them.
func (r *LimitReader) Policies() []string {
	var names []string
	for _, p := range r.policies {
		if p.name != "" {
			names = append(names, p.name)
		}
	}
	return names
}

// Names tells whether Read can tell of a limit of this name: one of Policies, one that a header names itself, or w=SECONDS, as further
// quotas in one header are called.
func (r *LimitReader) Names(policy string) bool {
	if r.draft || r.info != "" || r.index != "" || slices.Contains(r.Policies(), policy) {
		return true
	}
	seconds, further := strings.CutPrefix(policy, "w=")
	_, nano, ok := decimal(seconds)
	return further && ok && nano == 0 && slices.ContainsFunc(r.policies, func(p policyReader) bool { return p.limit != "" })
}

// answer is one Read under way.
type answer struct {
	header http.Header
	now    time.Time
	date   time.Time // of the answer; read when first needed
	limits []Limits
	errs   []error
}

// value returns the header's value. Repeated with different values it cannot be read as one number or time.
func (a *answer) value(name string) (string, bool) {
	if name == "" {
		return "", false
	}
	values := a.header[name]
	if len(values) == 0 {
		return "", false
	}
	if !allSame(values) {
		a.unreadable(name, strings.Join(values, ", "))
		return "", false
	}
	v := trimBlanks(values[0])
	return v, v != ""
}

func (a *answer) unreadable(name, value string) {
	a.errs = append(a.errs, fmt.Errorf("header %s: %w: %q", name, ErrUnreadable, shape(value)))
}

func (a *answer) clock() time.Time {
	if a.date.IsZero() {
		a.date = dateOf(a.header, a.now)
	}
	return a.date
}

// when reads a time and its distance from the answer's Date; a relative one counts from now, and is its own distance. No limit is
// decades away.
func (a *answer) when(f timeField) (at time.Time, after time.Duration, ok bool) {
	value, ok := a.value(f.header)
	if !ok {
		return at, 0, false
	}
	if at, ok = parseTime(value, f.format, a.now); !ok {
		a.unreadable(f.header, value)
		return at, 0, false
	}
	if readAsRelative(value, f.format) {
		return at, at.Sub(a.now), true
	}
	if after = at.Sub(a.clock()); after.Abs() >= plausible*time.Second { // a number that means something else
		a.unreadable(f.header, value)
		return at, 0, false
	}
	return at, after, true
}

// wait reads the longest wait that fields tell; an instant in the past is no wait.
func (a *answer) wait(fields []timeField) (longest time.Duration, name string, found bool) {
	for _, f := range fields {
		if _, after, ok := a.when(f); ok && (!found || after > longest) {
			longest, name, found = max(0, after), f.header, true
		}
	}
	return longest, name, found
}

// reset reads the latest reset that fields tell: GitLab and others say it twice, some once per scope.
func (a *answer) reset(l *Limits, fields []timeField) {
	for _, f := range fields {
		if at, after, ok := a.when(f); ok && (l.Reset.IsZero() || at.After(l.Reset)) {
			l.Reset, l.ResetAfter, l.From.Reset = at, after, f.header
		}
	}
}
