package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"sluice/connectors"
	"sluice/transforms"
)

func connectorsCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{Use: "connectors", Short: "The vendors that the configuration knows"}
	cmd.AddCommand(connectorsListCommand(env), connectorsShowCommand(env))
	return cmd
}

// connectorLine is a connector in a list.
type connectorLine struct {
	Name        string   `json:"name"`
	Title       string   `json:"title,omitempty"`
	SignIn      string   `json:"signIn"` // how Sluice would sign in; passthrough: only a caller's own credential can go through
	Routes      int      `json:"routes"`
	Limits      int      `json:"limits"`
	Tests       int      `json:"tests"`
	Connections []string `json:"connections"`
	File        string   `json:"file"`
}

// connectorPage is all there is to show of a connector.
type connectorPage struct {
	connectorLine
	Docs        string      `json:"docs,omitempty"`
	BaseURL     string      `json:"baseUrl,omitempty"`
	Credentials []string    `json:"credentials"`
	LearnLimits bool        `json:"learnLimits"`
	Penalty     string      `json:"penalty,omitempty"` // of learned limits
	RouteList   []routeLine `json:"routeList"`
	LimitList   []limitLine `json:"limitList"`
	// ResourceList is what can be aggregated.
	ResourceList []resourceLine `json:"resourceList"`
}

type routeLine struct {
	Name     string   `json:"name"`
	Group    string   `json:"breaker,omitempty"`
	Limits   []string `json:"limits"`
	SignIn   bool     `json:"signIn"`
	Safe     bool     `json:"safe"` // may be sent twice
	Lane     string   `json:"lane,omitempty"`
	Cache    string   `json:"cache,omitempty"`
	Timeout  string   `json:"timeout,omitempty"`
	Request  []string `json:"request"`
	Response []string `json:"response"`
}

type limitLine struct {
	Name       string `json:"name"`
	Limit      int    `json:"limit,omitempty"` // in a window
	Window     string `json:"window,omitempty"`
	Starts     string `json:"starts,omitempty"`
	Burst      int    `json:"burst,omitempty"`
	Concurrent int    `json:"concurrent,omitempty"` // under way at once
	Penalty    string `json:"penalty,omitempty"`
	Policy     string `json:"policy,omitempty"`
	Scope      string `json:"scope"`
	Spread     bool   `json:"spread,omitempty"`
}

func connectorsListCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: "List the connectors, shipped ones and your own", Args: cobra.NoArgs}
	from := sourceFlag(cmd, env)
	output := formatFlag(cmd)
	cmd.RunE = func(*cobra.Command, []string) error {
		set, err := from.set()
		if err != nil {
			return err
		}
		lines := []connectorLine{}
		for _, name := range slices.Sorted(maps.Keys(set.Connectors)) {
			lines = append(lines, lineOf(set, set.Connectors[name]))
		}
		if *output == asJSON {
			return writeJSON(env.stdout, lines)
		}
		rows := [][]string{{"NAME", "TITLE", "SIGN-IN", "ROUTES", "LIMITS", "TESTS", "CONNECTIONS", "FILE"}}
		for _, l := range lines {
			rows = append(rows, []string{l.Name, l.Title, l.SignIn, strconv.Itoa(l.Routes), strconv.Itoa(l.Limits), strconv.Itoa(l.Tests), dash(l.Connections), l.File})
		}
		return writeTable(env.stdout, rows)
	}
	return cmd
}

func connectorsShowCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{Use: "show NAME", Short: "Show a connector's routes, limits, sign-in, transforms and resources", Args: cobra.ExactArgs(1)}
	from := sourceFlag(cmd, env)
	output := formatFlag(cmd)
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		set, err := from.set()
		if err != nil {
			return err
		}
		c := set.Connectors[args[0]]
		if c == nil {
			return usagef("there is no connector %q; there are %s", args[0], strings.Join(slices.Sorted(maps.Keys(set.Connectors)), ", "))
		}
		page := pageOf(set, c)
		if *output == asJSON {
			return writeJSON(env.stdout, page)
		}
		return page.text(env.stdout)
	}
	return cmd
}

func lineOf(set *connectors.Set, c *connectors.Connector) connectorLine {
	l := connectorLine{Name: c.Name, Title: c.Title, SignIn: signInOf(&c.Auth), Routes: len(c.Routes()), Limits: len(c.Rules()), Tests: len(c.Tests),
		Connections: []string{}, File: c.File}
	for _, name := range slices.Sorted(maps.Keys(set.Connections)) {
		if set.Connections[name].Connector == c {
			l.Connections = append(l.Connections, name)
		}
	}
	return l
}

// signInOf names the key of auth that is set.
func signInOf(a *connectors.Auth) string {
	for _, way := range []struct {
		name string
		set  bool
	}{
		{"login", a.Login != nil}, {"oauth2", a.OAuth2 != nil}, {"jwt_bearer", a.JWTBearer != nil}, {"basic", a.Basic != nil},
		{"bearer", a.Bearer != nil}, {"header", a.Header != nil}, {"hmac", a.HMAC != nil},
	} {
		if way.set {
			return way.name
		}
	}
	return "passthrough"
}

func pageOf(set *connectors.Set, c *connectors.Connector) connectorPage {
	p := connectorPage{connectorLine: lineOf(set, c), Docs: c.Docs, Credentials: append([]string{}, c.Credentials...), LearnLimits: c.LearnLimits,
		RouteList: []routeLine{}, LimitList: []limitLine{}, ResourceList: resourcesOf(c)}
	if c.Base != nil {
		p.BaseURL = c.Base.String()
	}
	for _, r := range c.Routes() {
		p.RouteList = append(p.RouteList, routeOf(r))
	}
	for _, r := range c.Rules() {
		p.LimitList = append(p.LimitList, limitOf(r))
	}
	if c.Penalty > 0 {
		p.Penalty = spelt(c.Penalty)
	}
	return p
}

func limitOf(r *connectors.Rule) limitLine {
	l := limitLine{Name: r.Name, Limit: r.Limit, Starts: r.Starts, Burst: r.Burst, Concurrent: r.Concurrent, Policy: r.Policy, Scope: r.Scope, Spread: r.Spread}
	if r.Window > 0 {
		l.Window = spelt(r.Window)
	}
	if r.Penalty > 0 {
		l.Penalty = spelt(r.Penalty)
	}
	return l
}

func routeOf(r *connectors.Route) routeLine {
	l := routeLine{Name: r.Name, Group: r.Group, SignIn: r.SignIn != nil, Safe: r.Safe, Limits: []string{},
		Request: namesOf(r.Request), Response: namesOf(r.Response)}
	for _, rule := range r.Rules {
		if rule.Concurrent > 0 {
			l.Limits = append(l.Limits, fmt.Sprintf("%d at once", rule.Concurrent))
		} else {
			l.Limits = append(l.Limits, fmt.Sprintf("%d/%s", rule.Limit, spelt(rule.Window)))
		}
	}
	if r.Lane != 0 {
		l.Lane = r.Lane.String()
	}
	if r.Cache != nil {
		l.Cache = spelt(r.Cache.TTL)
	}
	if r.Total > 0 {
		l.Timeout = spelt(r.Total)
	}
	return l
}

func namesOf(fs []transforms.Func) []string {
	names := []string{}
	for _, f := range fs {
		names = append(names, f.Name)
	}
	return names
}

// text writes the page for people.
func (p connectorPage) text(out io.Writer) error {
	var facts [][]string
	for _, row := range [][]string{
		{"Name", p.Name}, {"Title", p.Title}, {"Documented at", p.Docs}, {"File", p.File}, {"Base URL", p.BaseURL}, {"Sign-in", p.SignIn},
		{"Credentials", strings.Join(p.Credentials, ", ")}, {"Connections", strings.Join(p.Connections, ", ")}, {"Tests", strconv.Itoa(p.Tests)},
	} {
		if row[1] != "" {
			facts = append(facts, row)
		}
	}
	routes := [][]string{{}, {"ROUTE", "LIMITS", "LANE", "BREAKER", "CACHE", "TIMEOUT", "NOTES", "REQUEST", "RESPONSE"}}
	for _, r := range p.RouteList {
		routes = append(routes, r.row())
	}
	limits := [][]string{{}, {"LIMIT", "CALLS", "WINDOW", "STARTS", "COUNTED BY", "NOTES"}}
	for _, l := range p.LimitList {
		limits = append(limits, l.row())
	}
	if p.LearnLimits {
		note := "Routes without a limit are paced by what the vendor's headers say."
		if p.Penalty != "" {
			note += " After a refusal they rest for " + p.Penalty + "."
		}
		limits = append(limits, []string{}, []string{note})
	}
	return errors.Join(writeTable(out, facts), writeTable(out, routes), writeTable(out, limits), writeTable(out, resourceRows(p.ResourceList)))
}

func (l limitLine) row() []string {
	calls := strconv.Itoa(l.Limit)
	if l.Concurrent > 0 {
		calls = fmt.Sprintf("%d at once", l.Concurrent)
	}
	var notes []string
	if l.Burst > 0 && l.Burst != l.Limit {
		notes = append(notes, fmt.Sprintf("%d at once", l.Burst))
	}
	if l.Spread {
		notes = append(notes, "spread")
	}
	if l.Penalty != "" {
		notes = append(notes, "penalty "+l.Penalty)
	}
	if l.Policy != "" {
		notes = append(notes, "policy "+l.Policy)
	}
	return []string{l.Name, calls, dash(nonEmpty(l.Window)), dash(nonEmpty(l.Starts)), l.Scope, dash(notes)}
}

func (r routeLine) row() []string {
	var notes []string
	if r.SignIn {
		notes = append(notes, "sign-in")
	}
	if r.Safe {
		notes = append(notes, "safe")
	}
	return []string{r.Name, dash(r.Limits), dash(nonEmpty(r.Lane)), dash(nonEmpty(r.Group)), dash(nonEmpty(r.Cache)), dash(nonEmpty(r.Timeout)), dash(notes), dash(r.Request), dash(r.Response)}
}

// writeTable writes rows with their columns under each other. Nothing ends in blanks.
func writeTable(out io.Writer, rows [][]string) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		if _, err := io.WriteString(w, strings.Join(row, "\t")+"\n"); err != nil {
			return err
		}
	}
	return w.Flush()
}

func nonEmpty(text string) []string {
	if text == "" {
		return nil
	}
	return []string{text}
}

// dash stands where there is nothing to say.
func dash(words []string) string {
	if len(words) == 0 {
		return "-"
	}
	return strings.Join(words, ", ")
}

// spelt writes a duration without the zeros that Go adds: 1m, not 1m0s.
func spelt(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
