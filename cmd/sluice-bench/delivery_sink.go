package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// numberMember is the payload's member that says which event it is.
const numberMember = "benchNumber"

// sink is a receiver that answers at once, and notes when each event came.
type sink struct {
	url    string
	server *http.Server

	mu    sync.Mutex
	came  map[int]time.Time // by the event's number, the first time
	again int
	wrong string
}

func openSink(ctx context.Context) (*sink, error) {
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &sink{url: "http://" + ln.Addr().String() + "/events", came: map[int]time.Time{}}
	s.server = &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = s.server.Serve(ln) }() // ends with close
	return s, nil
}

func (s *sink) close() { _ = s.server.Close() }

// ServeHTTP implements http.Handler.
func (s *sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var event struct {
		Number *int `json:"benchNumber"`
	}
	err := json.NewDecoder(r.Body).Decode(&event)
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err != nil || event.Number == nil:
		s.wrong = fmt.Sprintf("a body that is no event: %v", err)
	case !s.came[*event.Number].IsZero():
		s.again++
	default:
		s.came[*event.Number] = now
	}
	w.WriteHeader(http.StatusOK)
}

func (s *sink) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.came)
}

func (s *sink) when(number int) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.came[number]
}

// until waits for n events, and returns when they were there.
func (s *sink) until(ctx context.Context, n int) (time.Time, error) {
	for end := time.Now().Add(deliveryMost); ; {
		if s.count() >= n {
			return time.Now(), nil
		}
		if time.Now().After(end) {
			return end, fmt.Errorf("of %d events %d have come within %v", n, s.count(), deliveryMost)
		}
		if err := pause(ctx, time.Millisecond); err != nil {
			return end, err
		}
	}
}

// sound tells what is wrong with what came, of n events each of which comes once.
func (s *sink) sound(n int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.came) != n || s.again > 0 || s.wrong != "" {
		return fmt.Errorf("the sink got %d events and %d of them again (%s), want each of %d once", len(s.came), s.again, s.wrong, n)
	}
	return nil
}

// ownTime is the CPU time of the bench itself.
func ownTime() time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		return 0
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// postgresTime is the CPU time of each process of PostgreSQL on this machine. A server elsewhere is not seen.
type postgresTime map[int]time.Duration

// look notes the times of now.
func (p postgresTime) look() error {
	names, err := filepath.Glob("/proc/[0-9]*/comm")
	if err != nil {
		return err
	}
	for _, file := range names {
		text, err := os.ReadFile(file)
		if err != nil || strings.TrimSpace(string(text)) != "postgres" {
			continue // the process has ended, or is another
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err != nil {
			return err
		}
		if p[pid], err = cpu(pid); err != nil {
			return err
		}
	}
	return nil
}

// since is what all have used since the look. Of one that has ended meanwhile nothing is known.
func (p postgresTime) since() (sum time.Duration, err error) {
	now := postgresTime{}
	if err := now.look(); err != nil {
		return 0, err
	}
	for pid, time := range now {
		sum += time - p[pid]
	}
	return sum, nil
}
