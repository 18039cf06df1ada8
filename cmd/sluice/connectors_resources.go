package main

import (
	"maps"
	"slices"
	"strings"

	"sluice/connectors"
)

// resourceLine is a resource that can be aggregated.
type resourceLine struct {
	Name         string     `json:"name"`
	Kind         string     `json:"kind"`
	Plans        []planLine `json:"plans"` // the first holds where a connection chooses none
	Entitlements []string   `json:"entitlements"`
	MaxAge       string     `json:"maxAge"`
}

// planLine is a way to read a resource.
type planLine struct {
	Name   string   `json:"name"`
	List   string   `json:"list"`
	Joins  []string `json:"joins"`            // what each goes over, "-" where it is one call
	Detail string   `json:"detail,omitempty"` // the call for one account
	If     string   `json:"if,omitempty"`     // for which accounts it goes, where not for all
}

func resourcesOf(c *connectors.Connector) []resourceLine {
	lines := []resourceLine{}
	for _, r := range c.Resources {
		l := resourceLine{Name: r.Name, Kind: r.Kind, Plans: []planLine{}, MaxAge: spelt(r.MaxAge),
			Entitlements: append([]string{}, slices.Sorted(maps.Keys(r.Map.Entitlements))...)}
		for _, p := range r.Plans {
			l.Plans = append(l.Plans, planOf(p))
		}
		lines = append(lines, l)
	}
	return lines
}

func planOf(p *connectors.Plan) planLine {
	l := planLine{Name: p.Name, List: callOf(&p.List.Request), Joins: []string{}}
	for _, j := range p.Joins {
		l.Joins = append(l.Joins, dash(nonEmpty(j.Over)))
	}
	if p.Detail != nil {
		l.Detail = callOf(p.Detail)
	}
	if p.If != nil {
		l.If = p.If.String()
	}
	return l
}

func callOf(r *connectors.Request) string { return r.Method + " /" + strings.TrimPrefix(r.Path, "/") }

// resourceRows are the table of resources, a row for each plan; none where there are none.
func resourceRows(lines []resourceLine) [][]string {
	if len(lines) == 0 {
		return nil
	}
	rows := [][]string{{}, {"RESOURCE", "KIND", "PLAN", "LIST", "JOINS OVER", "EACH ACCOUNT", "ENTITLEMENTS"}}
	for _, l := range lines {
		for _, p := range l.Plans {
			each := dash(nonEmpty(p.Detail))
			if p.If != "" {
				each += " if " + p.If
			}
			rows = append(rows, []string{l.Name, l.Kind, p.Name, p.List, dash(p.joined()), each, dash(l.Entitlements)})
		}
	}
	return rows
}

// joined names what joins go over, each once.
func (p planLine) joined() (over []string) {
	for _, name := range p.Joins {
		if name == "-" {
			name = "one call"
		}
		if !slices.Contains(over, name) {
			over = append(over, name)
		}
	}
	return over
}
