package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// demoConnector is an IGA connector cut down to what decides how it gets on with TeamDynamix. It is impatient: it reads people as
// fast as its threads can, and learns of a limit by being refused. What it understands of a refusal is what such connectors do:
// an integer Retry-After of 1 to 180 s, or an X-RateLimit-Reset in Unix seconds. An HTTP date is lost on it, and then it assumes the
// worst, that the whole window is still to come.
//
// The demo runs this one type on both sides; only base differs.
type demoConnector struct {
	base    string // what an operator would type in as base URL
	client  *http.Client
	threads int
	window  time.Duration // the worst that it assumes
	bearer  string

	began time.Time // of the first read
	mu    sync.Mutex
	tally demoTally
}

// demoTally is what a run of reads came to.
type demoTally struct {
	Read     int           // people read
	Refused  int           // answers of 429
	Blind    int           // of them, those that said no time that the connector can read
	Waited   time.Duration // after refusals, all threads together
	Requests int
	Longest  time.Duration // slowest single request
	Took     time.Duration
}

// demoAnswer is an answer with its body read.
type demoAnswer struct {
	Status int
	Header http.Header
	Body   []byte
}

// signIn asks for a token with BEID and key. usable tells whether the connector's response mapping finds access_token in the answer; if
// not, the demo carries on with the bare text, as the rule or script would that a customer has to write.
func (c *demoConnector) signIn(ctx context.Context, beid, key string) (answer demoAnswer, usable bool, err error) {
	credential, err := json.Marshal(map[string]string{"BEID": beid, "WebServicesKey": key})
	if err != nil {
		return answer, false, fmt.Errorf("write the credential: %w", err)
	}
	answer, err = c.call(ctx, http.MethodPost, "/api/auth/loginadmin", credential)
	if err != nil {
		return answer, false, err
	}
	if answer.Status != http.StatusOK {
		return answer, false, fmt.Errorf("sign in at %s: status %d", c.base, answer.Status)
	}
	var mapped struct {
		AccessToken string `json:"access_token"`
	}
	if json.Unmarshal(answer.Body, &mapped) == nil && mapped.AccessToken != "" {
		c.bearer = mapped.AccessToken
		return answer, true, nil
	}
	c.bearer = string(bytes.TrimSpace(answer.Body))
	return answer, false, nil
}

// people lists the UIDs of n people. The search answers them without their collections, which is why a read of each has to follow.
func (c *demoConnector) people(ctx context.Context, n int) ([]string, error) {
	answer, err := c.call(ctx, http.MethodPost, "/api/people/search", fmt.Appendf(nil, `{"MaxResults":%d}`, n))
	if err != nil {
		return nil, err
	}
	var found []struct{ UID string }
	if err := json.Unmarshal(answer.Body, &found); err != nil || len(found) != n {
		return nil, fmt.Errorf("list people at %s: status %d with %d of %d people", c.base, answer.Status, len(found), n)
	}
	uids := make([]string, n)
	for i, one := range found {
		uids[i] = one.UID
	}
	return uids, nil
}

// person reads one person, whatever the answer is.
func (c *demoConnector) person(ctx context.Context, uid string) (demoAnswer, error) {
	return c.call(ctx, http.MethodGet, "/api/people/"+uid, nil)
}

// first reads one person, who counts among those of readAll.
func (c *demoConnector) first(ctx context.Context, uid string) (demoAnswer, error) {
	c.began = time.Now()
	answer, err := c.person(ctx, uid)
	if err != nil {
		return answer, err
	}
	return answer, c.check(answer, uid, time.Since(c.began))
}

// readAll reads every other person once, and tells step of each one read.
func (c *demoConnector) readAll(ctx context.Context, uids []string, step func()) (demoTally, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	todo := make(chan string)
	var threads sync.WaitGroup
	for range c.threads {
		threads.Go(func() {
			for uid := range todo {
				if err := c.read(ctx, uid); err != nil {
					cancel(err)
					return
				}
				step()
			}
		})
	}
	for _, uid := range uids {
		select {
		case todo <- uid:
		case <-ctx.Done():
		}
	}
	close(todo)
	threads.Wait()
	c.tally.Took = time.Since(c.began)
	return c.tally, context.Cause(ctx)
}

// refusalsAtMost ends a read that gets nowhere; connectors give up far sooner.
const refusalsAtMost = 20

// read reads a person, again and again while it is refused.
func (c *demoConnector) read(ctx context.Context, uid string) error {
	for range refusalsAtMost {
		start := time.Now()
		answer, err := c.person(ctx, uid)
		if err != nil {
			return err
		}
		took := time.Since(start)
		if answer.Status != http.StatusTooManyRequests {
			return c.check(answer, uid, took)
		}
		pause, understood := c.pause(answer.Header, time.Now())
		c.mu.Lock()
		c.tally.Requests++
		c.tally.Refused++
		c.tally.Waited += pause
		if !understood {
			c.tally.Blind++
		}
		c.mu.Unlock()
		if err := sleep(ctx, pause); err != nil {
			return err
		}
	}
	return fmt.Errorf("read person %s at %s: refused %d times in a row", uid, c.base, refusalsAtMost)
}

// check counts an answer that must be the person asked for.
func (c *demoConnector) check(answer demoAnswer, uid string, took time.Duration) error {
	var person struct{ UID string }
	if err := json.Unmarshal(answer.Body, &person); answer.Status != http.StatusOK || err != nil || person.UID != uid {
		return fmt.Errorf("read person %s at %s: status %d with person %q", uid, c.base, answer.Status, person.UID)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tally.Requests++
	c.tally.Read++
	c.tally.Longest = max(c.tally.Longest, took)
	return nil
}

// pause is how long a refusal makes the connector wait, and whether the answer told it.
func (c *demoConnector) pause(h http.Header, now time.Time) (wait time.Duration, understood bool) {
	const longest = 180 // SailPoint's Web Services connector takes a Retry-After of 1 to 180 s
	if n, err := strconv.Atoi(h.Get("Retry-After")); err == nil && n >= 1 {
		return time.Duration(min(n, longest)) * time.Second, true
	}
	if unix, err := strconv.ParseInt(h.Get("X-RateLimit-Reset"), 10, 64); err == nil {
		return max(time.Unix(unix, 0).Sub(now), 0), true
	}
	return c.window, false
}

// call sends one request and reads its answer.
func (c *demoConnector) call(ctx context.Context, method, path string, body []byte) (demoAnswer, error) {
	r, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return demoAnswer{}, fmt.Errorf("make a request: %w", err)
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if c.bearer != "" {
		r.Header.Set("Authorization", "Bearer "+c.bearer)
	}
	resp, err := c.client.Do(r)
	if err != nil {
		return demoAnswer{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return demoAnswer{}, fmt.Errorf("read the answer to %s %s: %w", method, path, err)
	}
	return demoAnswer{Status: resp.StatusCode, Header: resp.Header, Body: data}, nil
}

// sleep waits for d, or returns why ctx ended.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
