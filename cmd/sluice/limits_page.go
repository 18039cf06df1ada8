package main

import (
	"errors"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"sluice/internal/fault"
	"sluice/proxy"
)

// mostBuckets is how many buckets of a connection are shown at once. A limit that counts by credential may have thousands.
const mostBuckets = 200

// limitsAnswer is the page for programs, and what `sluice limits` reads.
type limitsAnswer struct {
	Connections []proxy.ConnectionLimits `json:"connections"`
}

// limitsRefusal is what is answered to who asks for a connection that is not there.
type limitsRefusal struct {
	Error string `json:"error"`
}

// limitsPage shows how the limits of the vendors stand: a page for browsers, JSON for whoever asks for it. ?connection=NAME shows one.
func (a *App) limitsPage(w http.ResponseWriter, r *http.Request) {
	all, err := a.limits(r.URL.Query().Get("connection"))
	switch {
	case err != nil && wantsJSON(r):
		answerJSON(w, http.StatusNotFound, limitsRefusal{err.Error()})
	case err != nil:
		http.Error(w, err.Error(), http.StatusNotFound)
	case wantsJSON(r):
		answerJSON(w, http.StatusOK, limitsAnswer{all})
	default:
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		page := struct {
			Connections []proxy.ConnectionLimits
			Now         time.Time
		}{all, time.Now()}
		if err := limitsHTML.Execute(w, page); err != nil {
			a.log.Debug("limits page", "error", err)
		}
	}
}

// limits reads the buckets of one connection, or of all when name is "".
func (a *App) limits(name string) ([]proxy.ConnectionLimits, error) {
	names := slices.Sorted(maps.Keys(a.upstreams.Set().Connections))
	asked := names
	if name != "" {
		asked = []string{name}
	}
	all := []proxy.ConnectionLimits{}
	for _, one := range asked {
		shown, err := a.upstreams.Limits(one, mostBuckets)
		unknown, _ := errors.AsType[*fault.Error](err)
		switch {
		case unknown != nil && name != "":
			return nil, fmt.Errorf("there is no connection %q; there are %s", name, dash(names))
		case err != nil:
			continue // a reload has just taken it away
		}
		all = append(all, shown)
	}
	return all, nil
}

// spoken are a bucket's facts in words, the same ones on the page and in a terminal.
type spoken struct{ kind, limit, left, reset, others, trip, waiting, wait string }

func speak(b *proxy.BucketState) spoken {
	s := spoken{kind: b.Kind, limit: "-", left: "-", reset: "-", others: "-", trip: "-"}
	switch {
	case b.Kind == "unknown":
	case !b.Configured:
		s.kind += " (found)"
	}
	switch {
	case b.Concurrent:
		s.limit = strconv.Itoa(b.Limit) + " at once"
	case b.Limit > 0 && b.WindowMs > 0:
		s.limit = fmt.Sprintf("%d in %s", b.Limit, millis(b.WindowMs))
	case b.Limit > 0:
		s.limit = strconv.Itoa(b.Limit)
	}
	if b.Left != nil {
		s.left = strconv.Itoa(*b.Left)
	}
	switch {
	case b.ShutMs > 0:
		s.reset = "shut for " + millis(b.ShutMs)
	case b.ResetMs > 0:
		s.reset = "in " + millis(b.ResetMs)
	}
	if b.Others > 0 {
		s.others = strconv.FormatFloat(b.Others, 'f', 1, 64)
	}
	if b.TripMs > 0 {
		s.trip = strconv.FormatFloat(b.TripMs, 'f', 1, 64) + " ms"
	}
	var waiting, waits []string
	for _, l := range b.Lanes {
		waiting = append(waiting, strconv.Itoa(l.Waiting))
		waits = append(waits, millis(l.WaitMs))
	}
	s.waiting, s.wait = strings.Join(waiting, "/"), strings.Join(waits, "/")
	return s
}

// millis writes milliseconds for people: whole seconds where there are many.
func millis(ms int64) string {
	d := time.Duration(ms) * time.Millisecond
	if d >= 10*time.Second {
		d = d.Round(time.Second)
	}
	return spelt(d)
}

// scopeOf says what of the vendor's count a bucket is.
func scopeOf(b *proxy.BucketState) string {
	switch {
	case b.Address != "":
		return "address " + b.Address
	case b.Credential != "":
		return "credential " + b.Credential + "…"
	}
	return "-"
}

// reasons are why calls of the lanes wait; lanes that wait for the same are told together.
func reasons(b *proxy.BucketState) (all []string) {
	var whys []string
	lanes := map[string][]string{} // by why
	for _, l := range b.Lanes {
		if l.Why == "" {
			continue
		}
		if lanes[l.Why] == nil {
			whys = append(whys, l.Why)
		}
		lanes[l.Why] = append(lanes[l.Why], l.Lane)
	}
	for _, why := range whys {
		all = append(all, strings.Join(lanes[why], ", ")+": "+why)
	}
	return all
}

var limitsHTML = template.Must(template.New("limits").Funcs(template.FuncMap{
	"clock": func(t time.Time) string { return t.UTC().Format("15:04:05") },
	"row": func(b proxy.BucketState) map[string]any {
		s := speak(&b)
		return map[string]any{"Kind": s.kind, "Limit": s.limit, "Left": s.left, "Reset": s.reset, "Others": s.others, "Trip": s.trip,
			"Scope": scopeOf(&b), "Reasons": reasons(&b)}
	},
	"millis": millis,
}).Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Sluice: limits</title><style>
body { font: 14px/1.4 system-ui, sans-serif; margin: 2em; color: #222; background: #fff }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .25em .6em; border-bottom: 1px solid #ddd; vertical-align: top }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums }
code { font: 12px/1.4 ui-monospace, monospace } .why { color: #8a5a00; font-size: 12px }
@media (prefers-color-scheme: dark) { body { color: #ddd; background: #181818 } th, td { border-color: #444 } .why { color: #e0b050 } }
</style></head><body>
<h1>Limits of the vendors</h1>
<p>As Sluice takes them to be at {{clock .Now}} UTC. Waiting and wait are those of the lanes critical / interactive / bulk; a wait is what is predicted
for a call that comes now. <code>?format=json</code> gives all of it to programs, <code>?connection=NAME</code> shows one.</p>
{{range .Connections}}<h2>{{.Connection}}</h2>
{{if .Buckets}}<table>
<tr><th>Bucket</th><th>Of</th><th>Kind</th><th class="n">Limit</th><th class="n">Left</th><th>Reset</th><th class="n">Others</th><th class="n">Trip</th><th class="n">Under way</th><th class="n">Waiting</th><th class="n">Wait</th></tr>
{{range .Buckets}}{{$s := row .}}<tr><td><code>{{.Bucket}}</code>{{with .Policy}} ({{.}}){{end}}{{range $s.Reasons}}<div class="why">{{.}}</div>{{end}}</td>
<td>{{$s.Scope}}</td><td>{{$s.Kind}}</td><td class="n">{{$s.Limit}}</td><td class="n">{{$s.Left}}</td><td>{{$s.Reset}}</td>
<td class="n">{{$s.Others}}</td><td class="n">{{$s.Trip}}</td><td class="n">{{.Out}}</td>
<td class="n">{{range $i, $l := .Lanes}}{{if $i}} / {{end}}{{$l.Waiting}}{{end}}</td>
<td class="n">{{range $i, $l := .Lanes}}{{if $i}} / {{end}}{{millis $l.WaitMs}}{{end}}</td></tr>
{{end}}</table>{{with .More}}<p>And {{.}} more, in which less waits and more is left.</p>{{end}}
{{else}}<p>No call has met a limit yet.</p>{{end}}
{{else}}<p>There is no connection.</p>
{{end}}</body></html>
`))
