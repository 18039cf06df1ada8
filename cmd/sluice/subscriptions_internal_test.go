package main

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sluice/connectors"
	"sluice/store/storetest"
	"sluice/triggers"
)

// TestSubscriptionsAreShown: what others have written moves no terminal, and a trigger whose file was taken away is called gone.
func TestSubscriptionsAreShown(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	file := filepath.Join(folder, "triggers", "lost.yaml")
	if err := os.Mkdir(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		filepath.Join(folder, "sluice.yaml"): "{}\n",
		file:                                 "id: acme:lost\nname: Lost\ninput: {fields: {a: string}, example: {a: x}}\n",
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	d := &desk{t: t, args: []string{"--data", t.TempDir(), "--config", folder}}
	id := d.create(`{"name":"a\u001b[31m\u0000","description":"d\u0007","triggerId":"acme:lost","type":"HTTP","filter":"$.a","httpConfig":{"url":"https://a.example"},
		"sluice":{"destination":{"nats":{"url":"nats://n.example","subject":"hr.events"}}}}`)
	d.do(`{"b":1,"a":"x"}`, exitOK, "events", "emit", "acme:lost", "-")
	inline := d.create(`{"name":"b","triggerId":"acme:lost","type":"INLINE"}`)
	if got := d.do("", exitUnwell, "subscriptions", "test", inline); !strings.Contains(got, "nothing is delivered to a subscription of type INLINE") {
		t.Errorf("test of one that nothing is delivered to: got %s, want why", got)
	}
	said := d.do("", exitOK, "subscriptions", "pause", id, "--reason", "r\x1b[31m")
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	list, show := d.do("", exitOK, "subscriptions", "list"), d.do("", exitOK, "subscriptions", "show", id)
	for _, c := range []struct {
		text  string
		wants []string
	}{
		{said, []string{`a\x1b[31m\x00: paused`}},
		{list, []string{`a\x1b[31m\x00`, "acme:lost (gone)", `nats hr.events`}},
		{show, []string{`a\x1b[31m\x00`, "acme:lost (gone)", `nats hr.events`, `d\a`, "$.a", "paused by operator", `r\x1b[31m`, "Waiting         1\n"}},
		{d.do("", exitOK, "subscriptions", "show", id, "-o", "json"), []string{`"triggerGone": true`, `"waiting": 1`}},
		{d.do("", exitUsage, "subscriptions", "show", "x\x1b[31m"), []string{`x\x1b[31m`}},
		{d.do("", exitUsage, "invocations", "show", "x\x1b[31m"), []string{`x\x1b[31m`}},
		{d.do("", exitUsage, "events", "show", "x\x1b[31m"), []string{`x\x1b[31m`}},
		{d.do(strings.Repeat("[", 10001), exitUsage, "subscriptions", "create", "-"), []string{"it is nested too deep"}},
	} {
		if strings.ContainsAny(c.text, "\x00\x07\x1b") {
			t.Errorf("got %q, want no control character in it", c.text)
		}
		for _, want := range c.wants {
			if !strings.Contains(c.text, want) {
				t.Errorf("got %s, want %s in it", c.text, want)
			}
		}
	}
}

// TestTriggersThatAreGone: a start warns of who subscribes to one, and of nobody else.
func TestTriggersThatAreGone(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, storetest.SQLite(t))
	for name, trigger := range map[string]string{"left": "acme:lost", "fine": triggers.IdentityCreated} {
		s := triggers.Subscription{ID: name, Name: name, TriggerID: trigger, Type: triggers.TypeHTTP}
		if err := db.CreateSubscription(t.Context(), s, func([]triggers.Subscription) error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
	var log bytes.Buffer
	a := &App{log: slog.New(slog.NewTextHandler(&log, nil))}
	if err := a.lookForTriggers(&connectors.Set{}, db); err != nil {
		t.Fatal(err)
	}
	if got := log.String(); !strings.Contains(got, "level=WARN") || !strings.Contains(got, "subscription=left trigger=acme:lost") || strings.Contains(got, "fine") {
		t.Errorf("got %s, want a warning of the one that is left", got)
	}
}
