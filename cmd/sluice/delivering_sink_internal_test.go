package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// unordered is the subscription whose events come in any order.
const unordered = "unordered"

// killedSink is the receiver of nodes that are killed. It holds each attempt against the most that at-least-once in order can promise, which
// is of each subscription and subject:
//
//   - No event comes before the one before it was taken: first deliveries are in order and without gaps.
//   - After an event that was taken comes the next; after one that was refused, itself. So it goes as long as nobody is killed.
//   - A kill makes the subject begin again once, at an event that was sent before and is not kept as delivered; from there on it goes as above.
//     Those are the one under way and those that were taken less than a settling before. Where others live on, whose connections are not to be
//     cut, it may be once more: what the dead one had sent may be read only after its death.
//   - What is kept as delivered never comes again.
//   - An event has one invocation id, however often it comes, and no other has it.
type killedSink struct {
	answering atomic.Int64
	most      int // how often a subject may begin again after a kill

	mu       sync.Mutex
	lines    map[[2]string]*line // by subscription and subject
	events   map[string]*sentEvent
	ids      map[string]string // of whom they are
	moment   int               // how often somebody was killed
	attempts int
	refused  int
	repeated int
	taken    int
	wrong    []string
}

// line is a subject of a subscription.
type line struct {
	taken int // events
	next  int // the event that is to come
	kept  int // events that are known to be kept as delivered
	began int // the moment after which it began again
	again int // how often since
	last  []string
}

// sentEvent is an event for a subscription.
type sentEvent struct {
	id       string
	attempts int
	taken    bool
}

func newKilledSink(most int) *killedSink {
	return &killedSink{most: most, lines: map[[2]string]*line{}, events: map[string]*sentEvent{}, ids: map[string]string{}}
}

// ServeHTTP takes an event or, one time in forty, refuses it.
func (s *killedSink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.answering.Add(1)
	defer s.answering.Add(-1)
	var body struct {
		Identity   struct{ ID string }
		Attributes struct{ N int }
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		return // whoever sent it was killed
	}
	takes := rand.IntN(40) > 0
	s.note(strings.TrimPrefix(r.URL.Path, "/"), body.Identity.ID, body.Attributes.N, r, takes)
	_ = sleep(r.Context(), time.Duration(rand.Int64N(int64(4*time.Millisecond)))) // in which somebody may be killed
	if !takes {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
}

func eventName(subscription, subject string, n int) string {
	return fmt.Sprintf("%s/%s/%d", subscription, subject, n)
}

func (s *killedSink) note(subscription, subject string, n int, r *http.Request, takes bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.attempts++
	name, id, told := eventName(subscription, subject, n), r.Header.Get("Webhook-Id"), r.Header.Get("X-Sluice-Invocation-Id")
	e := s.events[name]
	if e == nil {
		e = &sentEvent{id: id}
		s.events[name] = e
	}
	if of, used := s.ids[id]; id == "" || id != e.id || id != told || used && of != name {
		s.fault("%s came as %q and %q, having been %q, which is of %q", name, id, told, e.id, of)
	}
	s.ids[id] = name
	l := s.lines[[2]string{subscription, subject}]
	if l == nil {
		l = &line{}
		s.lines[[2]string{subscription, subject}] = l
	}
	l.last = append(l.last[max(0, len(l.last)-5):], fmt.Sprintf("%d from %s after %d, taken: %t", n, r.RemoteAddr, s.moment, takes))
	if subscription != unordered {
		s.order(l, name, n)
	}
	e.attempts++
	switch {
	case !takes:
		s.refused++
		l.next = n
		return
	case e.taken:
		s.repeated++
	default:
		s.taken++
	}
	e.taken = true
	l.next, l.taken = n+1, max(l.taken, n+1)
}

// order says whether it is an event's turn.
func (s *killedSink) order(l *line, name string, n int) {
	switch {
	case n > l.taken:
		s.fault("%s came when %d had not been taken: %s", name, l.taken, l.last)
	case n < l.kept:
		s.fault("%s came again, and %d were kept as delivered: %s", name, l.kept, l.last)
	case n == l.next:
	case n > l.next:
		s.fault("%s came in the place of %d: %s", name, l.next, l.last)
	case l.began == s.moment && l.again == s.most:
		s.fault("%s came in the place of %d, and nobody has been killed since it began again: %s", name, l.next, l.last)
	case l.began == s.moment:
		l.again++
	default:
		l.began, l.again = s.moment, 1
	}
}

func (s *killedSink) fault(format string, args ...any) {
	s.wrong = append(s.wrong, fmt.Sprintf(format, args...))
}

// died says that somebody was killed, and whether he delivered. kept is asked how many events of each subject of a subscription are kept as delivered by now, of as many
// as were taken.
func (s *killedSink) died(delivered bool, kept func(subscription string, taken map[string]int) map[string]int) {
	s.mu.Lock()
	taken := map[string]map[string]int{}
	for of, l := range s.lines {
		if taken[of[0]] == nil {
			taken[of[0]] = map[string]int{}
		}
		taken[of[0]][of[1]] = l.taken
	}
	if delivered {
		s.moment++
	}
	s.mu.Unlock()
	for subscription, subjects := range taken {
		subjects = kept(subscription, subjects)
		s.mu.Lock()
		for subject, n := range subjects {
			if l := s.lines[[2]string{subscription, subject}]; l != nil {
				l.kept = max(l.kept, n)
			}
		}
		s.mu.Unlock()
	}
}

func (s *killedSink) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.attempts
}

// all tells whether so many events have been taken by each of the four subscriptions.
func (s *killedSink) all(events int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.taken == 4*events
}

// sent is how often an event came, and as what.
func (s *killedSink) sent(subscription, subject string, n int) (attempts int, id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.events[eventName(subscription, subject, n)]
	if e == nil || !e.taken {
		return 0, ""
	}
	return e.attempts, e.id
}

func (s *killedSink) faults() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.wrong
}

// String counts.
func (s *killedSink) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return fmt.Sprintf("%d attempts: %d events taken, %d repeated, %d refused", s.attempts, s.taken, s.repeated, s.refused)
}
