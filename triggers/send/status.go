package send

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"sluice/triggers"
)

// statusRule says what the answers from one status to another mean.
type statusRule struct {
	from, to int
	after    bool   // its Retry-After is obeyed
	says     string // what whoever mends it should know; "" is done
}

// statuses is the rule table of HTTP. The first row that holds a status is its rule.
//
// A 4xx says that the request is at fault, and to a client that sends what it made up just now it means: do not send this again. An event is
// different. It is right, it is wanted, and it is the receiver that changes within the three days in which it is tried: a password is renewed, a route
// deployed again, a limit of a gateway raised, a parser mended. What is thrown away must be replayed by hand; what is tried again costs a few requests
// whose distance grows, and a circuit that opens pauses them. So all of it is tried again. That holds for 3xx, too: a balancer that sends all the world
// to a page about its maintenance would else throw away what comes in the meantime. And for 410, by which Standard Webhooks has a receiver take
// itself off the list: the circuit does that, and tells an operator.
var statuses = []statusRule{
	{from: 200, to: 299},
	{from: 300, to: 399, says: "which leads elsewhere, and redirects are not followed; change the subscription's URL"},
	{from: 400, to: 400, says: "which says that it cannot read the event"},
	{from: 401, to: 401, says: "which says that it does not take the subscription's credentials"},
	{from: 403, to: 403, says: "which says that the subscription's credentials do not permit this"},
	{from: 404, to: 404, says: "which says that nothing is at the subscription's URL"},
	{from: 405, to: 405, says: "which says that it takes no POST at the subscription's URL"},
	{from: 407, to: 407, says: "which says that a proxy before it wants credentials"},
	{from: 408, to: 408, says: "which says that it did not get the event in time"},
	{from: 410, to: 410, says: "which says that it is gone for good; look at the subscription, and disable it or change its URL"},
	{from: 413, to: 413, after: true, says: "which says that the event is too large for it"},
	{from: 415, to: 415, says: "which says that it takes no application/json"},
	{from: 421, to: 421, says: "which says that this server is not meant for the URL's host"},
	{from: 425, to: 425, says: "which says that it is too early"},
	{from: 429, to: 429, after: true, says: "which says that it gets too much at once"},
	{from: 400, to: 499, says: "which says that it does not take the event as it is"},
	{from: 503, to: 503, after: true, says: "which says that it is not available now"},
	{from: 500, to: 599, says: "which says that it failed"},
	{from: 0, to: 999, says: "which is no status of HTTP that answers a POST"},
}

func ruleOf(status int) statusRule {
	for _, r := range statuses {
		if r.from <= status && status <= r.to {
			return r
		}
	}
	return statuses[len(statuses)-1]
}

// judge is nil where resp says that the event has been taken.
func judge(host string, resp *http.Response) error {
	rule := ruleOf(resp.StatusCode)
	if rule.says == "" {
		return nil
	}
	err := fmt.Errorf("%s answered %s, %s", host, named(resp.StatusCode), rule.says)
	if to := elsewhere(resp); to != "" {
		err = fmt.Errorf("%w (it leads to %s)", err, to)
	}
	if rule.after {
		if d := retryAfter(resp.Header, time.Now()); d > 0 {
			return triggers.RetryAfter(d, err)
		}
	}
	return err
}

func named(status int) string {
	return strings.TrimSpace(strconv.Itoa(status) + " " + http.StatusText(status))
}

// elsewhere is where a redirect leads to, without what may be secret in it; "": it is none, or says not where.
func elsewhere(resp *http.Response) string {
	to, err := resp.Location()
	if err != nil || resp.StatusCode >= 400 {
		return ""
	}
	return (&url.URL{Scheme: to.Scheme, Host: to.Host}).String()
}

// mostAfter bounds what a receiver may ask for: a day, so that a wrong unit does not outlast the time in which an event is tried.
const mostAfter = 24 * time.Hour

// retryAfter reads both forms of RFC 9110, 10.2.3. A date counts from the answer's own Date, so that a receiver's wrong clock cancels.
func retryAfter(h http.Header, now time.Time) time.Duration {
	value := strings.TrimSpace(h.Get("Retry-After"))
	if seconds, err := strconv.ParseFloat(value, 64); err == nil {
		if !(seconds > 0) {
			return 0
		}
		return time.Duration(min(seconds, mostAfter.Seconds()) * float64(time.Second))
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		now = date
	}
	return min(max(at.Sub(now), 0), mostAfter)
}
