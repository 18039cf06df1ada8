package teamdynamix

import (
	"net/http"
	"strconv"
	"sync"
	"time"
)

// windows counts calls in fixed windows. A window opens at the first request and ends its length later, whatever comes
// in between [V]; the next request after the end opens a new one. Calls that are refused count for nothing.
type windows struct {
	mu   sync.Mutex
	open map[windowKey]*window
}

type windowKey struct{ method, path, who string }

type window struct {
	opened, ends time.Time
	used, rival  int // places gone, and how many of the asked-for ones the competitor asked for
}

type verdict struct {
	limited, allowed, opened bool
	limit, remaining         int
	reset                    time.Time
}

// take asks for one place at now. The competitor, if any, has asked for its places up to now first.
func (ws *windows) take(key windowKey, rate Rate, competitor float64, now time.Time) verdict {
	if rate.Calls <= 0 {
		return verdict{allowed: true}
	}
	ws.mu.Lock()
	defer ws.mu.Unlock()
	w, fresh := ws.open[key], false
	if w == nil || !now.Before(w.ends) {
		w, fresh = &window{opened: now, ends: now.Add(rate.Window)}, true
		ws.open[key] = w
	}
	w.yield(rate, competitor, now)
	allowed := w.used < rate.Calls
	if allowed {
		w.used++
	}
	return verdict{limited: true, allowed: allowed, opened: fresh, limit: rate.Calls, remaining: max(0, rate.Calls-w.used), reset: w.ends}
}

// yield gives the competitor the places it has asked for by now. It asks evenly over the window, and for the first just
// before the call that opened it: a real one calls whether we do or not.
func (w *window) yield(rate Rate, share float64, now time.Time) {
	wants := int(share*float64(rate.Calls) + 1e-9) // 0.3*10 is a hair below 3
	if wants <= 0 {
		return
	}
	due := min(wants, 1+int(now.Sub(w.opened)*time.Duration(wants)/rate.Window))
	for ; w.rival < due; w.rival++ {
		if w.used < rate.Calls {
			w.used++
		}
	}
}

// enter counts the call in its window and writes the three headers. They carry the documented spelling, and the reset is
// cut to whole seconds, as .NET's "R" format does: the date shown may lie up to a second before the window ends, so
// that a client who calls right then is refused. The vendor documents no Retry-After, so there is none.
func (c *call) enter() verdict {
	key := windowKey{c.route.Method, c.route.Path, source(c.r)}
	if c.route.Scope == PerOrganization {
		key.who = c.opts.BEID
	}
	v := c.site.windows.take(key, c.rate(), c.opts.Competitor, time.Now())
	c.verdict = v
	if v.limited {
		h := c.w.Header()
		// Not Set: it would spell X-Ratelimit-Limit.
		h["X-RateLimit-Limit"] = []string{strconv.Itoa(v.limit)}
		h["X-RateLimit-Remaining"] = []string{strconv.Itoa(v.remaining)}
		h["X-RateLimit-Reset"] = []string{v.reset.Add(c.opts.Skew).UTC().Format(http.TimeFormat)}
	}
	return v
}

// rate is the method's limit after overrides and scale.
func (c *call) rate() Rate {
	rate := Rate{c.route.Calls, c.route.Window}
	if other, ok := c.opts.Rates[c.route.Method+" "+c.route.Path]; ok {
		rate = other
	}
	rate.Window = max(1, time.Duration(float64(rate.Window)*c.opts.WindowScale))
	return rate
}
