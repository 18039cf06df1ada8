package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"sluice/store"
	"sluice/store/storetest"
	"sluice/triggers"
)

// sink is a receiver that answers as it is told, and counts what it got.
type sink struct {
	url string

	mu     sync.Mutex
	status int
	body   string
	got    map[string]int // by the invocation's id
}

func newSink(t *testing.T) *sink {
	t.Helper()
	s := &sink{status: http.StatusOK, got: map[string]int{}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.got[r.Header.Get("X-Sluice-Invocation-Id")]++
		w.WriteHeader(s.status)
		_, _ = io.WriteString(w, s.body)
	}))
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

func (s *sink) answer(status int, body string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status, s.body = status, body
}

func (s *sink) times(id string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.got[id]
}

// TestInvocationsByCommand: what is over is found, and sent again by what says which.
func TestInvocationsByCommand(t *testing.T) {
	t.Parallel()
	options := storetest.SQLite(t)
	d := &desk{t: t, args: []string{"--data", options.Dir}}
	id := d.create(`{"name":"a","triggerId":"idn:identity-deleted","type":"HTTP","httpConfig":{"url":"https://a.example"}}`)
	gone := d.create(`{"name":"gone","triggerId":"idn:identity-deleted","type":"HTTP","httpConfig":{"url":"https://b.example"}}`)
	for _, name := range []string{"ann", "bob", "eve"} {
		d.do(deletedOf(name), exitOK, "events", "emit", "idn:identity-deleted", "-", "--id", name)
	}
	db, err := store.Open(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	c, due := claimed(t, db, id)
	all := due()
	if len(all) != 3 {
		t.Fatalf("got %d due, want 3", len(all))
	}
	at := time.Now().UTC()
	echo := "not here"
	if _, err := db.Settle(t.Context(), c, []triggers.Result{
		{Seq: all[0].Seq, State: triggers.Dead, Reason: "status 404\n" + echo, Attempt: triggers.Attempt{Number: 1, Time: at, Took: 3 * time.Millisecond, Status: 404, Answer: []byte("\x1b[31m" + echo), Outcome: "dead", Reason: echo}},
		{Seq: all[1].Seq, State: triggers.Done, Attempt: triggers.Attempt{Number: 1, Time: at, Status: 200, Outcome: "delivered"}},
	}); err != nil {
		t.Fatal(err)
	}
	if err := db.DeleteSubscription(t.Context(), gone); err != nil {
		t.Fatal(err)
	}
	for args, want := range map[string]string{
		"list": "eve eve bob bob ann ann", "list --subscription A": "eve bob ann", "list --subscription " + gone: "eve bob ann", "list --subscription a --state dead": "ann",
		"list --subscription a --state done --state waiting": "eve bob", "list --limit 1": "eve", "dead --subscription a": "ann", "dead --since 1h --until 2999-01-01": "eve bob ann ann",
		"list --trigger idn:identity-created": "", "list --until 2020-01-01": "",
	} {
		var got []shownInvocation
		d.read(&got, append([]string{"invocations"}, strings.Fields(args)...)...)
		var names []string
		for _, one := range got {
			names = append(names, one.Event)
		}
		if strings.Join(names, " ") != want {
			t.Errorf("invocations %s: got %v, want %s", args, names, want)
		}
	}
	text := d.do("", exitOK, "invocations", "show", all[0].ID)
	for _, want := range []string{"dead since ", `status 404\nnot here`, "1        ", "3.0 ms", `\x1b[31mnot here`, `"name": "ann"`} {
		if !strings.Contains(text, want) {
			t.Errorf("show: got %s, want %s in it", text, want)
		}
	}
	if strings.Contains(text+d.do("", exitOK, "invocations", "show", all[0].ID, "-o", "json")+d.do("", exitOK, "invocations", "dead"), all[0].Secret) {
		t.Error("the secret with which an invocation is completed is shown")
	}
	lost, err := db.Invocations(t.Context(), triggers.Query{Subscription: gone, Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args string
		code int
		want string
	}{
		{"list --state lost", exitUsage, "must be waiting, asked, done or dead"},
		{"list --subscription nobody", exitUsage, "there is no subscription nobody"},
		{"list --since 1h --until 2h", exitUsage, "--until is not after --since"},
		{"show nobody", exitUsage, "there is no invocation nobody"},
		{"replay", exitUsage, "say what to send again"},
		{"replay --since 1h", exitUsage, "say what to send again"},
		{"replay --subscription nobody", exitUsage, "there is no subscription nobody"},
		{"replay x --dead", exitUsage, "ids say it all"},
		{"replay nobody " + all[0].ID, exitUsage, "there is no invocation nobody"},
		{"replay " + lost[0].ID, exitUnwell, "its subscription is gone"},
		{"replay --dead --until 2020-01-01", exitOK, "0 invocations are sent again\n"},
		{"replay " + all[0].ID + " " + all[2].ID, exitUnwell, "1 invocation is sent again\nsluice: " + all[2].ID + " is on its way already\n"},
		{"replay --subscription a --since 1h -o json", exitOK, `"replayed": 1`}, // bob's: the others are on their way
		{"replay --subscription a --dead", exitOK, "0 invocations"},
		{"replay --dead", exitOK, "0 invocations are sent again\n3 left out: the subscription is gone"},
		{"replay --dead -o json", exitOK, `"leftOut": 3`},
	} {
		if got := d.do("", c.code, append([]string{"invocations"}, strings.Fields(c.args)...)...); !strings.Contains(got, c.want) {
			t.Errorf("invocations %s: got %s, want %s", c.args, got, c.want)
		}
	}
	if got := d.do("", exitUsage, "invocations", "replay", "--dead", "--subscription", ""); !strings.Contains(got, "--subscription is empty") {
		t.Errorf("replay of a subscription without a name: got %s, want it refused", got)
	}
	if again := due(); len(again) != 3 || again[0].ID != all[0].ID || again[0].Attempts != 1 {
		t.Errorf("on their way: got %+v, want all three under their ids", again)
	}
}

// claimed claims a subscription as a node does that delivers, and returns what asks for its invocations that are due.
func claimed(t *testing.T, db *store.DB, id string) (triggers.Claim, func() []triggers.Invocation) {
	t.Helper()
	c, err := db.ClaimSubscription(t.Context(), id, "test", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	return c, func() []triggers.Invocation {
		t.Helper()
		due, _, err := db.NextDeliveries(t.Context(), c, nil, triggers.Limit{Rows: 10, Bytes: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		return due
	}
}

// TestRefusedInvocation: one that is refused keeps others, which is shown; it can be sent before its time, and given up.
func TestRefusedInvocation(t *testing.T) {
	t.Parallel()
	options := storetest.SQLite(t)
	d := &desk{t: t, args: []string{"--data", options.Dir}}
	id := d.create(`{"name":"a","triggerId":"idn:identity-deleted","type":"HTTP","httpConfig":{"url":"https://a.example"}}`)
	for _, name := range []string{"ann", "bob"} {
		d.do(deletedOf(name), exitOK, "events", "emit", "idn:identity-deleted", "-", "--id", name, "--subject", "one")
	}
	db, err := store.Open(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	c, due := claimed(t, db, id)
	all := due()
	refuse := func(n int) {
		at := time.Now().UTC()
		if _, err := db.Settle(t.Context(), c, []triggers.Result{{
			Seq: all[0].Seq, State: triggers.Waiting, Due: at.Add(time.Hour), Reason: "status 422", Attempt: triggers.Attempt{Number: n, Time: at, Status: 422, Outcome: "retried"},
		}}); err != nil {
			t.Fatal(err)
		}
	}
	refuse(1)
	for _, step := range []struct {
		args string
		code int
		want string
	}{
		{"show " + all[1].ID, exitOK, "waiting, waits behind " + all[0].ID + "\n"},
		{"show " + all[1].ID + " -o json", exitOK, `"behind": "` + all[0].ID + `"`},
		{"show " + all[0].ID, exitOK, "waiting, sent again at "},
		{"replay " + all[1].ID, exitUnwell, all[1].ID + " is on its way already"},
		{"replay " + all[0].ID, exitOK, "1 invocation is sent again\n"},
		{"replay " + all[0].ID, exitUnwell, all[0].ID + " is on its way already"},
		{"abandon", exitUsage, "requires at least 1 arg"},
		{"abandon nobody " + all[0].ID, exitUsage, "there is no invocation nobody"},
	} {
		if got := d.do("", step.code, append([]string{"invocations"}, strings.Fields(step.args)...)...); !strings.Contains(got, step.want) {
			t.Errorf("invocations %s: got %s, want %s", step.args, got, step.want)
		}
	}
	if again := due(); len(again) != 2 || again[0].ID != all[0].ID {
		t.Errorf("replayed: got %+v due, want both in their order", again)
	}
	refuse(2)
	if got := d.do("", exitOK, "invocations", "abandon", all[0].ID); got != "1 invocation is given up\n" {
		t.Errorf("abandon: got %s", got)
	}
	if got := d.do("", exitUnwell, "invocations", "abandon", all[0].ID, "-o", "json"); !strings.Contains(got, `"abandoned": 0`) || !strings.Contains(got, all[0].ID+" is dead since ") {
		t.Errorf("abandon again: got %s, want none, and why", got)
	}
	if left := due(); len(left) != 1 || left[0].ID != all[1].ID {
		t.Errorf("abandoned: got %+v due, want what was behind it", left)
	}
	keep := func(state triggers.State) {
		if _, err := db.Settle(t.Context(), c, []triggers.Result{{Seq: all[1].Seq, State: state, Attempt: triggers.Attempt{Number: 1, Time: time.Now()}}}); err != nil {
			t.Fatal(err)
		}
	}
	named := []string{all[0].ID, all[1].ID}
	lateFor := func(left int64, ids []string, want string) {
		t.Helper()
		if got := whyNotAbandoned(t.Context(), db, ids, left); got == nil || !strings.Contains(got.Error(), want) {
			t.Errorf("ended meanwhile: got %v, want %s", got, want)
		}
	}
	lateFor(1, named, all[1].ID+" was over and is sent again meanwhile")
	keep(triggers.Done)
	lateFor(1, named, all[1].ID+" is done since ")
	lateFor(1, named[:1], "somebody else has given up 1 of them meanwhile")
	lateFor(1, []string{"gone"}, "gone is there no more")
}

// TestSubscriptionTestIsFiltered: a filter that lets the test's payload not through says why, and nothing is sent.
func TestSubscriptionTestIsFiltered(t *testing.T) {
	t.Parallel()
	d := &desk{t: t, args: []string{"--data", t.TempDir()}}
	id := d.create(`{"name":"picky","triggerId":"idn:identity-deleted","type":"HTTP","filter":"$[?($.identity.name == 'Ann')]","httpConfig":{"url":"https://a.example"}}`)
	if got := d.do(deletedOf("Bob"), exitUnwell, "subscriptions", "test", id, "--input", "-"); !strings.Contains(got, "its filter does not let the payload through: It does not match") {
		t.Errorf("got %s, want why", got)
	}
	for args, want := range map[string]string{"test nobody": "there is no subscription nobody", "test picky --wait 0s": "--wait is 0s", "test picky --input nowhere.json": "the payload cannot be read"} {
		if got := d.do("", exitUsage, append([]string{"subscriptions"}, strings.Fields(args)...)...); !strings.Contains(got, want) {
			t.Errorf("subscriptions %s: got %s, want %s", args, got, want)
		}
	}
	if got := d.do(`{"identity":1}`, exitUsage, "subscriptions", "test", id, "--input", "-"); !strings.Contains(got, "identity: is number, must be object") {
		t.Errorf("got %s, want the member that is wrong", got)
	}
}
