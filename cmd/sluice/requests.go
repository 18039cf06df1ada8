package main

import (
	"html/template"
	"net/http"
	"strings"
	"time"

	"sluice/proxy"
)

// requestsPage shows the ring: a page for browsers, JSON for whoever asks for it.
func (a *App) requestsPage(w http.ResponseWriter, r *http.Request) {
	trips := a.ring.Last()
	if wantsJSON(r) {
		if trips == nil {
			trips = []proxy.RoundTrip{}
		}
		answerJSON(w, http.StatusOK, struct {
			Requests []proxy.RoundTrip `json:"requests"`
		}{trips})
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	page := struct {
		Requests []proxy.RoundTrip
		Now      time.Time
		Kept     int
	}{trips, time.Now(), a.upstreams.Set().Admin.Ring}
	if err := requestsHTML.Execute(w, page); err != nil {
		a.log.Debug("requests page", "error", err)
	}
}

// wantsJSON tells a browser from a program: a browser's Accept names text/html.
func wantsJSON(r *http.Request) bool {
	switch r.URL.Query().Get("format") {
	case "json":
		return true
	case "html":
		return false
	}
	return !strings.Contains(r.Header.Get("Accept"), "text/html")
}

var requestsHTML = template.Must(template.New("requests").Funcs(template.FuncMap{
	"clock": func(t time.Time) string { return t.UTC().Format("15:04:05.000") },
	"class": func(status int) string {
		switch {
		case status >= 500 || status == 429:
			return "bad"
		case status >= 400:
			return "odd"
		}
		return "good"
	},
}).Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Sluice: last requests</title><style>
body { font: 14px/1.4 system-ui, sans-serif; margin: 2em; color: #222; background: #fff }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .25em .6em; border-bottom: 1px solid #ddd; vertical-align: top }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums }
td.p { word-break: break-all } code, pre { font: 12px/1.4 ui-monospace, monospace }
.bad { color: #b00020; font-weight: 600 } .odd { color: #8a5a00 } .good { color: #1b6e2e }
pre { margin: .3em 0; white-space: pre-wrap; word-break: break-all }
@media (prefers-color-scheme: dark) { body { color: #ddd; background: #181818 } th, td { border-color: #444 }
.bad { color: #ff7a8a } .odd { color: #e0b050 } .good { color: #7fd08f } }
</style></head><body>
<h1>Last requests</h1>
<p>{{len .Requests}} of the last {{.Kept}}, newest first, at {{clock .Now}} UTC. Secrets are blanked. <code>?format=json</code> gives them to programs.</p>
{{if .Requests}}<table>
<tr><th>Time</th><th>Connection</th><th>Consumer</th><th>Request</th><th class="n">Status</th><th>Answered by</th><th class="n">Held ms</th><th class="n">ms</th><th class="n">Bytes</th></tr>
{{range .Requests}}<tr><td>{{clock .Time}}</td><td>{{.Connection}}</td><td>{{.Consumer}}, {{.View}}</td>
<td class="p"><details><summary><code>{{.Method}} {{.Path}}</code></summary>
<pre>id {{.ID}}{{with .Remote}}
from {{.}}{{end}}
route {{.Route}}
attempts {{.Attempts}}{{with .Error}}
error {{.}}{{end}}</pre>
<pre>{{range $name, $values := .RequestHeader}}{{range $values}}{{$name}}: {{.}}
{{end}}{{end}}</pre><pre>{{range $name, $values := .ResponseHeader}}{{range $values}}{{$name}}: {{.}}
{{end}}{{end}}</pre></details></td>
<td class="n {{class .Status}}">{{.Status}}</td><td>{{.Answered}}{{with .Cached}} ({{.}}){{end}}</td>
<td class="n">{{printf "%.0f" .HeldMs}}</td><td class="n">{{printf "%.1f" .DurationMs}}</td><td class="n">{{.Bytes}}</td></tr>
{{end}}</table>{{else}}<p>None yet.</p>{{end}}
</body></html>
`))
