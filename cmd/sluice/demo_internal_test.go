package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// runDemo plays the demo with a window of 3 s, in which a slow machine too reads the 60 people that it takes to be refused.
func runDemo(t *testing.T, args ...string) (code int, out, progress string) {
	t.Helper()
	// The whole demo takes less than a minute; this is a tenth of it, with room for a busy machine.
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Second)
	defer cancel()
	var stdout, stderr bytes.Buffer
	code = run(ctx, append([]string{"demo", "--reads", "64", "--window", "3s"}, args...), nil, nil, &stdout, &stderr)
	if err := ctx.Err(); err != nil {
		t.Fatalf("the demo took longer than 50 s\n%s\n%s", &stdout, &stderr)
	}
	return code, stdout.String(), stderr.String()
}

func TestDemoShowsWhatChanges(t *testing.T) {
	t.Parallel()
	code, out, progress := runDemo(t)
	if code != exitOK {
		t.Errorf("exit code: got %d, want %d\n%s\n%s", code, exitOK, out, progress)
	}
	for what, pattern := range map[string]string{
		"a bare token directly":       `200  text/plain; charset=utf-8 +200  application/json\n +eyJhbGci[\w]*… \(\d+ characters\)`,
		"a token as JSON through":     `access_token: eyJhbGci\w*… \(\d+ characters\)\n +token_type: Bearer\n +expires_in: 86\d{3}\n`,
		"an IMF date and Unix time":   `X-RateLimit-Reset: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT  X-RateLimit-Reset: \d{10}\n`,
		"all people on both sides":    `people read +64 +64\n`,
		"no refusal through Sluice":   `refused with 429 +\d+ +none\n`,
		"the scaled window":           `60 calls are allowed in 3 s where the real one says 60 s`,
		"the promises, kept":          `✓ access_token(?s:.*)✓ Unix seconds(?s:.*)✓ not one refusal`,
		"what the connector is told ": `✗ no access_token(?s:.*)✗ an HTTP date`,
	} {
		if !regexp.MustCompile(pattern).MatchString(out) {
			t.Errorf("%s: got no match for %s in\n%s", what, pattern, out)
		}
	}
	for line := range strings.Lines(out + progress) {
		if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > 100 {
			t.Errorf("got a line of %d characters, want at most 100: %s", n, line)
		}
	}
	if strings.Contains(out, "\x1b") || strings.Contains(progress, "\x1b") || strings.Contains(progress, "\r") {
		t.Error("got terminal codes, want none where nobody looks")
	}
	if got := strings.Count(progress, "\n"); got < 2 || got > 4 {
		t.Errorf("got %d lines of progress, want 2 to 4:\n%s", got, progress)
	}
	if regexp.MustCompile(`eyJ[\w-]{20}`).MatchString(out) {
		t.Errorf("got a token in the output, want it shortened\n%s", out)
	}
}

func TestDemoStays(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithTimeout(t.Context(), 50*time.Second)
	defer stop()
	read, write := io.Pipe()
	done := make(chan int, 1)
	go func() {
		done <- run(ctx, []string{"demo", "--stay", "--reads", "2", "--window", "3s"}, nil, nil, write, io.Discard)
		_ = write.Close()
	}()
	out := readUntil(t, read, "Authorization: Bearer")
	go func() { _, _ = io.Copy(io.Discard, read) }()

	found := regexp.MustCompile(`configuration   (\S+)`).FindStringSubmatch(out)
	if found == nil {
		t.Fatalf("got no configuration file in\n%s", out)
	}
	if _, err := os.Stat(found[1]); err != nil {
		t.Errorf("the configuration that the demo names: %v", err)
	}
	metrics := regexp.MustCompile(`http://\S+/metrics`).FindString(out)
	if got := fetch(t, metrics); !strings.Contains(got, "sluice_requests_total") {
		t.Errorf("%s: got %.200s, want sluice_requests_total in it", metrics, got)
	}
	person := regexp.MustCompile(`curl -si (\S+)`).FindStringSubmatch(out)[1]
	if got := fetch(t, person); !strings.Contains(got, "Authorization has been denied") {
		t.Errorf("%s without a token: got %q, want the vendor's refusal", person, got)
	}
	stop()
	if code := <-done; code != exitOK {
		t.Errorf("exit code after a stop: got %d, want %d", code, exitOK)
	}
	if _, err := os.Stat(filepath.Dir(found[1])); !os.IsNotExist(err) {
		t.Errorf("the demo's folder after a stop: got %v, want that it is gone", err)
	}
}

// TestDemoNoticesBrokenPromise puts the vendor itself where Sluice should be.
func TestDemoNoticesBrokenPromise(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	f := &demoFlags{reads: 2, threads: 1, window: 3 * time.Second}
	house, err := openDemoHouse(t.Context(), f, io.Discard)
	if err != nil {
		t.Fatalf("open the demo's house: %v", err)
	}
	defer func() {
		if err := house.Close(); err != nil {
			t.Errorf("close the demo's house: %v", err)
		}
	}()
	house.sluice = house.through.url + demoBase
	play := &demoPlay{flags: f, house: house, stage: newDemoStage(environment{stdout: &out})}
	play.opening()
	defer play.leave()
	if err := play.signIn(t.Context()); err != nil {
		t.Fatalf("sign-in: %v", err)
	}
	if !play.stage.broken {
		t.Errorf("a sign-in in bare text: got no broken promise, want one\n%s", &out)
	}
	play.stage.broken = false
	if err := play.onePerson(t.Context()); err != nil {
		t.Fatalf("person: %v", err)
	}
	if !play.stage.broken {
		t.Errorf("a reset in IMF: got no broken promise, want one\n%s", &out)
	}
}

func TestDemoFlagsRefuse(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"--reads", "1"}, {"--threads", "0"}, {"--window", "1s"}, {"--window", "61s"}, {"extra"}} {
		var stderr bytes.Buffer
		if code := run(t.Context(), append([]string{"demo"}, args...), nil, nil, io.Discard, &stderr); code != exitUsage {
			t.Errorf("demo %q: got exit code %d, want %d; %s", args, code, exitUsage, &stderr)
		}
	}
}

func TestDemoConnectorPause(t *testing.T) {
	t.Parallel()
	now := time.Date(2024, time.September, 2, 8, 49, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		header     http.Header
		want       time.Duration
		understood bool
	}{
		"nothing":             {http.Header{}, time.Minute, false},
		"an HTTP date":        {http.Header{"X-Ratelimit-Reset": {"Mon, 02 Sep 2024 08:49:37 GMT"}}, time.Minute, false},
		"Unix seconds":        {http.Header{"X-Ratelimit-Reset": {"1725266977"}}, 37 * time.Second, true},
		"Unix, in the past":   {http.Header{"X-Ratelimit-Reset": {"1725266900"}}, 0, true},
		"Retry-After":         {http.Header{"Retry-After": {"7"}, "X-Ratelimit-Reset": {"1725266977"}}, 7 * time.Second, true},
		"Retry-After, long":   {http.Header{"Retry-After": {"3600"}}, 180 * time.Second, true},
		"Retry-After, 0":      {http.Header{"Retry-After": {"0"}}, time.Minute, false},
		"Retry-After, a date": {http.Header{"Retry-After": {"Mon, 02 Sep 2024 08:49:37 GMT"}}, time.Minute, false},
	} {
		connector := &demoConnector{window: time.Minute}
		if got, understood := connector.pause(c.header, now); got != c.want || understood != c.understood {
			t.Errorf("%s: got %s, %t, want %s, %t", name, got, understood, c.want, c.understood)
		}
	}
}

func TestShort(t *testing.T) {
	t.Parallel()
	for token, want := range map[string]string{
		"":                       "(0 characters)",
		"secret":                 "(6 characters)",
		strings.Repeat("x", 22):  "(22 characters)",
		strings.Repeat("x", 218): "xxxxxxxxxxx… (218 characters)",
	} {
		if got := short(token); got != want {
			t.Errorf("short of %d characters: got %q, want %q", len(token), got, want)
		}
	}
}

// FuzzWrap: no word is lost, and no line with a blank to break at is too long.
func FuzzWrap(f *testing.F) {
	f.Add("the connector waits as long as the answer says", 10)
	f.Add("✗ no access_token that the connector could map", 12)
	f.Add("   blanks   in   front", 5)
	f.Fuzz(func(t *testing.T, text string, width int) {
		width = 4 + width&0x3f
		text = string([]rune(text)) // what is no UTF-8 becomes U+FFFD
		lines := wrap(text, width)
		if got, want := strings.Fields(strings.Join(lines, " ")), strings.Fields(text); strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("words of wrap(%q, %d): got %q, want %q", text, width, got, want)
		}
		for _, line := range lines[:len(lines)-1] {
			if n := utf8.RuneCountInString(line); n > width {
				t.Errorf("wrap(%q, %d): got a line of %d characters %q", text, width, n, line)
			}
		}
	})
}

// readUntil reads until mark has come.
func readUntil(t *testing.T, from io.Reader, mark string) string {
	t.Helper()
	var out bytes.Buffer
	chunk := make([]byte, 4096)
	for !strings.Contains(out.String(), mark) {
		n, err := from.Read(chunk)
		out.Write(chunk[:n])
		if err != nil {
			t.Fatalf("wait for %q: %v; got\n%s", mark, err, &out)
		}
	}
	return out.String()
}

// fetch returns the body of a GET, whatever its status.
func fetch(t *testing.T, url string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatalf("%s: %v", url, err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(r)
	if err != nil {
		t.Fatalf("%s: %v", url, err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s: %v", url, err)
	}
	return string(body)
}
