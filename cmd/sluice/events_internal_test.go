package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sluice/internal/seal"
	"sluice/mocks/teamdynamix"
	"sluice/store"
	"sluice/store/storetest"
	"sluice/triggers"
)

// deletedOf is a payload of idn:identity-deleted about somebody.
func deletedOf(name string) string {
	return `{"identity":{"type":"IDENTITY","id":"` + name + `","name":"` + name + `"},"attributes":{}}`
}

// desk runs commands on one database.
type desk struct {
	t    *testing.T
	args []string // that each command gets
	vars []string
}

func (d *desk) do(stdin string, want int, args ...string) string {
	d.t.Helper()
	var out, errs bytes.Buffer
	if code := run(d.t.Context(), append(args, d.args...), d.vars, strings.NewReader(stdin), &out, &errs); code != want {
		d.t.Fatalf("%v: got exit code %d, want %d: %s%s", args, code, want, &out, &errs)
	}
	for _, secret := range secretsOfSubscriptions {
		if strings.Contains(out.String()+errs.String(), secret) {
			d.t.Errorf("%v shows %s", args, secret)
		}
	}
	return out.String() + errs.String()
}

// read runs a command that prints JSON.
func (d *desk) read(into any, args ...string) {
	d.t.Helper()
	text := d.do("", exitOK, append(args, "-o", "json")...)
	if err := json.Unmarshal([]byte(text), into); err != nil {
		d.t.Fatalf("%v: got %s, %v", args, text, err)
	}
}

// create makes a subscription and returns its id.
func (d *desk) create(text string) string {
	d.t.Helper()
	var made struct{ ID string }
	if err := json.Unmarshal([]byte(d.do(text, exitOK, "subscriptions", "create", "-")), &made); err != nil {
		d.t.Fatal(err)
	}
	return made.ID
}

// TestEventsByCommand: an integration of the user's own emits events, each once, and sees whom they go to.
func TestEventsByCommand(t *testing.T) {
	t.Parallel()
	d := &desk{t: t, args: []string{"--data", t.TempDir()}}
	all := d.create(`{"name":"all","triggerId":"idn:identity-deleted","type":"HTTP","httpConfig":{"url":"https://a.example"}}`)
	picky := d.create(`{"name":"picky","triggerId":"idn:identity-deleted","type":"HTTP","filter":"$[?($.identity.name == 'Ann')]","httpConfig":{"url":"https://b.example"}}`)
	file := filepath.Join(t.TempDir(), "bob.json")
	if err := os.WriteFile(file, []byte(deletedOf("Bob")), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := d.do("", exitOK, "events", "emit", "idn:identity-deleted", file, "--id", "bob-1", "--subject", "bob", "--source", "hr"); !strings.Contains(got, "with 1 invocation\n") {
		t.Errorf("emit: got %s, want one invocation", got)
	}
	if got := d.do("\n"+strings.Replace(deletedOf("Bob"), ",", " , ", 1), exitOK, "events", "emit", "idn:identity-deleted", "-", "--id", "bob-1", "--subject", "bob", "--source", "hr"); !strings.Contains(got, "told before") {
		t.Errorf("emit again: got %s, want it to be no second one", got)
	}
	var emitted emittedEvent
	if err := json.Unmarshal([]byte(d.do(deletedOf("Ann"), exitOK, "events", "emit", "idn:identity-deleted", "-", "-o", "json")), &emitted); err != nil {
		t.Fatal(err)
	}
	if !emitted.Fresh || len(emitted.Invocations) != 2 || emitted.Subject != emitted.ID || emitted.Source != ownSource || emitted.Invocations[0].State != triggers.Waiting {
		t.Errorf("emit without an id: got %+v, want one that is about itself, for both", emitted)
	}
	for _, c := range []struct{ stdin, args, want string }{
		{deletedOf("Eve"), "emit idn:identity-deleted - --id bob-1", "is that of another event"},
		{`{"identity":{"type":"IDENTITY"}}`, "emit idn:identity-deleted -", "\n  identity: lacks id, name"},
		{"[]", "emit idn:identity-deleted -", "\n  the whole: is array"},
		{"{", "emit idn:identity-deleted -", "standard input: is not JSON"},
		{strings.Repeat(" ", mostPayload+1), "emit idn:identity-deleted -", "longer than 1048576 bytes"},
		{"", "emit idn:identity-deleted nowhere.json", "the payload cannot be read"},
		{"{}", "emit idn:none -", "sluice triggers list"},
		{deletedOf("Eve"), "emit idn:identity-deleted - --id " + strings.Repeat("x", 65), "id must be text of 64 bytes at most"},
		{"", "show nobody", "there is no event nobody"},
		{"", "show 12345", "there is no event 12345"},
		{"", "list --limit 0", "--limit is 0"},
		{"", "list --since yesterday", "must be a time"},
	} {
		if got := d.do(c.stdin, exitUsage, append([]string{"events"}, strings.Fields(c.args)...)...); !strings.Contains(got, c.want) {
			t.Errorf("events %s: got %s, want %s", c.args, got, c.want)
		}
	}
	var first shownEvent
	for args, want := range map[string]string{
		"": emitted.ID + " bob-1", "--after 0": "bob-1 " + emitted.ID, "--limit 1": emitted.ID, "--source hr": "bob-1", "--subject bob": "bob-1", "--type idn:identity-created": "",
		"--since 1h": emitted.ID + " bob-1", "--since 2999-01-01": "",
	} {
		var events []shownEvent
		d.read(&events, append([]string{"events", "list"}, strings.Fields(args)...)...)
		var ids []string
		for _, e := range events {
			ids = append(ids, e.ID)
			if e.ID == "bob-1" {
				first = e
			}
		}
		if got := strings.Join(ids, " "); got != want {
			t.Errorf("events list %s: got %s, want %s", args, got, want)
		}
	}
	var page eventPage
	d.read(&page, "events", "show", fmt.Sprint(first.Number))
	if page.ID != "bob-1" || string(page.Data) == "" || len(page.Invocations) != 1 || page.Invocations[0].Subscription != all || len(page.FilteredOut) != 1 ||
		page.FilteredOut[0].Subscription != picky || page.FilteredOut[0].Name != "picky" || !strings.Contains(page.FilteredOut[0].Reason, "Bob") {
		t.Errorf("show: got %+v, want whom it goes to and whose filter left it out", page)
	}
	text := d.do("", exitOK, "events", "show", "bob-1")
	for _, want := range []string{"It made 1 invocation:", "The filter of picky (" + picky + ") did not let it through:\n  It does not match", `"name": "Bob"`} {
		if !strings.Contains(text, want) {
			t.Errorf("show: got %s, want %s in it", text, want)
		}
	}
	if text := d.do("", exitOK, "events", "list"); !strings.HasPrefix(text, "NUMBER ") || !strings.Contains(text, "bob-1") {
		t.Errorf("list: got %s", text)
	}
	var shown subscriptionPage
	if err := json.Unmarshal([]byte(d.do("", exitOK, "subscriptions", "show", "PICKY", "-o", "json")), &shown); err != nil {
		t.Fatal(err)
	}
	if shown.ID != picky || shown.Counts.Waiting != 1 || shown.Counts.FilteredOut != 1 || shown.Counts.Oldest.IsZero() || len(shown.FilteredOut) != 1 || shown.FilteredOut[0].Event != "bob-1" || shown.FilteredOut[0].Number != first.Number {
		t.Errorf("subscriptions show: got %+v, want what waits and what was left out", shown)
	}
	if text := d.do("", exitOK, "subscriptions", "list"); !strings.Contains(text, "FILTERED OUT") {
		t.Errorf("subscriptions list: got %s", text)
	}
}

// TestEmittedEventIsDelivered: what another process emits reaches the receiver by a sluice serve that runs, and a test finds out how it goes.
func TestEmittedEventIsDelivered(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, fresh func() store.Options) {
		const networks = "allow_networks: [127.0.0.0/8]"
		r := newRig(t, plainConfig+"triggers: {"+networks+"}\n", teamdynamix.Options{})
		d := &desk{t: t, args: []string{"--config", r.folder}}
		if options := fresh(); options.URL != "" {
			r.write("sluice.yaml", plainConfig+"database: ${env:DB}\ntriggers: {seal: \"${env:SEAL}\", "+networks+"}\n")
			d.vars = []string{"DB=" + options.URL, "SEAL=" + seal.NewKey()}
		} else {
			r.data = options.Dir
			d.args = append(d.args, "--data", r.data)
		}
		wholeWay(t, r, d)
	})
}

func wholeWay(t *testing.T, r *rig, d *desk) {
	t.Helper()
	sink := newSink(t)
	id := d.create(`{"name":"sink","triggerId":"idn:identity-deleted","type":"HTTP","httpConfig":{"url":"` + sink.url + `","httpAuthenticationType":"BEARER_TOKEN","bearerTokenAuthConfig":{"bearerToken":"planted-token"}},"sluice":{"retryFor":"PT0.1S"}}`)
	if got := d.do("", exitUnwell, "subscriptions", "test", id, "--wait", "10ms"); !strings.Contains(got, "nothing happened within 10ms: no sluice serve runs") {
		t.Errorf("a test that nobody sends: got %s", got)
	}
	r.start(d.vars...)
	d.do(deletedOf("Ann"), exitOK, "events", "emit", "idn:identity-deleted", "-", "--id", "ann")
	var all []shownInvocation
	r.eventually("the event to be delivered", func() bool {
		d.read(&all, "invocations", "list", "--subscription", "sink", "--state", "done")
		return len(all) == 2 // with the test, which was left to whoever comes
	})
	if got := d.do("", exitOK, "subscriptions", "test", "sink"); !strings.Contains(got, "the receiver took it") || !strings.Contains(got, "delivered") {
		t.Errorf("a test: got %s, want it to work", got)
	}
	sink.answer(410, "gone, and you sent planted-token")
	if got := d.do(deletedOf("Tim"), exitUnwell, "subscriptions", "test", id, "--input", "-"); !strings.Contains(got, "it did not work") || !strings.Contains(got, "410") {
		t.Errorf("a test of one who is gone: got %s, want it dead", got)
	}
	d.do(deletedOf("Bob"), exitOK, "events", "emit", "idn:identity-deleted", "-", "--id", "bob")
	r.eventually("the event to be dead", func() bool {
		d.read(&all, "invocations", "dead", "--since", "1h")
		return len(all) == 2 // with the test
	})
	dead := all[0]
	if dead.Event != "bob" || !strings.Contains(dead.Reason, "410") {
		t.Errorf("dead: got %+v, want the last event and why", dead)
	}
	var page invocationPage
	d.read(&page, "invocations", "show", dead.ID)
	if len(page.Attempts) != 2 || page.Attempts[0].Status != 410 || !strings.Contains(page.Attempts[0].Answer, "gone") || string(page.Input) == "" {
		t.Errorf("show: got %+v, want the attempts and their answers", page)
	}
	if got := d.do("", exitOK, "invocations", "show", dead.ID); !strings.Contains(got, "The answer to attempt 1:\n  gone") {
		t.Errorf("show: got %s", got)
	}
	sink.answer(200, "")
	if got := d.do("", exitOK, "invocations", "replay", "--dead"); got != "1 invocation is sent again\n" { // not the test
		t.Errorf("replay the dead: got %s", got)
	}
	r.eventually("the dead one to be delivered", func() bool {
		d.read(&page, "invocations", "show", dead.ID)
		return page.State == triggers.Done
	})
	if len(page.Attempts) != 3 || sink.times(dead.ID) != 3 {
		t.Errorf("replayed: got %+v, sent %d times under its id, want 3", page.Attempts, sink.times(dead.ID))
	}
}
