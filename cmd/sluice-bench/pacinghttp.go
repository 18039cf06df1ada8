package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"sluice/mocks/teamdynamix"
)

const (
	httpRounds  = 3
	httpWindows = 10
	httpWorkers = 8 // of each trial
	httpScale   = 30
	httpWindow  = length / httpScale
	httpTrip    = roundTrip / httpScale
)

// httpTrial is one way in which the limit of a person read is configured, and how much of it somebody else wants.
type httpTrial struct {
	key, name  string // in the path, and in the table
	limit      string // what the connection says of the limit, in YAML
	competitor float64
}

// The first three have bars. All are tried at the same time through one Sluice, each before a vendor of its own.
var httpTrials = []httpTrial{
	{"configured", "configured: first_call", "{window: 2s}", 0},
	{"found", "the kind to be found", "{window: 2s, starts: unknown}", 0},
	{"learned", "nothing but the headers", "{off: true}", 0},
	{"configured-others", "configured, others want 20 %", "{window: 2s}", 0.2},
	{"found-others", "to be found, others want 20 %", "{window: 2s, starts: unknown}", 0.2},
}

// benchHTTP measures pacing over real HTTP: Sluice in a process, played vendors whose windows are 2 s, and callers who read people as fast
// as they are answered. args may name the sluice binary.
func benchHTTP(ctx context.Context, args []string) error {
	binary := "bin/sluice"
	if len(args) > 0 {
		binary = args[0]
	}
	var worst []used
	for round := range httpRounds {
		uses, err := measureHTTP(ctx, binary, httpWindows)
		if err != nil {
			return err
		}
		for i, u := range uses {
			fmt.Printf("round %d  %-30s %v\n", round+1, httpTrials[i].name, u)
			if round > 0 {
				uses[i] = u.worse(worst[i])
			}
		}
		worst = uses
	}
	fmt.Printf("\nworst of %d rounds of %d windows of %v; %d callers, a round trip takes %v or a little more\n",
		httpRounds, httpWindows, httpWindow, httpWorkers, httpTrip)
	fmt.Printf("%-30s %10s %15s %6s\n", "limit", "used", "whole windows", "429s")
	for i, t := range httpTrials {
		fmt.Printf("%-30s %9.2f%% %14.2f%% %6d\n", t.name, 100*worst[i].share, 100*worst[i].whole, worst[i].refused)
	}
	fmt.Printf("\npacing_http_learned=%.4f\n", worst[2].share)
	fmt.Printf("pacing_http_configured=%.4f\npacing_http_found=%.4f\n", worst[0].share, worst[1].share)
	fmt.Printf("pacing_http_429=%d\n", worst[0].refused+worst[1].refused+worst[2].refused)
	return nil
}

// used is how much of a limit was used. The span begins with the first call that the vendor counts and ends a number of window lengths
// later; calls that reach the vendor in it count, wherever a window of the vendor's begins or ends.
type used struct {
	answered, refused int     // calls of the span
	share             float64 // of what the limit permits in the span
	// whole is the same from the first window's opening to the last one's in the span, over the time between them: with windows
	// that are spent at once and opened late, the span may hold a burst more than its length deserves, and this does not.
	whole float64
	most  int // calls permitted in any one window of the vendor's
}

func (u used) String() string {
	return fmt.Sprintf("%4d answered, %d refused: %6.2f%% used, %6.2f%% over whole windows", u.answered, u.refused, 100*u.share, 100*u.whole)
}

// worse is the lower use of two, with the refusals of both.
func (u used) worse(v used) used {
	return used{
		answered: min(u.answered, v.answered), refused: u.refused + v.refused,
		share: min(u.share, v.share), whole: min(u.whole, v.whole), most: max(u.most, v.most),
	}
}

// mark is one call as the vendor saw it.
type mark struct {
	at      time.Time
	refused bool
}

// weigh counts the marks, which are in the order of their times. A window opens with the first call after the one before has ended.
func weigh(marks []mark, limit int, window time.Duration, windows int) (u used) {
	var opened time.Time
	before, inWindow := 0, 0 // calls answered when the last window opened, and in it
	for _, m := range marks {
		if m.at.Sub(marks[0].at) >= time.Duration(windows)*window {
			break
		}
		if opened.IsZero() || m.at.Sub(opened) >= window {
			opened, before, inWindow = m.at, u.answered, 0
		}
		if m.refused {
			u.refused++
			continue
		}
		u.answered++
		inWindow++
		u.most = max(u.most, inWindow)
	}
	u.share = float64(u.answered) / float64(limit*windows)
	if len(marks) > 0 && opened.After(marks[0].at) {
		u.whole = float64(before) / (float64(limit) * float64(opened.Sub(marks[0].at)) / float64(window))
	}
	return u
}

// counter is a played vendor that notes when each person read came to it.
type counter struct {
	vendor *teamdynamix.Vendor
	server *http.Server
	base   string // with the path of production
	span   time.Duration
	silent bool // no header says how the limit stands

	mu    sync.Mutex
	marks []mark
}

func startCounter(ctx context.Context, t httpTrial, windows int) (*counter, error) {
	return countCalls(ctx, time.Duration(windows)*httpWindow,
		teamdynamix.Options{People: 20, WindowScale: 1. / httpScale, Latency: httpTrip, Competitor: t.competitor})
}

// countCalls plays a vendor for as long as span, from the first call that it counts.
func countCalls(ctx context.Context, span time.Duration, options teamdynamix.Options) (*counter, error) {
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	c := &counter{
		vendor: teamdynamix.New(options),
		base:   "http://" + ln.Addr().String() + teamdynamix.Production,
		span:   span,
	}
	c.server = &http.Server{Handler: c, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = c.server.Serve(ln) }()
	return c, nil
}

// startCounters starts one for each trial; those that it returns are to be closed even with an error.
func startCounters(ctx context.Context, windows int) (counters []*counter, err error) {
	for _, t := range httpTrials {
		c, err := startCounter(ctx, t, windows)
		if err != nil {
			return counters, err
		}
		counters = append(counters, c)
	}
	return counters, nil
}

func closeCounters(counters []*counter) {
	for _, c := range counters {
		_ = c.server.Close()
	}
}

// ServeHTTP implements http.Handler.
func (c *counter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !strings.HasPrefix(r.URL.Path, teamdynamix.Production+"/api/people/") || strings.HasSuffix(r.URL.Path, "/userlist") {
		c.vendor.ServeHTTP(w, r)
		return
	}
	c.mu.Lock() // so that the order of marks is that of times
	i := len(c.marks)
	c.marks = append(c.marks, mark{at: time.Now()})
	c.mu.Unlock()
	status := statusWriter{ResponseWriter: w, silent: c.silent}
	c.vendor.ServeHTTP(&status, r)
	c.mu.Lock()
	c.marks[i].refused = status.code == http.StatusTooManyRequests
	c.mu.Unlock()
}

// over tells whether the span has ended.
func (c *counter) over() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.marks) > 0 && time.Since(c.marks[0].at) >= c.span
}

func (c *counter) used(windows int) used {
	c.mu.Lock()
	defer c.mu.Unlock()
	return weigh(c.marks, calls, httpWindow, windows)
}

// statusWriter keeps the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	silent bool
	code   int
}

// WriteHeader implements http.ResponseWriter.
func (w *statusWriter) WriteHeader(code int) {
	w.code = code
	if w.silent {
		for _, name := range []string{"X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "Retry-After"} {
			delete(w.Header(), name) // which are not in the form that Go would give them
		}
	}
	w.ResponseWriter.WriteHeader(code)
}

// Write implements http.ResponseWriter.
func (w *statusWriter) Write(p []byte) (int, error) {
	if w.code == 0 {
		w.WriteHeader(http.StatusOK)
	}
	return w.ResponseWriter.Write(p)
}

// Unwrap lets the vendor reach what else the server's writer can do.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// measureHTTP runs all trials once through one Sluice.
func measureHTTP(ctx context.Context, binary string, windows int) ([]used, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(windows)*httpWindow+time.Minute)
	defer cancel()
	counters, err := startCounters(ctx, windows)
	defer closeCounters(counters)
	if err != nil {
		return nil, err
	}
	p, tidy, err := startPacing(ctx, binary, counters)
	if err != nil {
		return nil, err
	}
	defer tidy()
	errs := make([]error, len(httpTrials))
	var all sync.WaitGroup
	for i, t := range httpTrials {
		all.Go(func() { errs[i] = counters[i].read(ctx, "http://"+p.addr+"/"+t.key) })
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	uses := make([]used, len(httpTrials))
	for i, c := range counters {
		if uses[i] = c.used(windows); uses[i].most > calls {
			return nil, fmt.Errorf("%s: %d calls in one window that permits %d: the bench miscounts", httpTrials[i].key, uses[i].most, calls)
		}
	}
	return uses, nil
}

// startPacing starts Sluice with a connection for each trial.
func startPacing(ctx context.Context, binary string, counters []*counter) (p *process, tidy func(), err error) {
	dir, err := os.MkdirTemp("", "sluice-bench-")
	if err != nil {
		return nil, nil, err
	}
	addr, err := freeAddr(ctx)
	if err == nil {
		config := fmt.Appendf(nil, "listeners:\n  main: {address: %q}\nadmin: {address: \"127.0.0.1:0\"}\nconnections:\n", addr)
		for i, t := range httpTrials {
			config = fmt.Appendf(config, `  %s:
    connector: teamdynamix
    base_url: %s
    allow_networks: [127.0.0.0/8]
    limits:
      "GET /api/people/{uid}": %s
`, t.key, counters[i].base, t.limit)
		}
		file := filepath.Join(dir, "sluice.yaml")
		if err = os.WriteFile(file, config, 0o600); err == nil {
			p, err = start(ctx, addr, binary, "serve", "--config", file)
		}
	}
	if err != nil {
		_ = os.RemoveAll(dir)
		return nil, nil, err
	}
	return p, func() {
		p.stop()
		_ = os.RemoveAll(dir)
	}, nil
}

// read has all workers read people below prefix until the span is over. Any answer but a person's or a 429 is an error.
func (c *counter) read(ctx context.Context, prefix string) error {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: httpWorkers}}
	defer client.CloseIdleConnections()
	token, people, err := c.people(ctx, client)
	if err != nil {
		return err
	}
	errs := make([]error, httpWorkers)
	var all sync.WaitGroup
	for worker := range httpWorkers {
		all.Go(func() {
			for i := worker; errs[worker] == nil && !c.over(); i += httpWorkers {
				uid := people[i%len(people)]
				var person []byte
				person, errs[worker] = fetch(ctx, client, http.MethodGet, prefix+"/api/people/"+uid, token, "")
				if errors.Is(errs[worker], errTold) { // where others spend too it may happen; the vendor's side is what counts
					errs[worker] = nil
					continue
				}
				if errs[worker] == nil && !bytes.Contains(person, []byte(uid)) {
					errs[worker] = fmt.Errorf("read %s: got another answer: %.200s", uid, person)
				}
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// people signs in at the vendor itself and lists who can be read.
func (c *counter) people(ctx context.Context, client *http.Client) (token string, uids []string, err error) {
	options := c.vendor.Options()
	credentials := fmt.Sprintf(`{"BEID":%q,"WebServicesKey":%q}`, options.BEID, options.WebServicesKey)
	bearer, err := fetch(ctx, client, http.MethodPost, c.base+"/api/auth/loginadmin", "", credentials)
	if err != nil {
		return "", nil, fmt.Errorf("sign in: %w", err)
	}
	list, err := fetch(ctx, client, http.MethodGet, c.base+"/api/people/userlist?isActive=&isEmployee=&userType=None", string(bearer), "")
	if err != nil {
		return "", nil, fmt.Errorf("list people: %w", err)
	}
	var people []struct{ UID string }
	if err := json.Unmarshal(list, &people); err != nil || len(people) == 0 {
		return "", nil, fmt.Errorf("list people: got %d, %w", len(people), err)
	}
	for _, p := range people {
		uids = append(uids, p.UID)
	}
	return string(bearer), uids, nil
}

// errTold is that a caller was told to come back later.
var errTold = errors.New("too many requests")

// fetch asks once and returns the body of a 200.
func fetch(ctx context.Context, client *http.Client, method, target, token, body string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, target, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	switch {
	case err != nil || resp.StatusCode == http.StatusOK:
	case resp.StatusCode == http.StatusTooManyRequests:
		err = errTold
	default:
		err = fmt.Errorf("%s: answer %d: %.300s", target, resp.StatusCode, answer)
	}
	return answer, err
}
