package main

import (
	"context"
	"crypto/x509"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sluice/connectors"
	"sluice/store"
	"sluice/store/storetest"
	"sluice/triggers"
	"sluice/triggers/dispatch"
	"sluice/triggers/send"
)

// What bad receivers get: so many events, of so many subjects, each attempt within a time.
const (
	hostileEvents   = 400
	hostileSubjects = 40
	hostileTimeout  = 3 * time.Second
)

// mostHeap is how much more heap the bad receivers may take than there was before. One answer of a GiB that was kept would be more.
const mostHeap = 128 << 20

// wanted is what becomes of the events of a bad receiver: the states in which they may be, and what is said of those that are not done.
type wanted struct {
	states []triggers.State
	says   string
	least  int // how many are sent, of those that wait for nobody before them
}

var hostileWant = map[string]wanted{
	"hangs":     {[]triggers.State{triggers.Waiting}, "did not answer whole within 3s", 8},
	"drips":     {[]triggers.State{triggers.Waiting, triggers.Done}, "", 8}, // whose status was the answer
	"resets":    {[]triggers.State{triggers.Waiting}, "broke the connection off", hostileSubjects},
	"redirects": {[]triggers.State{triggers.Waiting}, "redirects are not followed", hostileSubjects},
	"metadata":  {[]triggers.State{triggers.Waiting}, "is no address that events are sent to", hostileSubjects},
	"mapped":    {[]triggers.State{triggers.Waiting}, "is no address that events are sent to", hostileSubjects},
	"gibibyte":  {[]triggers.State{triggers.Done}, "", 150},
	"flips":     {[]triggers.State{triggers.Waiting, triggers.Done}, "is signed by nobody whom Sluice trusts", 100},
	"statuses":  {[]triggers.State{triggers.Waiting, triggers.Done}, "", hostileEvents},
}

// A receiver of each bad sort beside a good one: the good one gets everything, once and in order, what becomes of the others' events is what
// the tables of rules say, and memory stays as it was.
func TestHostileReceivers(t *testing.T) { //nolint:paralleltest // it measures the heap of the process
	storetest.Each(t, func(t *testing.T, fresh func() store.Options) {
		h := newHostile(t)
		db := storetest.Open(t, fresh())
		for id, url := range h.urls {
			s := triggers.Subscription{
				ID: id, Name: id, TriggerID: triggers.IdentityDeleted, Type: triggers.TypeHTTP, Enabled: true,
				HTTP: &triggers.HTTPConfig{URL: url, DispatchMode: triggers.DispatchSync, Authentication: triggers.NoAuth},
			}
			if id == "statuses" {
				s.Sluice.Ordering = triggers.OrderingNone
			}
			if err := db.CreateSubscription(t.Context(), s, func([]triggers.Subscription) error { return nil }); err != nil {
				t.Fatal(err)
			}
		}
		h.deliver(t, db)
		peak := heapPeak(t, func() {
			for n := 0; n < hostileEvents; n += hostileSubjects {
				var some []triggers.Event
				for i := range hostileSubjects {
					some = append(some, hostileEvent(n+i))
				}
				if err := db.Emit(t.Context(), some...); err != nil {
					t.Fatal(err)
				}
			}
			h.until(t, "the good one to have all", func() bool { return h.taken() >= hostileEvents })
			for id, want := range hostileWant {
				h.until(t, fmt.Sprintf("%d to be sent to the one for %s", want.least, id), func() bool { return attempted(t, db, id) >= want.least })
			}
		})
		if h.order(); peak > mostHeap {
			t.Errorf("the heap grew by %d MiB, want %d at the most", peak>>20, mostHeap>>20)
		}
		t.Logf("the heap grew by %d MiB", peak>>20)
		for id, want := range hostileWant {
			for _, i := range hostileInvocations(t, db, id) {
				if i.Attempts > 0 && (!slices.Contains(want.states, i.State) || i.State != triggers.Done && !strings.Contains(i.Reason, want.says)) {
					t.Errorf("%s: %s is %s (%s), want it one of %v, because it %s", id, i.Event.ID, i.State, i.Reason, want.states, want.says)
				}
			}
		}
		for _, i := range hostileInvocations(t, db, "statuses") {
			checkStatus(t, db, i)
		}
	})
}

// hostileEvent has a place in its subject, and a status that one receiver answers it with.
func hostileEvent(n int) triggers.Event {
	e := killEvent(n)
	e.ID, e.Subject = fmt.Sprintf("%03d", 200+n), fmt.Sprintf("p%d", n%hostileSubjects)
	e.Data = fmt.Appendf(nil, `{"identity":{"type":"IDENTITY","id":%q,"name":"Ann"},"attributes":{"n":%d,"status":%d}}`, e.Subject, n/hostileSubjects, 200+n)
	return e
}

func hostileInvocations(t *testing.T, db *store.DB, subscription string) []triggers.Invocation {
	t.Helper()
	all, err := db.Invocations(t.Context(), triggers.Query{Subscription: subscription, Limit: hostileEvents})
	if err != nil || len(all) != hostileEvents {
		t.Fatalf("invocations of %s: got %d, %v, want %d", subscription, len(all), err, hostileEvents)
	}
	return all
}

// attempted is how many events have been sent to a receiver, whatever it answered.
func attempted(t *testing.T, db *store.DB, subscription string) (n int) {
	t.Helper()
	for _, i := range hostileInvocations(t, db, subscription) {
		n += min(i.Attempts, 1)
	}
	return n
}

// checkStatus holds what became of an event against the status that its receiver answered, with a Retry-After of an hour.
func checkStatus(t *testing.T, db *store.DB, i triggers.Invocation) {
	t.Helper()
	attempts, err := db.Attempts(t.Context(), i.Seq)
	if err != nil || len(attempts) == 0 {
		t.Fatalf("attempts at %s: got %d, %v, want some", i.Event.ID, len(attempts), err)
	}
	last := attempts[len(attempts)-1]
	want := triggers.Waiting
	if last.Status < 300 {
		want = triggers.Done
	}
	if fmt.Sprint(last.Status) != i.Event.ID || i.State != want {
		t.Errorf("status %d to event %s: got it %s, want %s", last.Status, i.Event.ID, i.State, want)
	}
	asked := slices.Contains([]int{413, 429, 503}, last.Status)
	if pause := i.Due.Sub(last.Time); want == triggers.Waiting && asked != (pause >= time.Hour) {
		t.Errorf("status %d: got it sent again after %s, want Retry-After obeyed: %t", last.Status, pause, asked)
	}
}

// deliver delivers until the test ends, as serve does but for the time that receivers have and whom they are trusted by.
func (h *hostile) deliver(t *testing.T, db *store.DB) {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(h.certificate)
	senders := send.New(send.Options{Allow: loopbackNetworks, Roots: roots, Timeout: hostileTimeout})
	t.Cleanup(senders.Close)
	set, err := (source{path: killedConfig(t)}).set()
	if err != nil {
		t.Fatal(err)
	}
	d := newDelivering(set, func() *connectors.Set { return set }, db, func() string { return "http://127.0.0.1" }, slog.New(slog.DiscardHandler),
		func(o *dispatch.Options) {
			o.Sender = senders
			o.Circuit.After = time.Hour            // none is to open, however long it takes here
			o.Circuit.MostProbe = time.Millisecond // nor is the one to have the quiet that it asks for, which answers each status
		})
	ctx, cancel := context.WithCancel(t.Context())
	var done sync.WaitGroup
	done.Go(func() { d.run(ctx) })
	t.Cleanup(func() { h.close(); cancel(); done.Wait() })
}

// heapPeak is by how much the heap grew at the most while f ran.
func heapPeak(t *testing.T, f func()) int64 {
	t.Helper()
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	before, most := m.HeapAlloc, m.HeapAlloc
	ctx, cancel := context.WithCancel(t.Context())
	var done sync.WaitGroup
	done.Go(func() {
		for sleep(ctx, 20*time.Millisecond) == nil {
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapAlloc)
		}
	})
	f()
	cancel()
	done.Wait()
	return int64(most - before)
}
