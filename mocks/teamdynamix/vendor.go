// Package teamdynamix plays the TeamDynamix Web API, as truly as its public documentation allows: the paths of production
// and sandbox, bare-text tokens of 24 hours, a window per method and source address that opens at the first request, the
// three X-RateLimit headers with an IMF date, 401 for two different reasons, a search that forgets collections. Tests, the
// demo and `sluice mock teamdynamix` call it as an http.Handler.
//
// Where the documentation is silent the code chooses and says so: [V] stands for the vendor's own text, [S] for a
// secondary source (a client library, a forum), [G] for our guess. The population is a function of seed and index, so that
// 55,000 people cost nothing until somebody asks for them; writes lie over it in memory. Nothing here calls out, logs,
// or survives Reset.
package teamdynamix

import (
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// The two base paths under which a tenant answers [V]. Each has its own people, windows and tokens.
const (
	Production = "/TDWebApi"
	Sandbox    = "/SBTDWebApi"
)

// Vendor is one tenant of TeamDynamix, production and sandbox. It is safe for use by many goroutines.
type Vendor struct {
	mux   *http.ServeMux
	tally tally

	mu    sync.RWMutex
	opts  Options
	sites map[string]*site // by base path
	dice  *dice
	era   int // tokens of an earlier era are refused; see ExpireTokens
}

// New returns a vendor with the population that opts describes. Zero fields take the defaults written at Options.
func New(opts Options) *Vendor {
	v := &Vendor{mux: http.NewServeMux(), opts: opts.withDefaults()}
	for _, base := range []string{Production, Sandbox} {
		for i := range routes {
			rt := &routes[i]
			v.mux.HandleFunc(rt.Method+" "+canonical(base+rt.Path), func(w http.ResponseWriter, r *http.Request) {
				v.serve(base, rt, w, r)
			})
		}
	}
	v.Reset()
	return v
}

// Reset forgets every write, window, fault draw and count, and builds the population anew from the present options.
// Tokens stay valid.
func (v *Vendor) Reset() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.sites = map[string]*site{Production: newSite(v.opts), Sandbox: newSite(v.opts)}
	v.dice = newDice(v.opts.Seed)
	v.tally.clear()
}

// ServeHTTP answers one request. Paths are matched without regard to case, as ASP.NET does [G].
func (v *Vendor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r = withPath(r)
	if _, pattern := v.mux.Handler(r); pattern == "" {
		v.unrouted(w, r)
		return
	}
	v.mux.ServeHTTP(w, r)
}

// serve is the way of every known call: count it in its window, take the time it takes, refuse it or answer it.
// The window counts before anything can fail, because the headers stand on every answer of a limited method [V].
func (v *Vendor) serve(base string, rt *route, w http.ResponseWriter, r *http.Request) {
	c := v.call(base, rt, w, r)
	defer c.count()
	spin := c.dice.roll(c.opts)
	c.w.arm(r.Context(), spin, c.opts.SlowBody)
	verdict := c.enter()
	c.w.Header().Set("Date", c.now().UTC().Format(http.TimeFormat))
	pause(r.Context(), spin.wait)
	switch {
	case !verdict.allowed:
		c.message(http.StatusTooManyRequests, "Too many requests. Please wait until the limit resets and try again.")
	case spin.fail:
		c.message(http.StatusInternalServerError, "An error has occurred.")
	case !c.admit():
	default:
		rt.handle(c)
	}
}

// call gathers what one request needs, so that a Set or Reset in between cannot split it.
func (v *Vendor) call(base string, rt *route, w http.ResponseWriter, r *http.Request) *call {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return &call{
		vendor: v, base: base, site: v.sites[base], route: rt, opts: v.opts, era: v.era, dice: v.dice,
		w: &writer{ResponseWriter: w}, r: r,
	}
}

// unrouted answers what no route takes: 405 where another method would be taken, else 404, in ASP.NET's words [G].
func (v *Vendor) unrouted(w http.ResponseWriter, r *http.Request) {
	c := v.call(Production, &route{}, w, r)
	defer c.count()
	c.w.Header().Set("Date", c.now().UTC().Format(http.TimeFormat))
	var allow []string
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		other := *r
		other.Method = method
		if _, pattern := v.mux.Handler(&other); pattern != "" {
			allow = append(allow, method)
		}
	}
	if len(allow) == 0 {
		c.message(http.StatusNotFound, "No HTTP resource was found that matches the request URI.")
		return
	}
	c.w.Header().Set("Allow", strings.Join(allow, ", "))
	c.message(http.StatusMethodNotAllowed, "The requested resource does not support http method '"+r.Method+"'.")
}

// withPath returns r with the path in the form in which the routes are registered.
func withPath(r *http.Request) *http.Request {
	out, u := *r, *r.URL
	u.Path, u.RawPath = canonical(u.Path), canonical(u.RawPath)
	out.URL = &u
	return &out
}

// canonical lower-cases a path or pattern, and moves /people/getuid/{username} out of the way of /people/{uid}/groups:
// a ServeMux refuses two patterns of which neither is the narrower.
func canonical(path string) string {
	return strings.Replace(strings.ToLower(path), "/people/getuid/", "/people-getuid/", 1)
}

// source is the address that the limits of r are counted on: the peer's, whatever X-Forwarded-For says.
func source(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// now is the vendor's clock.
func (c *call) now() time.Time { return time.Now().Add(c.opts.Skew) }
