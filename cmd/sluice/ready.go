package main

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// readiness is what /readyz says. Reasons are why it is not ready; Notes are what an operator should know of one that is: a refused
// configuration, an open breaker or a database that is gone is no reason to send the callers elsewhere, where it is the same.
type readiness struct {
	Ready     bool            `json:"ready"`
	Reasons   []string        `json:"reasons"`
	Notes     []string        `json:"notes"`
	Config    readyConfig     `json:"config"`
	Listeners []readyListener `json:"listeners"`
	Breakers  []readyBreaker  `json:"breakers"` // those that are not closed
	Store     *readyStore     `json:"store,omitempty"`
}

type readyConfig struct {
	*configState
	Faults []faultJSON `json:"faults,omitempty"`
}

type readyListener struct {
	Name       string `json:"name"`
	Address    string `json:"address"`
	TLS        bool   `json:"tls"`
	Connection string `json:"connection,omitempty"` // that owns it
}

type readyBreaker struct {
	Connection string `json:"connection"`
	Group      string `json:"group"`
	State      string `json:"state"` // half-open | open
}

func (a *App) readyz(w http.ResponseWriter, _ *http.Request) {
	r := a.readiness()
	status := http.StatusOK
	if !r.Ready {
		status = http.StatusServiceUnavailable
	}
	answerJSON(w, status, r)
}

func (a *App) readiness() readiness {
	state, set := a.state.Load(), a.upstreams.Set()
	r := readiness{Reasons: []string{}, Notes: []string{}, Listeners: []readyListener{}, Breakers: a.breakers()}
	switch a.phase.Load() {
	case phaseStarting:
		r.Reasons = append(r.Reasons, "sluice is starting")
	case phaseStopping:
		r.Reasons = append(r.Reasons, "sluice is stopping")
	}
	for _, name := range a.listenerNames() {
		l := set.Listeners[name]
		at := a.Address(name)
		if at == "" {
			r.Reasons = append(r.Reasons, fmt.Sprintf("listener %s is closed", name))
			continue
		}
		r.Listeners = append(r.Listeners, readyListener{Name: name, Address: at, TLS: l.TLS != nil, Connection: l.Connection})
	}
	r.Config = readyConfig{configState: state, Faults: jsonFaults(state.Faults)}
	if !state.RefusedSince.IsZero() {
		r.Notes = append(r.Notes, fmt.Sprintf("the configuration was refused since %s and the one before runs on: %d faults",
			state.RefusedSince.UTC().Format(time.RFC3339), len(state.Faults)))
	}
	for _, b := range r.Breakers {
		r.Notes = append(r.Notes, fmt.Sprintf("the breaker of connection %s, group %s, is %s", b.Connection, b.Group, b.State))
	}
	store, note := a.database.ready()
	r.Store = store
	for _, note := range []string{note, a.unopened} {
		if note != "" {
			r.Notes = append(r.Notes, note)
		}
	}
	r.Ready = len(r.Reasons) == 0
	return r
}

// breakers are those that are not closed, as the metric has them.
func (a *App) breakers() []readyBreaker {
	found := []readyBreaker{}
	registry := prometheus.NewRegistry()
	registry.MustRegister(a.metrics)
	families, err := registry.Gather()
	if err != nil {
		return found
	}
	for _, family := range families {
		if family.GetName() != "sluice_breaker_state" {
			continue
		}
		for _, m := range family.GetMetric() {
			if m.GetGauge().GetValue() > 0 {
				found = append(found, breakerOf(m))
			}
		}
	}
	slices.SortFunc(found, func(a, b readyBreaker) int {
		return cmp.Or(cmp.Compare(a.Connection, b.Connection), cmp.Compare(a.Group, b.Group))
	})
	return found
}

func breakerOf(m *dto.Metric) readyBreaker {
	b := readyBreaker{State: "half-open"}
	if m.GetGauge().GetValue() > 1 {
		b.State = "open"
	}
	for _, label := range m.GetLabel() {
		switch label.GetName() {
		case "connection":
			b.Connection = label.GetValue()
		case "group":
			b.Group = label.GetValue()
		}
	}
	return b
}
